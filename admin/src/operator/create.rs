//! New operators.

use store::{NewOperator, Store};
use validator::ValidationError;

use super::hash_password;
use crate::web::{PageError, problem};

/// Characters of a password at least.
pub const SHORTEST: usize = 10;

/// Characters of a password at most: hashing is work.
pub const LONGEST: usize = 200;

/// What is wrong with a name, if anything.
pub fn name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("A name is needed.");
    }
    if name.chars().count() > 50 || name.chars().any(char::is_control) || name.trim() != name {
        return Some("At most 50 characters, without spaces at its ends.");
    }
    None
}

/// A name, as forms check it.
pub fn valid_name(name: &str) -> Result<(), ValidationError> {
    name_problem(name).map_or(Ok(()), |text| Err(problem(text)))
}

/// What is wrong with a password, if anything.
pub fn password_problem(password: &str) -> Option<&'static str> {
    match password.chars().count() {
        0..SHORTEST => Some("At least 10 characters."),
        SHORTEST..=LONGEST => None,
        _ => Some("At most 200 characters."),
    }
}

/// A password, as forms check it.
pub fn valid_password(password: &str) -> Result<(), ValidationError> {
    password_problem(password).map_or(Ok(()), |text| Err(problem(text)))
}

/// Adds an operator whose name and password have been looked at.
pub async fn create_operator(
    store: &Store,
    name: &str,
    password: String,
    only_first: bool,
) -> Result<NewOperator, PageError> {
    let hash = hash_password(password).await?;
    Ok(store.create_operator(name, Some(&hash), only_first).await?)
}
