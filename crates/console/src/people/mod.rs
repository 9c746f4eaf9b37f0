//! Who may come in: passwords, sessions, API tokens, throttling of guesses, and the first admin.

mod bootstrap;
mod password;
mod session;
mod throttle;

pub(crate) use bootstrap::one_time_password;
pub use bootstrap::{AccessError, bootstrap_admin, issue_api_token, revoke_api_token};
pub use password::Passwords;
pub use session::{Scope, Standing, digest_of, open_session, standing_of_cookie, standing_of_token};
pub use throttle::Throttle;
