//! The relay information document ([NIP-11](https://nips.nostr.com/11)).

use axum::http::HeaderValue;
use protocol::{AuthLevel, PublicKey, Rulings};
use runtime::config::{Auth, Config, Fee, Fees};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// NIPs that are always served, and completely. Others come with their settings.
const SUPPORTED_NIPS: [u16; 17] = [1, 5, 9, 11, 13, 28, 40, 42, 45, 59, 62, 65, 67, 70, 77, 86, 98];

/// `GET /` with `Accept: application/nostr+json`. Empty fields are left out.
#[derive(Debug, Serialize)]
struct RelayInfo<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    banner: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    icon: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pubkey: &'a str,
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    own_key: Option<PublicKey>,
    #[serde(skip_serializing_if = "str::is_empty")]
    contact: &'a str,
    supported_nips: Vec<u16>,
    #[serde(skip_serializing_if = "str::is_empty")]
    software: &'a str,
    version: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    terms_of_service: &'a str,
    limitation: Limitation,
    #[serde(skip_serializing_if = "str::is_empty")]
    payments_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fees: Option<Schedule<'a>>,
}

/// What the relay costs.
#[derive(Debug, Serialize)]
struct Schedule<'a> {
    #[serde(skip_serializing_if = "<[Fee]>::is_empty")]
    admission: &'a [Fee],
    #[serde(skip_serializing_if = "<[Fee]>::is_empty")]
    subscription: &'a [Fee],
    #[serde(skip_serializing_if = "<[Fee]>::is_empty")]
    publication: &'a [Fee],
}

impl<'a> Schedule<'a> {
    fn of(fees: &'a Fees) -> Option<Self> {
        let schedule = Self {
            admission: &fees.admission,
            subscription: &fees.subscription,
            publication: &fees.publication,
        };
        let all = [schedule.admission, schedule.subscription, schedule.publication];
        all.iter().any(|fees| !fees.is_empty()).then_some(schedule)
    }
}

/// What a client must keep to.
#[derive(Debug, Serialize)]
struct Limitation {
    max_message_length: usize,
    max_subscriptions: usize,
    max_limit: u32,
    max_subid_length: usize,
    max_event_tags: usize,
    max_content_length: usize,
    min_pow_difficulty: u32,
    auth_required: bool,
    payment_required: bool,
    restricted_writes: bool,
    #[serde(skip_serializing_if = "is_zero")]
    created_at_lower_limit: u64,
    #[serde(skip_serializing_if = "is_zero")]
    created_at_upper_limit: u64,
    default_limit: u32,
}

fn supported_nips(config: &Config) -> Vec<u16> {
    let mut nips = SUPPORTED_NIPS.to_vec();
    // What is kept from strangers: as these NIPs want it, or not at all.
    if config.privacy.direct_messages {
        nips.push(4);
    }
    if config.privacy.gift_wraps {
        nips.push(17);
    }
    if config.policy.delegation {
        nips.push(26);
    }
    if config.membership.enabled {
        nips.push(43);
    }
    if config.search.enabled {
        nips.push(50);
    }
    nips.sort_unstable();
    nips
}

/// Whether nothing at all is to be had without a subscription.
fn is_paid(auth: &Auth) -> bool {
    let all_commands = auth
        .min_level_event
        .min(auth.min_level_req)
        .min(auth.min_level_count);
    all_commands.max(auth.min_level_connection) >= u8::from(AuthLevel::Subscriber)
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The document as JSON. What an operator changed goes over the configuration. `own_key`: what `relay.secret_key` stands for.
pub fn document(
    config: &Config,
    own_key: Option<PublicKey>,
    rulings: &Rulings,
) -> Result<String, serde_json::Error> {
    let (relay, limits, policy, auth) = (&config.relay, &config.limits, &config.policy, &config.auth);
    let everything_asks_for_auth = auth
        .min_level_event
        .min(auth.min_level_req)
        .min(auth.min_level_count)
        .max(auth.min_level_connection)
        > 0;
    serde_json::to_string(&RelayInfo {
        name: rulings.name.as_deref().unwrap_or(&relay.name),
        description: rulings.description.as_deref().unwrap_or(&relay.description),
        banner: &relay.banner,
        icon: rulings.icon.as_deref().unwrap_or(&relay.icon),
        pubkey: &relay.pubkey,
        own_key,
        contact: &relay.contact,
        supported_nips: supported_nips(config),
        software: &relay.software,
        version: env!("CARGO_PKG_VERSION"),
        terms_of_service: &relay.terms_of_service,
        limitation: Limitation {
            max_message_length: limits.max_message_length,
            max_subscriptions: limits.max_subscriptions,
            max_limit: limits.max_limit,
            max_subid_length: limits.max_subid_length,
            max_event_tags: limits.max_event_tags,
            max_content_length: limits.max_content_length,
            min_pow_difficulty: policy.min_pow_difficulty,
            auth_required: everything_asks_for_auth,
            payment_required: is_paid(auth),
            restricted_writes: auth.min_level_event > 0
                || policy.min_pow_difficulty > 0
                || rulings.restrict_writes(),
            created_at_lower_limit: policy.created_at_lower_limit,
            created_at_upper_limit: policy.created_at_upper_limit,
            default_limit: limits.default_limit,
        },
        payments_url: &relay.payments_url,
        fees: Schedule::of(&relay.fees),
    })
}

/// Tells one document from another.
pub fn etag(document: &str) -> HeaderValue {
    let hash = Sha256::digest(document.as_bytes());
    let text: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    // Hex digits in quotes.
    HeaderValue::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}
