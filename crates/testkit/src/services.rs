//! Where Redis and Postgres are.

use std::path::{Path, PathBuf};

use rand::Rng;

/// The top of the repository.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/testkit lies two below the top")
        .into()
}

/// A setting from the environment or from what `scripts/services start test` has written.
fn setting(name: &str) -> String {
    if let Ok(value) = std::env::var(name) {
        return value;
    }
    let file = top().join(".data/test/env");
    let lines = std::fs::read_to_string(&file).unwrap_or_default();
    let value = lines
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value
        .unwrap_or_else(|| {
            panic!("{name} is not set: run `make test`, or `scripts/services start test` first")
        })
        .to_owned()
}

/// The URL of the Redis for tests.
pub fn redis_url() -> String {
    setting("REDIS_URL")
}

/// The URL of the Postgres for tests; its database is not touched.
pub(crate) fn database_url() -> String {
    setting("DATABASE_URL")
}

/// A prefix that no other test has.
pub fn namespace() -> String {
    format!("t{}:", random_name())
}

pub(crate) fn random_name() -> String {
    format!("{:016x}", rand::rng().random::<u64>())
}
