//! Names of the keys in Redis; what each holds is a contract with operators and plugins.

use std::net::IpAddr;

use crate::{ConnectionId, ProcessId};

/// The keys, under the namespace of this relay (usually none).
#[derive(Debug, Clone, Default)]
pub struct Keys {
    namespace: String,
}

macro_rules! fixed_keys {
    ($($(#[$doc:meta])* $name:ident = $key:literal;)*) => {
        $($(#[$doc])*
        pub fn $name(&self) -> String {
            self.under($key)
        })*
    };
}

impl Keys {
    /// Keys that start with `namespace`.
    pub fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
        }
    }

    /// What every key and channel starts with.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    fixed_keys! {
        /// SET: ids of active connections.
        connections = "connections";
        /// HASH by connection: address.
        connections_ips = "connections_ips";
        /// HASH by connection: start, unix seconds.
        connections_starts = "connections_starts";
        /// HASH by connection: messages from the client.
        requests = "requests";
        /// HASH by connection: bytes from the client.
        incoming_traffic = "incoming_traffic";
        /// HASH by connection: bytes to the client.
        outgoing_traffic = "outgoing_traffic";
        /// HASH by connection: proven public key.
        authentications = "authentications";
        /// HASH by connection: auth level, 0 to 4.
        authorizations = "authorizations";
        /// HASH by connection: id of the kind 22242 event.
        connections_authenticators = "connections_authenticators";
        /// STRING: truthy closes new connections with 3503.
        maintenance = "maintenance";
        /// STRING: empty or 0 is unlimited.
        max_allowed_connections = "max_allowed_connections";
        /// SET: addresses that are not rate-limited.
        unlimited_ips = "unlimited_ips";
        /// LIST: the newest 100 accepted events.
        latest_events = "latest-events";
        /// HASH by process: unix milliseconds of its last sign of life.
        processes = "relay_processes";
        /// STRING, JSON: the rulings of operators.
        rulings = "rulings";
        /// STRING: the version of the rulings.
        rulings_version = "rulings_version";
        /// STRING: counted up when somebody changed rulings in Postgres.
        rulings_changes = "rulings_changes";
        /// STRING: a number that whoever has stored or removed events replaces.
        last_change = "events_last_change";
        /// HASH by name (NIP-05): the answer.
        names = "nip05_names";
        /// STRING that expires: hash of the link that makes the first operator.
        set_up_token = "admin_set_up";
    }

    /// The hashes whose fields are connections.
    pub fn connection_hashes(&self) -> [String; 8] {
        [
            self.connections_ips(),
            self.connections_starts(),
            self.requests(),
            self.incoming_traffic(),
            self.outgoing_traffic(),
            self.authentications(),
            self.authorizations(),
            self.connections_authenticators(),
        ]
    }

    /// SET: subscription ids of a connection.
    pub fn client_reqs(&self, connection: ConnectionId) -> String {
        self.under(&format!("client_reqs:{connection}"))
    }

    /// STRING: the filters of a subscription in JSON.
    pub fn subscription(&self, connection: ConnectionId, subscription: &str) -> String {
        self.under(&format!("subscriptions:{connection}:{subscription}"))
    }

    /// STRING that expires: this auth event was used already.
    pub fn used_auth_event(&self, event: &str) -> String {
        self.under(&format!("events22242:{event}"))
    }

    /// ZSET that expires: how often an address did what (`events`, `reqs`, …) in its window.
    pub fn address_requests(&self, address: IpAddr) -> String {
        self.under(&format!("requests:{address}"))
    }

    /// Pattern of all [`Self::address_requests`].
    pub fn all_address_requests(&self) -> String {
        self.under("requests:*")
    }

    /// STRING that expires: this kind 27235 event (NIP-98) was used already.
    pub fn used_http_auth(&self, event: &str) -> String {
        self.under(&format!("events27235:{event}"))
    }

    /// STRING that expires: attempts to sign in.
    pub fn attempts(&self, whom: &str) -> String {
        self.under(&format!("admin_attempts:{whom}"))
    }

    /// Pattern of all channels of one relay-ws process and its connections.
    pub fn process_channels(&self, process: ProcessId) -> String {
        self.under(&format!("events:{process}*"))
    }

    /// Pattern of the channels for everybody.
    pub fn common_channels(&self) -> String {
        self.under("events:_:*")
    }

    pub(crate) fn under(&self, name: &str) -> String {
        let mut key = String::with_capacity(self.namespace.len() + name.len());
        key.push_str(&self.namespace);
        key.push_str(name);
        key
    }
}
