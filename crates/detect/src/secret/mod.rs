//! What only secrets need: values assigned to names, rarity, placeholders, tokens that carry their own proof.

mod assign;
mod generic;
mod key_block;
mod placeholder;
mod rarity;
mod sequence;
mod uri;
mod web_token;

pub(crate) use assign::{Assigned, value_after};
pub(crate) use generic::{Name, is_one_case, is_stub, judge, names_no_secret, shape_evidence, usual_length};
pub(crate) use key_block::key_block;
pub(crate) use placeholder::{is_placeholder, is_sandbox};
pub(crate) use rarity::rarity;
pub(crate) use sequence::{is_alternating, is_sequence};
pub(crate) use uri::url_password;
pub(crate) use web_token::web_token;
