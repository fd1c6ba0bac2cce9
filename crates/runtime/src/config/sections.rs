//! The sections; `config.default.toml` tells what each key means.
#![allow(missing_docs, reason = "config.default.toml documents each key")]

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use validator::{Validate, ValidationError};

use super::Secret;

/// A section: refuses keys that it does not know.
macro_rules! section {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Deserialize, Serialize, Validate)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }
    };
}

section!(RelayInfo {
    name: String,
    description: String,
    #[validate(custom(function = empty_or_key))]
    pubkey: String,
    contact: String,
    icon: String,
    banner: String,
    terms_of_service: String,
    software: String,
    payments_url: String,
    fees: Fees,
    #[serde(deserialize_with = "empty_or_secret_key")]
    secret_key: Secret,
    urls: Vec<String>,
});

/// What the relay costs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fees {
    #[serde(default)]
    pub admission: Vec<Fee>,
    #[serde(default)]
    pub subscription: Vec<Fee>,
    #[serde(default)]
    pub publication: Vec<Fee>,
}

/// What something costs, as NIP-11 tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    pub amount: u64,
    pub unit: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<u16>,
}

section!(Redis {
    url: Secret,
    jobs_url: Secret,
    pubsub_url: Secret,
    data_url: Secret,
    namespace: String,
});

section!(Postgres {
    url: Secret,
    #[validate(range(min = 1, max = 1000))]
    max_connections: u32,
    #[validate(range(min = 1))]
    statement_timeout_ms: u32,
});

section!(Websocket {
    listen: String,
    trusted_proxies: Vec<IpNet>,
    proxy_header: ProxyHeader,
    compression: bool,
    compression_context_takeover: bool,
    #[validate(range(min = 1))]
    ping_interval_s: u32,
    #[validate(range(min = 2))]
    idle_timeout_s: u32,
    #[validate(range(min = 65536))]
    outbox_bytes: usize,
    #[validate(range(min = 16))]
    outbox_messages: usize,
    drain_s: u32,
    #[validate(range(min = 1))]
    event_deadline_s: u32,
    #[validate(range(min = 1))]
    req_deadline_s: u32,
    #[validate(range(min = 1))]
    count_deadline_s: u32,
    #[validate(range(min = 1))]
    negentropy_deadline_s: u32,
    #[validate(range(min = 1))]
    negentropy_idle_timeout_s: u32,
    #[validate(range(min = 1))]
    auth_deadline_s: u32,
    #[validate(range(min = 1))]
    max_connections: usize,
    #[validate(range(min = 1))]
    handshake_timeout_s: u32,
    #[validate(range(max = 256))]
    verify_threads: usize,
});

section!(Limits {
    #[validate(range(min = 1024, max = 16_777_216))]
    max_message_length: usize,
    #[validate(range(min = 1))]
    max_subscriptions: usize,
    #[validate(range(min = 1, max = 1000))]
    max_filters: usize,
    #[validate(range(min = 1))]
    max_filter_values: usize,
    #[validate(range(min = 1))]
    max_limit: u32,
    #[validate(range(min = 1))]
    default_limit: u32,
    #[validate(range(min = 65536))]
    max_reply_bytes: usize,
    #[validate(range(min = 1, max = 64))]
    max_subid_length: usize,
    max_reconciliations: usize,
    #[validate(range(max = 100_000_000))]
    max_reconciled_events: u32,
    count_max_cost: u64,
    max_event_tags: usize,
    max_content_length: usize,
    max_tag_value_length: usize,
});

section!(RateLimits {
    #[validate(range(min = 1))]
    window_s: u32,
    connections: u32,
    events: u32,
    reqs: u32,
    counts: u32,
    auths: u32,
    invalid_messages: u32,
});

section!(
    #[derive(Default)]
    PerAddress {
        #[validate(range(min = 1))]
        connections: usize,
        #[validate(range(min = 65536))]
        outbox_bytes: usize,
        #[validate(range(min = 65536))]
        unfinished_bytes: usize,
        #[validate(range(min = 1, max = 100))]
        work_percent: u8,
        #[validate(range(min = 1))]
        events: usize,
        #[validate(range(min = 1))]
        reqs: usize,
        #[validate(range(min = 1))]
        searches: usize,
        #[validate(range(min = 1))]
        counts: usize,
        #[validate(range(min = 1))]
        reconciliations: usize,
    }
);

section!(QueueLimits {
    #[validate(range(min = 1))]
    max_depth: u64,
    #[validate(range(min = 100))]
    takeover_ms: u64,
    #[validate(range(min = 1, max = 100))]
    max_attempts: u32,
    #[validate(range(min = 1))]
    max_dead: u64,
});

section!(Worker {
    #[validate(range(min = 1, max = 1024))]
    event_concurrency: usize,
    #[validate(range(min = 1, max = 1024))]
    req_concurrency: usize,
    #[validate(range(min = 1, max = 1024))]
    count_concurrency: usize,
    #[validate(range(min = 1, max = 64))]
    search_concurrency: usize,
    #[validate(range(min = 1, max = 1024))]
    auth_concurrency: usize,
    #[validate(range(min = 1, max = 64))]
    negentropy_concurrency: usize,
    #[validate(range(min = 1, max = 64))]
    import_concurrency: usize,
    #[validate(range(min = 1, max = 64))]
    maintenance_concurrency: usize,
    #[validate(range(min = 1, max = 4096))]
    batch_max: usize,
    window_bytes: usize,
    negentropy_bytes: usize,
    drain_s: u32,
    #[validate(range(min = 1, max = 100_000))]
    maintenance_batch: u32,
});

section!(Membership {
    enabled: bool,
    #[validate(range(max = 4))]
    invite_level: u8,
    #[validate(range(min = 1, max = 3650))]
    invite_days: u32,
    #[validate(range(min = 1, max = 10_000))]
    max_open_invites: u32,
    max_age_s: u64,
});

section!(Search {
    enabled: bool,
    kinds: Vec<u16>,
    languages: Vec<String>,
    #[validate(range(min = 1, max = 100_000))]
    max_ranked: u32,
    #[validate(range(min = 1))]
    timeout_ms: u32,
});

section!(WritePolicy {
    command: String,
    #[validate(range(min = 1, max = 64))]
    processes: usize,
    #[validate(range(min = 1, max = 1024))]
    in_flight: usize,
    #[validate(range(min = 1, max = 600_000))]
    timeout_ms: u64,
    on_failure: OnFailure,
});

section!(Auth {
    #[validate(range(max = 4))]
    min_level_event: u8,
    #[validate(range(max = 4))]
    min_level_req: u8,
    #[validate(range(max = 4))]
    min_level_count: u8,
    #[validate(range(max = 4))]
    min_level_connection: u8,
    exempt_kinds: Vec<u16>,
    max_age_s: u64,
    #[validate(range(min = 1, max = 1000))]
    max_keys: usize,
});

section!(Privacy {
    direct_messages: bool,
    gift_wraps: bool,
});

section!(Plugins { copies: Copies });
section!(Admin {
    listen: String,
    url: String,
    #[validate(range(min = 60))]
    session_idle_s: u32,
    #[validate(range(min = 60))]
    session_lifetime_s: u32,
});

section!(Health {
    relay_ws_listen: String,
    worker_listen: String,
    admin_listen: String,
});

section!(Telemetry {
    log: String,
    format: LogFormat,
    sentry_dsn: Secret,
    environment: String,
});

/// The header in which trusted proxies say where a client comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

/// When single events are published for plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Copies {
    Auto,
    Always,
    Never,
}

/// What becomes of an event that the write policy said nothing of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    Accept,
    Reject,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Redis {
    /// For the queues.
    pub fn jobs(&self) -> &str {
        self.jobs_url.as_option().unwrap_or(self.url.expose())
    }

    /// For channels.
    pub fn pubsub(&self) -> &str {
        self.pubsub_url.as_option().unwrap_or(self.url.expose())
    }

    /// For keys.
    pub fn data(&self) -> &str {
        self.data_url.as_option().unwrap_or(self.url.expose())
    }
}

impl Postgres {
    /// After this a statement is cancelled.
    pub fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms.into())
    }
}

impl Admin {
    /// A session that is not used for so long ends.
    pub fn session_idle(&self) -> Duration {
        Duration::from_secs(self.session_idle_s.into())
    }

    /// A session ends after this time in any case.
    pub fn session_lifetime(&self) -> Duration {
        Duration::from_secs(self.session_lifetime_s.into())
    }
}

impl Search {
    /// The searchable kinds: none when search is off.
    pub fn searchable_kinds(&self) -> &[u16] {
        if self.enabled { &self.kinds } else { &[] }
    }

    /// After this a search is cancelled.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }
}

impl WritePolicy {
    /// How long an event may wait for its verdict.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// Whether there is one.
    pub fn is_on(&self) -> bool {
        !self.command.is_empty()
    }
}

impl QueueLimits {
    /// How long a job may go without a sign of its worker.
    pub fn takeover(&self) -> Duration {
        Duration::from_millis(self.takeover_ms)
    }
}

/// Not a validator: those keep the value to show it.
fn empty_or_secret_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let secret = Secret::deserialize(deserializer)?;
    match secret.as_option() {
        Some(text) if !is_key(text) => Err(D::Error::custom("a key is 64 lower-case hex characters")),
        _ => Ok(secret),
    }
}

pub(super) fn is_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn empty_or_key(text: &str) -> Result<(), ValidationError> {
    if text.is_empty() || is_key(text) {
        Ok(())
    } else {
        Err(ValidationError::new("64 lower-case hex characters"))
    }
}
