//! The real processes together, as an operator would start them.

use std::collections::BTreeMap;

use crate::{
    Client, Process, TestDatabase,
    process::free_address,
    services::{namespace, redis_url},
};

/// Any number of relay-ws and worker processes, and admin if it is asked for, on a database and a namespace of their own.
#[derive(Debug)]
pub struct Stack {
    /// The websocket processes.
    pub relays: Vec<Process>,
    /// The workers.
    pub workers: Vec<Process>,
    /// The operator's web app.
    pub admin: Option<Process>,
    /// The database.
    pub database: TestDatabase,
    /// The URL of the Postgres that it works on.
    pub postgres: String,
    /// Prefix of all keys and channels.
    pub namespace: String,
    addresses: Vec<String>,
    admin_address: String,
}

/// What a stack is made of.
#[derive(Debug)]
pub struct StackBuilder {
    relays: usize,
    workers: usize,
    admin: bool,
    settings: BTreeMap<String, String>,
    redis: Option<String>,
    postgres: Option<String>,
}

impl Stack {
    /// One relay-ws, one worker, the default settings.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A stack of another kind.
    pub fn builder() -> StackBuilder {
        StackBuilder {
            relays: 1,
            workers: 1,
            admin: false,
            settings: BTreeMap::new(),
            redis: None,
            postgres: None,
        }
    }

    /// The websocket URL of the first relay-ws.
    pub fn url(&self) -> String {
        self.url_of(0)
    }

    /// The websocket URL of a relay-ws.
    pub fn url_of(&self, relay: usize) -> String {
        format!("ws://{}", self.addresses[relay])
    }

    /// The HTTP address of the first relay-ws.
    pub fn address(&self) -> &str {
        &self.addresses[0]
    }

    /// The HTTP address of admin's pages.
    pub fn admin_address(&self) -> &str {
        &self.admin_address
    }

    /// A client of the first relay-ws.
    pub async fn client(&self) -> Client {
        Client::connect(&self.url()).await
    }

    /// A client of a relay-ws.
    pub async fn client_of(&self, relay: usize) -> Client {
        Client::connect(&self.url_of(relay)).await
    }

    /// A key or channel of this relay.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }
}

impl StackBuilder {
    /// So many relay-ws processes.
    #[must_use]
    pub fn relays(mut self, count: usize) -> Self {
        self.relays = count;
        self
    }

    /// So many workers.
    #[must_use]
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// With admin.
    #[must_use]
    pub fn admin(mut self) -> Self {
        self.admin = true;
        self
    }

    /// A setting: `set("LIMITS__MAX_LIMIT", 5)`.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.settings
            .insert(format!("SWITCHYARD_{key}"), value.to_string());
        self
    }

    /// On another Redis than that for all tests.
    #[must_use]
    pub fn redis(mut self, url: String) -> Self {
        self.redis = Some(url);
        self
    }

    /// On another Postgres, whose database gets the schema; `database` is that of a test all the same, and unused.
    #[must_use]
    pub fn postgres(mut self, url: String) -> Self {
        self.postgres = Some(url);
        self
    }

    /// Starts everything and waits until it is ready.
    pub async fn start(self) -> Stack {
        let (database, namespace) = (TestDatabase::create().await, namespace());
        let mut common = self.settings;
        common.insert("REDIS_URL".to_owned(), self.redis.unwrap_or_else(redis_url));
        let postgres = self.postgres.unwrap_or_else(|| database.url.clone());
        common.insert("DATABASE_URL".to_owned(), postgres.clone());
        common.insert("SWITCHYARD_REDIS__NAMESPACE".to_owned(), namespace.clone());
        common
            .entry("SWITCHYARD_POSTGRES__MAX_CONNECTIONS".to_owned())
            .or_insert_with(|| "4".to_owned());
        let (mut relays, mut workers, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.workers {
            let health = free_address();
            let mut environment = common.clone();
            environment.insert("SWITCHYARD_HEALTH__WORKER_LISTEN".to_owned(), health.clone());
            workers.push(Process::spawn("worker", environment, health));
        }
        for _ in 0..self.relays {
            let (health, address) = (free_address(), free_address());
            let mut environment = common.clone();
            environment.insert("SWITCHYARD_HEALTH__RELAY_WS_LISTEN".to_owned(), health.clone());
            environment.insert("SWITCHYARD_WEBSOCKET__LISTEN".to_owned(), address.clone());
            relays.push(Process::spawn("relay-ws", environment, health));
            addresses.push(address);
        }
        let admin_address = free_address();
        let mut admin = self.admin.then(|| {
            let health = free_address();
            common.insert("SWITCHYARD_HEALTH__ADMIN_LISTEN".to_owned(), health.clone());
            common.insert("SWITCHYARD_ADMIN__LISTEN".to_owned(), admin_address.clone());
            Process::spawn("admin", common, health)
        });
        for process in relays.iter_mut().chain(&mut workers).chain(&mut admin) {
            process.ready().await;
        }
        Stack {
            relays,
            workers,
            admin,
            database,
            postgres,
            namespace,
            addresses,
            admin_address,
        }
    }
}
