//! Configuration: typed sections over one commented file.
//!
//! `config.default.toml` holds every setting with its default and a sentence about it. A file of the operator and
//! environment variables go over it; a key that the defaults do not have is an error, so a slip of the pen is found.

mod listing;
mod policy;
mod secret;
mod sections;
mod sources;

use serde::{Deserialize, Serialize};
use validator::Validate;

pub use listing::{Origin, Origins, Setting};
pub use policy::{KindRule, Policy};
pub use secret::Secret;
pub use sections::{
    Admin, Auth, Copies, Fee, Fees, Health, Limits, LogFormat, Membership, OnFailure, PerAddress, Plugins,
    Postgres, Privacy, ProxyHeader, QueueLimits, RateLimits, Redis, RelayInfo, Search, Telemetry, Websocket,
    Worker, WritePolicy,
};
pub use sources::DEFAULTS;

/// NIP-43: to join and to leave. Who asks for it is no member, or not authenticated.
const REQUESTS_OF_STRANGERS: [u16; 2] = [28_934, 28_936];

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml documents each section and key")]
pub struct Config {
    #[validate(nested)]
    pub relay: RelayInfo,
    #[validate(nested)]
    pub redis: Redis,
    #[validate(nested)]
    pub postgres: Postgres,
    #[validate(nested)]
    pub websocket: Websocket,
    #[validate(nested)]
    pub limits: Limits,
    #[validate(nested)]
    pub rate_limits: RateLimits,
    /// What one address may have at a time.
    pub per_address: PerAddress,
    #[validate(nested)]
    pub queue: QueueLimits,
    #[validate(nested)]
    pub worker: Worker,
    #[validate(nested)]
    pub search: Search,
    #[validate(nested)]
    pub policy: Policy,
    #[validate(nested)]
    pub membership: Membership,
    #[validate(nested)]
    pub write_policy: WritePolicy,
    #[validate(nested)]
    pub auth: Auth,
    pub privacy: Privacy,
    pub plugins: Plugins,
    pub admin: Admin,
    pub health: Health,
    pub telemetry: Telemetry,
    /// Where settings come from; those that are missing have their default.
    #[serde(skip)]
    pub origins: Origins,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that `SWITCHYARD_CONFIG` names cannot be read.
    #[error("could not read the configuration file {path}")]
    Read {
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is no TOML.
    #[error("the configuration is not valid TOML")]
    Toml(#[source] toml::de::Error),
    /// A section or key that does not exist.
    #[error("unknown setting {0}")]
    Unknown(String),
    /// A value that TOML cannot hold.
    #[error("a setting cannot be shown: {0}")]
    Write(#[source] toml::ser::Error),
    /// A value of the wrong type.
    #[error("a setting has a wrong value: {0}")]
    Type(#[source] toml::de::Error),
    /// A setting without another one that it needs.
    #[error("{0} needs {1}")]
    Needs(&'static str, &'static str),
    /// A value out of its range.
    #[error("a setting is out of range: {0}")]
    Range(#[from] validator::ValidationErrors),
}

impl Config {
    /// The lowest auth level that may publish events of a kind.
    pub fn min_level_of(&self, kind: u16) -> u8 {
        if self.membership.enabled && REQUESTS_OF_STRANGERS.contains(&kind) {
            return 0;
        }
        let rule = self.policy.rule(kind).and_then(|rule| rule.min_level);
        let is_exempt = || self.auth.exempt_kinds.contains(&kind);
        rule.unwrap_or_else(|| if is_exempt() { 0 } else { self.auth.min_level_event })
    }

    /// The lowest auth level that may ask for events, given what a command asks for in general and the kinds that each filter
    /// names: 0 where all of them are exempt.
    pub fn min_level_to_ask<'k>(&self, min: u8, kinds: impl IntoIterator<Item = Option<&'k [u16]>>) -> u8 {
        let is_exempt = |kind: &u16| self.auth.exempt_kinds.contains(kind);
        let are_exempt = |kinds: Option<&[u16]>| kinds.is_some_and(|kinds| kinds.iter().all(is_exempt));
        if min > 0 && kinds.into_iter().all(are_exempt) {
            0
        } else {
            min
        }
    }

    /// Defaults, then the file that `SWITCHYARD_CONFIG` names, then the environment.
    pub fn load() -> Result<Self, ConfigError> {
        let file = match std::env::var(sources::FILE) {
            Ok(path) => {
                Some(std::fs::read_to_string(&path).map_err(|source| ConfigError::Read { path, source })?)
            }
            Err(_) => None,
        };
        Self::from_sources(file.as_deref(), std::env::vars())
    }

    /// The same from given sources.
    pub fn from_sources(
        file: Option<&str>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let (settings, origins) = sources::merge(file, environment)?;
        let mut config: Self = settings.try_into().map_err(ConfigError::Type)?;
        config.origins = origins;
        config.validate()?;
        if config.membership.enabled && config.relay.secret_key.as_option().is_none() {
            return Err(ConfigError::Needs("membership.enabled", "relay.secret_key"));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_sources(
            None,
            environment
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn the_defaults_are_a_configuration() {
        let config = with(&[]).unwrap();
        assert_eq!(config.limits.max_subscriptions, 100);
        assert_eq!(config.plugins.copies, Copies::Auto);
    }

    #[test]
    fn later_sources_win() {
        let file = "[limits]\nmax_limit = 7\nmax_filters = 3\n";
        let environment = [("SWITCHYARD_LIMITS__MAX_LIMIT".to_owned(), "9".to_owned())];
        let config = Config::from_sources(Some(file), environment).unwrap();
        assert_eq!((config.limits.max_limit, config.limits.max_filters), (9, 3));
    }

    #[test]
    fn lists_and_plain_text_come_from_the_environment() {
        let config = with(&[
            ("SWITCHYARD_WEBSOCKET__TRUSTED_PROXIES", r#"["10.0.0.0/8"]"#),
            ("SWITCHYARD_RELAY__NAME", "42"),
            ("SWITCHYARD_RELAY__CONTACT", "mailto:me@example.com"),
            ("REDIS_URL", "redis://elsewhere:1"),
        ])
        .unwrap();
        assert_eq!(config.websocket.trusted_proxies, ["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(config.relay.name, "42");
        assert_eq!(config.relay.contact, "mailto:me@example.com");
        assert_eq!(config.redis.url.expose(), "redis://elsewhere:1");
    }

    #[test]
    fn names_of_our_own_win_over_those_that_platforms_set() {
        for order in [[0, 1], [1, 0]] {
            let variables = [
                ("REDIS_URL", "redis://platform:1"),
                ("SWITCHYARD_REDIS__URL", "redis+unix:///run/redis.sock"),
            ];
            let config = with(&order.map(|at| variables[at])).unwrap();
            assert_eq!(config.redis.url.expose(), "redis+unix:///run/redis.sock");
        }
    }

    #[test]
    fn kinds_have_rules_of_their_own() {
        let file = "[auth]\nmin_level_event = 2\n[[policy.kinds]]\nkinds = [10002]\nmin_level = 0\nopen = true\n\
                    [[policy.kinds]]\nkinds = [1, 10002]\nmax_bytes = 9\n";
        let config = Config::from_sources(Some(file), []).unwrap();
        assert_eq!([1, 2, 10_002].map(|kind| config.min_level_of(kind)), [2, 2, 0]);
        let rule = config.policy.rule(10_002).unwrap();
        assert_eq!((rule.open, rule.max_bytes), (true, None), "the first one counts");
        assert_eq!(config.policy.rule(1).unwrap().max_bytes, Some(9));
        assert_eq!(config.policy.rule(2), None);
        let config = with(&[("SWITCHYARD_POLICY__KINDS", "[{kinds = [4], min_level = 1}]")]).unwrap();
        assert_eq!(config.min_level_of(4), 1);
    }

    #[test]
    fn slips_are_found() {
        for (name, value) in [
            ("SWITCHYARD_LIMITS__MAX_SUBSCRIPTION", "1"),
            ("SWITCHYARD_LIMIT__MAX_SUBSCRIPTIONS", "1"),
            ("SWITCHYARD_LIMITS__MAX_SUBSCRIPTIONS", "many"),
            ("SWITCHYARD_LIMITS__MAX_SUBSCRIPTIONS", "0"),
            ("SWITCHYARD_RELAY__PUBKEY", "abc"),
            ("SWITCHYARD_NONSENSE", "1"),
            ("SWITCHYARD_MEMBERSHIP__ENABLED", "true"),
            ("SWITCHYARD_POLICY__KINDS", "[{kinds = [4], max_byte = 1}]"),
            ("SWITCHYARD_POLICY__KINDS", "[{kinds = [4], min_level = 5}]"),
            ("SWITCHYARD_POLICY__KINDS", "[{max_bytes = 1}]"),
            ("SWITCHYARD_POLICY__KINDS", "[{kinds = []}]"),
            ("SWITCHYARD_POLICY__ALLOWED_PUBKEYS", r#"["abc"]"#),
        ] {
            assert!(with(&[(name, value)]).is_err(), "{name}={value}");
        }
        assert!(Config::from_sources(Some("[limits]\nnonsense = 1"), []).is_err());
    }

    #[test]
    fn secrets_are_not_printed() {
        let config = with(&[("DATABASE_URL", "postgres://u:hunter2@h/d")]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let secret = "ab".repeat(32);
        let config = with(&[("SWITCHYARD_RELAY__SECRET_KEY", &secret)]).unwrap();
        assert_eq!(config.relay.secret_key.expose(), secret);
        assert!(!format!("{config:?}").contains(&secret));
        let slip = format!("{secret}cd");
        let error = with(&[("SWITCHYARD_RELAY__SECRET_KEY", &slip)]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&secret), "{error}");
    }
}
