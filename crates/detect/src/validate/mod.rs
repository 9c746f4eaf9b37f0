//! Checks on candidates: check digits, ranges, dates. Sources are the public specifications named at each function.

mod americas;
mod arithmetic;
mod asia;
mod chain;
mod europe;
mod finance;
mod keccak;
mod token;

/// What a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// It is none.
    Fail,
    /// Nothing here can be checked.
    Unknown,
    /// It may be one: valid, but odd.
    Weak,
    /// It is well formed and its check digits are right.
    Pass,
}

impl From<bool> for Check {
    fn from(ok: bool) -> Self {
        if ok { Self::Pass } else { Self::Fail }
    }
}

/// A named check. `raw` is the candidate as written; `compact` its letters (upper case) and digits, at most 64.
pub(crate) struct Validator {
    /// Name, as rules give it.
    pub(crate) name: &'static str,
    run: fn(raw: &[u8], compact: &[u8]) -> Check,
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Validator {
    pub(crate) fn check(&self, raw: &[u8], compact: &[u8]) -> Check {
        (self.run)(raw, compact)
    }
}

macro_rules! validators {
    ($($name:literal => $run:path),+ $(,)?) => {
        /// Every check.
        pub(crate) static VALIDATORS: &[Validator] = &[$(Validator { name: $name, run: $run }),+];
    };
}

validators! {
    "card" => finance::card,
    "aba" => finance::aba,
    "bic" => finance::bic,
    "us-ssn" => americas::us_ssn,
    "us-itin" => americas::us_itin,
    "us-npi" => americas::us_npi,
    "us-dea" => americas::us_dea,
    "us-mbi" => americas::us_mbi,
    "ca-sin" => americas::ca_sin,
    "br-cpf" => americas::br_cpf,
    "br-cnpj" => americas::br_cnpj,
    "mx-curp" => americas::mx_curp,
    "vin" => americas::vin,
    "imei" => americas::imei,
    "in-aadhaar" => asia::in_aadhaar,
    "in-pan" => asia::in_pan,
    "in-gstin" => asia::in_gstin,
    "au-tfn" => asia::au_tfn,
    "au-abn" => asia::au_abn,
    "au-acn" => asia::au_acn,
    "au-medicare" => asia::au_medicare,
    "sg-nric" => asia::sg_nric,
    "kr-rrn" => asia::kr_rrn,
    "jp-my-number" => asia::jp_my_number,
    "cn-ric" => asia::cn_ric,
    "za-id" => asia::za_id,
    "tr-tc" => asia::tr_tc,
    "ru-inn" => asia::ru_inn,
    "ru-snils" => asia::ru_snils,
    "uk-nhs" => europe::uk_nhs,
    "uk-nino" => europe::uk_nino,
    "es-nif" => europe::es_nif,
    "es-nie" => europe::es_nie,
    "it-fiscal-code" => europe::it_fiscal_code,
    "it-vat" => europe::it_vat,
    "fr-nir" => europe::fr_nir,
    "pt-nif" => europe::pt_nif,
    "nl-bsn" => europe::nl_bsn,
    "be-nrn" => europe::be_nrn,
    "de-tax-id" => europe::de_tax_id,
    "de-document" => europe::de_document,
    "pl-pesel" => europe::pl_pesel,
    "se-personnummer" => europe::se_personnummer,
    "fi-hetu" => europe::fi_hetu,
    "dk-cpr" => europe::dk_cpr,
    "no-fnr" => europe::no_fnr,
    "ch-ahv" => europe::ch_ahv,
    "cz-rc" => europe::cz_rc,
    "btc" => chain::btc,
    "eth" => chain::eth,
    "github-crc" => token::github_crc,
    "base62-crc" => token::base62_crc,
    "aws-key-id" => token::aws_key_id,
    "varied" => token::varied,
    "user-password" => token::user_password,
}

/// The check of this name.
pub(crate) fn by_name(name: &str) -> Option<&'static Validator> {
    VALIDATORS.iter().find(|v| v.name == name)
}
