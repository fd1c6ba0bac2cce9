//! Who the operator is: sessions, passwords, the first one, attempts.

mod create;
mod first;
mod password;
pub mod session;
mod throttle;
mod token;

pub use create::{create_operator, name_problem, password_problem};
pub use first::{print_set_up_link, set_up_token_is_right};
pub use password::{hash_password, password_is_right};
pub use throttle::Throttle;
pub use token::Token;
