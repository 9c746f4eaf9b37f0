//! Passwords: argon2id (RFC 9106) in PHC form, and the rules for a new one.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use casemate_finding::Secret;
use tokio::sync::Semaphore;

use crate::entropy::{Entropy, NoEntropy};
use crate::limits::{HASHES_AT_ONCE_MAX, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};

/// Why a new password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// Too short.
    #[error("use at least {PASSWORD_CHARS_MIN} characters; a sentence is fine")]
    Short,
    /// Too long.
    #[error("use at most {PASSWORD_BYTES_MAX} bytes")]
    Long,
    /// Contains the log-in name.
    #[error("leave your log-in name out of it")]
    HasName,
    /// One character over and over, or a run like 123456….
    #[error("use something that is not one character or one run of the keyboard's digits or letters")]
    Trivial,
    /// The same as before.
    #[error("choose another one than before")]
    Same,
}

/// Hashes and verifies, a few at a time, off the reactor.
#[derive(Clone, Debug)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// Hash of a password that nobody has: unknown names are verified against it, so that they take as long.
    decoy: Arc<str>,
}

impl Passwords {
    /// Makes the decoy hash from fresh random bytes.
    ///
    /// # Errors
    /// [`NoEntropy`] if there are none.
    pub fn new(entropy: &Entropy) -> Result<Self, NoEntropy> {
        let decoy = hash(&entropy.token()?, entropy)?;
        Ok(Self { permits: Arc::new(Semaphore::new(HASHES_AT_ONCE_MAX)), decoy: decoy.into() })
    }

    /// True if `password` belongs to `stored`; with no stored hash it takes the same work and is false.
    pub async fn verify(&self, stored: Option<&str>, password: Secret<String>) -> bool {
        let known = stored.is_some();
        let phc: Arc<str> = stored.map_or_else(|| Arc::clone(&self.decoy), Arc::from);
        if password.expose().len() > PASSWORD_BYTES_MAX {
            return false;
        }
        let Ok(_permit) = self.permits.acquire().await else { return false };
        let matches = tokio::task::spawn_blocking(move || {
            PasswordHash::new(&phc)
                .is_ok_and(|phc| Argon2::default().verify_password(password.expose().as_bytes(), &phc).is_ok())
        })
        .await
        .unwrap_or(false);
        matches && known
    }

    /// The hash to keep for `password`.
    ///
    /// # Errors
    /// [`NoEntropy`] if no salt can be made.
    pub async fn hash(&self, password: Secret<String>, entropy: &Entropy) -> Result<String, NoEntropy> {
        let Ok(_permit) = self.permits.acquire().await else { return Err(NoEntropy) };
        let entropy = entropy.clone();
        tokio::task::spawn_blocking(move || hash(password.expose(), &entropy)).await.unwrap_or(Err(NoEntropy))
    }
}

/// Argon2id with the crate's defaults (19 MiB, 2 passes, 1 lane: the OWASP minimum) and 16 bytes of salt.
pub(super) fn hash(password: &str, entropy: &Entropy) -> Result<String, NoEntropy> {
    let salt = SaltString::encode_b64(&entropy.bytes::<16>()?).map_err(|_| NoEntropy)?;
    Argon2::default().hash_password(password.as_bytes(), &salt).map(|h| h.to_string()).map_err(|_| NoEntropy)
}

/// Whether `new` may become the password of `name`.
///
/// # Errors
/// [`PasswordRefused`] says what to change.
fn check_new(name: &str, old: &str, new: &str) -> Result<(), PasswordRefused> {
    if new.chars().count() < PASSWORD_CHARS_MIN {
        return Err(PasswordRefused::Short);
    }
    if new.len() > PASSWORD_BYTES_MAX {
        return Err(PasswordRefused::Long);
    }
    if new == old {
        return Err(PasswordRefused::Same);
    }
    if new.to_lowercase().contains(&name.to_lowercase()) {
        return Err(PasswordRefused::HasName);
    }
    let steps = new.as_bytes().windows(2).map(|w| i16::from(w[1]) - i16::from(w[0]));
    let (same, run) = steps.fold((true, true), |(same, run), d| (same && d == 0, run && (d == 1 || d == -9)));
    if same || run {
        return Err(PasswordRefused::Trivial);
    }
    Ok(())
}

impl Passwords {
    /// See [`check_new`].
    ///
    /// # Errors
    /// [`PasswordRefused`] says what to change.
    pub fn check_new(name: &str, old: &str, new: &str) -> Result<(), PasswordRefused> {
        check_new(name, old, new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_for_a_new_password() {
        for (new, verdict) in [
            ("elevenchars", Err(PasswordRefused::Short)),
            ("twelve chars", Ok(())),
            ("correct horse battery", Ok(())),
            ("Ann is the best one", Err(PasswordRefused::HasName)),
            ("aaaaaaaaaaaaaaaa", Err(PasswordRefused::Trivial)),
            ("123456789012", Err(PasswordRefused::Trivial)),
            ("abcdefghijklm", Err(PasswordRefused::Trivial)),
            ("the old password", Err(PasswordRefused::Same)),
        ] {
            assert_eq!(check_new("ann", "the old password", new), verdict, "{new}");
        }
        assert_eq!(check_new("x", "", &"ab1 ".repeat(64)), Ok(()));
        assert_eq!(check_new("x", "", &format!("{}!", "ab1 ".repeat(64))), Err(PasswordRefused::Long));
    }

    #[tokio::test]
    async fn verify_knows_right_wrong_and_nobody() {
        let entropy = Entropy::system();
        let p = Passwords::new(&entropy).expect("entropy");
        let secret = |s: &str| Secret::new(s.to_owned());
        let phc = p.hash(secret("correct horse"), &entropy).await.expect("hash");
        assert!(phc.starts_with("$argon2id$"), "{phc}");
        assert!(p.verify(Some(&phc), secret("correct horse")).await);
        assert!(!p.verify(Some(&phc), secret("correct horses")).await);
        assert!(!p.verify(None, secret("correct horse")).await);
        assert!(!p.verify(Some("not a hash"), secret("x")).await);
    }
}
