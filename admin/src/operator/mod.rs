//! Who the operator is: sessions, passwords, the first one, attempts.

mod create;
mod first;
mod from_shell;
mod password;
pub mod session;
mod throttle;
mod token;

pub use create::{create_operator, name_problem, password_problem, valid_name, valid_password};
pub use first::{print_set_up_link, set_up_token_is_right};
pub use from_shell::{NewFromShell, NotCreated};
pub use password::{hash_password, password_is_right};
pub use throttle::Throttle;
pub use token::Token;
