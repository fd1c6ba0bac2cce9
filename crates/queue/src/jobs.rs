//! What the jobs carry: JSON, versioned. [`Version`] grows when a field changes its meaning; a worker that meets a version
//! it does not know sends the job to the dead letters. New fields may be added at any time and are ignored by those who
//! do not know them.

use std::{fmt::Write, net::IpAddr};

use protocol::{AuthLevel, EventId, Filter, NegentropyMessage, PublicKey, SubscriptionId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Job, Queue};

/// `"v":1`: the layout that this code writes, and the only one that it reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub struct Version;

/// A layout of jobs from another time.
#[derive(Debug, thiserror::Error)]
#[error("job version {0} is not known here")]
pub struct UnknownVersion(u8);

impl From<Version> for u8 {
    fn from(_: Version) -> Self {
        1
    }
}

impl TryFrom<u8> for Version {
    type Error = UnknownVersion;

    fn try_from(v: u8) -> Result<Self, UnknownVersion> {
        if v == 1 { Ok(Self) } else { Err(UnknownVersion(v)) }
    }
}

/// Who is asking: what the worker's policies need to know of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Keys proven by NIP-42.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pubkeys: Vec<PublicKey>,
    /// The highest auth level of these keys.
    #[serde(default)]
    pub level: AuthLevel,
}

impl Client {
    /// Whether no key has been proven.
    pub fn is_anonymous(&self) -> bool {
        self.pubkeys.is_empty()
    }
}

/// EVENT: events with right ids and signatures that one relay-ws process took in about the same moment.
///
/// `{"v":1,"events":[{"connection":"…","event":{…}}]}`
#[derive(Debug, Serialize, Deserialize)]
pub struct NewEvents {
    /// Version of this layout.
    pub v: Version,
    /// In the order in which they came.
    pub events: Vec<SubmittedEvent>,
}

/// One EVENT of one client.
#[derive(Debug, Serialize, Deserialize)]
pub struct SubmittedEvent {
    /// Who is owed the OK.
    pub connection: String,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Client::is_anonymous")]
    pub client: Client,
    /// Where it came from; only said while a write policy wants to know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The canonical JSON, byte for byte.
    pub event: Box<RawValue>,
}

/// [`NewEvents`] in the making: events are appended as they are, so that no byte is parsed or validated again.
#[derive(Debug, Default)]
pub struct NewEventsJson {
    json: String,
    len: usize,
}

impl NewEventsJson {
    /// Appends an event by its canonical JSON.
    pub fn push(&mut self, connection: &str, client: &Client, address: Option<IpAddr>, event: &str) {
        self.json.push_str(if self.len == 0 {
            r#"{"v":1,"events":["#
        } else {
            ","
        });
        self.json.push_str(r#"{"connection":""#);
        self.json.push_str(connection);
        self.json.push('"');
        if !client.is_anonymous() {
            self.json.push_str(r#","client":"#);
            // A struct of hex texts and a number always has a JSON form.
            self.json
                .push_str(&serde_json::to_string(client).unwrap_or_default());
        }
        if let Some(address) = address {
            // Writing to a String cannot fail.
            let _ = write!(self.json, r#","address":"{address}""#);
        }
        self.json.push_str(r#","event":"#);
        self.json.push_str(event);
        self.json.push('}');
        self.len += 1;
    }

    /// Events in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to enqueue.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes in it.
    pub fn bytes(&self) -> usize {
        self.json.len()
    }

    /// The job, as [`NewEvents`] reads it.
    pub fn finish(mut self) -> String {
        self.json.push_str("]}");
        self.json
    }
}

/// REQ: `{"v":1,"connection":"…","subscription":"feed","generation":3,"filters":[{…}]}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSubscription {
    /// Version of this layout.
    pub v: Version,
    /// Whose subscription.
    pub connection: String,
    /// Its name.
    pub subscription: SubscriptionId,
    /// Which of the subscriptions that had this name; answers carry it, so that a successor never gets them.
    pub generation: u64,
    /// Who asks.
    pub client: Client,
    /// Each with a limit.
    pub filters: Vec<Filter>,
}

/// REQ with a filter that searches: laid out as [`NewSubscription`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NewSearch(pub NewSubscription);

/// COUNT: laid out as [`NewSubscription`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountRequest {
    /// Version of this layout.
    pub v: Version,
    /// Whose query.
    pub connection: String,
    /// Its name.
    pub subscription: SubscriptionId,
    /// Which of the queries that had this name.
    pub generation: u64,
    /// Who asks.
    pub client: Client,
    /// Limits are not looked at.
    pub filters: Vec<Filter>,
}

/// NEG-OPEN or NEG-MSG: one message of a reconciliation ([NIP-77](https://nips.nostr.com/77)). It carries all that an answer
/// needs, so that any worker can go on where another one ended.
///
/// `{"v":1,"connection":"…","subscription":"sync","generation":3,"client":{…},"filter":{…},"opens":true,"message":"61…"}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconcile {
    /// Version of this layout.
    pub v: Version,
    /// Whose reconciliation.
    pub connection: String,
    /// Its name; REQs have names of their own.
    pub subscription: SubscriptionId,
    /// Which of the reconciliations that had this name.
    pub generation: u64,
    /// Who asks; as it was when the reconciliation was opened.
    pub client: Client,
    /// The events to be reconciled; with a limit the newest of them.
    pub filter: Filter,
    /// Whether this is the first message: then the set is that of now.
    pub opens: bool,
    /// What the client says.
    pub message: NegentropyMessage,
}

/// AUTH: the event has been checked; which auth level does its key have?
///
/// `{"v":1,"connection":"…","event":"<id>","pubkey":"…"}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Version of this layout.
    pub v: Version,
    /// Whose key.
    pub connection: String,
    /// The kind 22242 event: its OK is owed.
    pub event: EventId,
    /// The proven key.
    pub pubkey: PublicKey,
}

/// A call of the management API ([NIP-86](https://nips.nostr.com/86)): its NIP-98 event has been checked; is it an operator's?
///
/// `{"v":1,"request":"…","pubkey":"…","method":"banpubkey","params":["…"]}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManagementCall {
    /// Version of this layout.
    pub v: Version,
    /// Which HTTP request waits: 32 hex characters, of which the first 8 are its relay-ws process.
    pub request: String,
    /// Who calls.
    pub pubkey: PublicKey,
    /// The method.
    pub method: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Vec<serde_json::Value>,
}

/// Events from elsewhere, not checked yet: a plugin may enqueue them. Nobody is told of the outcome.
///
/// `{"v":1,"events":[{…}]}`
#[derive(Debug, Serialize, Deserialize)]
pub struct Import {
    /// Version of this layout.
    pub v: Version,
    /// NIP-01 events; ids and signatures are checked by the worker.
    pub events: Vec<Box<RawValue>>,
}

/// What recurs: `{"v":1,"task":"expired_events"}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Version of this layout.
    pub v: Version,
    /// What to do.
    pub task: Task,
}

/// The recurring tasks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Remove events whose NIP-40 time has passed.
    ExpiredEvents,
    /// Remove what authors who asked to vanish (NIP-62) have left.
    VanishedEvents,
    /// Remove what connections of killed relay-ws processes left in Redis.
    DeadConnections,
    /// Remove rate-limit keys that lost their expiry.
    RateLimitKeys,
    /// Remove queue consumers of killed workers.
    DeadConsumers,
    /// Tell relay-ws whose subscriptions have lapsed.
    LapsedSubscriptions,
    /// Publish the list of members (NIP-43) if it has changed.
    MemberList,
    /// Make stored events searchable (NIP-50).
    SearchableEvents,
    /// Remove events that operators banned, or whose authors they banned together with their events.
    BannedEvents,
    /// Publish once more what one relay-ws process may have missed: it lost its pub/sub connection.
    CatchUp {
        /// Its 8 hex characters.
        process: String,
        /// Events with higher sequence numbers in the store.
        after: i64,
    },
}

impl Job for NewEvents {
    const QUEUE: Queue = Queue::Event;
}

impl Job for NewSubscription {
    const QUEUE: Queue = Queue::Req;
}

impl Job for NewSearch {
    const QUEUE: Queue = Queue::Search;
}

impl Job for CountRequest {
    const QUEUE: Queue = Queue::Count;
}

impl Job for Reconcile {
    const QUEUE: Queue = Queue::Negentropy;
}

impl Job for AuthorizationRequest {
    const QUEUE: Queue = Queue::Auth;
}

impl Job for Import {
    const QUEUE: Queue = Queue::Import;
}

impl Job for ManagementCall {
    const QUEUE: Queue = Queue::Management;
}

impl Job for Maintenance {
    const QUEUE: Queue = Queue::Maintenance;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appended_events_are_read_as_a_job() {
        let mut json = NewEventsJson::default();
        let client = Client {
            pubkeys: vec![PublicKey::from_bytes([7; 32])],
            level: AuthLevel::Key,
        };
        let address = "192.0.2.1".parse().unwrap();
        json.push("aa", &Client::default(), None, r#"{"id":"1"}"#);
        json.push("bb", &client, Some(address), r#"{"id":"2"}"#);
        let job: NewEvents = serde_json::from_str(&json.finish()).unwrap();
        assert_eq!(job.events.len(), 2);
        assert_eq!(job.events[0].connection, "aa");
        assert!(job.events[0].client.is_anonymous());
        assert_eq!(job.events[1].client, client);
        assert_eq!(
            (job.events[0].address, job.events[1].address),
            (None, Some(address))
        );
        assert_eq!(job.events[1].event.get(), r#"{"id":"2"}"#);
    }

    #[test]
    fn a_job_from_another_time_is_not_read() {
        assert!(serde_json::from_str::<NewEvents>(r#"{"v":2,"events":[]}"#).is_err());
    }
}
