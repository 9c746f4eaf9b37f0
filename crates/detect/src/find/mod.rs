//! Recognisers whose grammar is no mask: addresses, telephone numbers, IBANs, phrases. Each looks only near its anchor.

mod email;
mod iban;
mod mnemonic;
mod net;
mod phone;
mod phone_lead;
mod phone_plan;
mod phrase;
mod url;

pub(crate) use email::email;
pub(crate) use iban::iban;
pub(crate) use mnemonic::{mnemonics, unfinished};
pub(crate) use net::{hex_groups, ipv4};
pub(crate) use phone::{is_escape, phone};
pub(crate) use url::url;
