//! Passwords: argon2id.

use std::sync::LazyLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use rand::RngCore;
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::web::PageError;

/// A hash takes 19 MB and some ten milliseconds of a core: no more than this at a time, however many try to sign in.
static AT_A_TIME: Semaphore = Semaphore::const_new(2);

/// What an account that does not exist is compared with, so that it takes as long as one that does.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody").ok());

/// The hash of a password, in PHC format.
pub async fn hash_password(password: String) -> Result<String, PageError> {
    in_turn(move || hash(&password)).await?.map_err(internal)
}

/// Whether it is the password of this hash; without a hash it takes as long and is not.
pub async fn password_is_right(password: String, hash: Option<String>) -> Result<bool, PageError> {
    in_turn(move || {
        let exists = hash.is_some();
        let Some(hash) = hash.or_else(|| NOBODY.clone()) else {
            return false;
        };
        let Ok(parsed) = PasswordHash::new(&hash) else {
            return false;
        };
        Argon2::default()
            .verify_password(password.as_bytes(), &parsed)
            .is_ok()
            && exists
    })
    .await
}

async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PageError> {
    let _turn = AT_A_TIME.acquire().await.map_err(internal)?;
    spawn_blocking(work).await.map_err(internal)
}

fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    let mut salt = [0; 16];
    rand::rng().fill_bytes(&mut salt);
    let salt = SaltString::encode_b64(&salt)?;
    Ok(Argon2::default()
        .hash_password(password.as_bytes(), &salt)?
        .to_string())
}

fn internal(error: impl std::fmt::Display) -> PageError {
    PageError::Internal(error.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords() {
        let hash = hash_password("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        let is_right = |password: &str, hash: Option<&str>| {
            password_is_right(password.to_owned(), hash.map(str::to_owned))
        };
        assert!(is_right("correct horse", Some(&hash)).await.unwrap());
        assert!(!is_right("wrong horse", Some(&hash)).await.unwrap());
        assert!(!is_right("nobody", None).await.unwrap());
    }
}
