//! What an event must be like to be accepted, in general and by its kind.
#![allow(missing_docs, reason = "config.default.toml documents each key")]

use serde::{Deserialize, Serialize};
use validator::{Validate, ValidationError};

use super::sections::is_key;

#[derive(Debug, Clone, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub created_at_lower_limit: u64,
    pub created_at_upper_limit: u64,
    #[validate(range(max = 256))]
    pub min_pow_difficulty: u32,
    #[validate(range(max = 5))]
    pub pow_exempt_level: u8,
    pub pow_needs_target: bool,
    pub allowed_kinds: Vec<u16>,
    pub denied_kinds: Vec<u16>,
    #[validate(custom(function = all_keys))]
    pub allowed_pubkeys: Vec<String>,
    #[validate(custom(function = all_keys))]
    pub denied_pubkeys: Vec<String>,
    pub max_mentions: usize,
    pub delegation: bool,
    #[validate(nested)]
    pub kinds: Vec<KindRule>,
}

/// `[[policy.kinds]]`: what is absent is as for every other kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct KindRule {
    #[validate(length(min = 1))]
    pub kinds: Vec<u16>,
    pub max_bytes: Option<usize>,
    pub max_tags: Option<usize>,
    #[validate(range(max = 4))]
    pub min_level: Option<u8>,
    #[validate(range(max = 256))]
    pub min_pow_difficulty: Option<u32>,
    pub created_at_lower_limit: Option<u64>,
    pub created_at_upper_limit: Option<u64>,
    #[serde(default)]
    pub open: bool,
}

impl Policy {
    /// The rule for a kind, if it has one of its own.
    pub fn rule(&self, kind: u16) -> Option<&KindRule> {
        self.kinds.iter().find(|rule| rule.kinds.contains(&kind))
    }
}

fn all_keys(keys: &[String]) -> Result<(), ValidationError> {
    if keys.iter().all(|key| is_key(key)) {
        Ok(())
    } else {
        Err(ValidationError::new("64 lower-case hex characters"))
    }
}
