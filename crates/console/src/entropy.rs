//! Where random bytes come from: the one home of randomness in the console.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Gives random bytes; cheap to clone. Tests hand in their own source.
#[derive(Clone)]
pub struct Entropy(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) -> bool + Send + Sync;

/// The source gave no bytes: nothing that must be secret can be made.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes: nothing that must be secret can be made")]
pub struct NoEntropy;

impl Entropy {
    /// The operating system's generator.
    pub fn system() -> Self {
        Self(Arc::new(|out| getrandom::fill(out).is_ok()))
    }

    /// Bytes from `fill`, which returns false if it has none.
    pub fn from_fn(fill: impl Fn(&mut [u8]) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// `N` random bytes.
    ///
    /// # Errors
    /// [`NoEntropy`] if the source has none.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        let mut out = [0; N];
        if (self.0)(&mut out) { Ok(out) } else { Err(NoEntropy) }
    }

    /// 256 random bits as 43 characters that are safe in a cookie and a header.
    ///
    /// # Errors
    /// [`NoEntropy`] if the source has none.
    pub fn token(&self) -> Result<String, NoEntropy> {
        Ok(URL_SAFE_NO_PAD.encode(self.bytes::<32>()?))
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}
