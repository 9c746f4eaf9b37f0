//! Text within text: base 64, hexadecimal, percent, `\u` and quoted-printable encodings, UTF-16, and look-alike
//! characters, each with a map from decoded bytes back to where they came from.
//!
//! Every decoder is bounded ([`DecodeLimits`]); what is over a limit is not decoded.

mod encoded;
mod fold;
mod mapped;
mod wide;

pub use encoded::{DecodeLimits, Decoded, Encoding, decode_layers};
pub use fold::fold;
pub use mapped::MappedText;
pub use wide::decode_utf16;
