//! Redis behind the scenes: what is there, and what somebody else would have left.

use fred::{
    clients::Client,
    interfaces::ClientLike,
    prelude::{Builder, Config},
    types::{CustomCommand, FromValue, Value},
};

use crate::services::{namespace, redis_url};

/// A connection to the Redis for tests, with a namespace that no other test has.
#[derive(Debug, Clone)]
pub struct TestRedis {
    client: Client,
    /// What every key and channel of the test starts with.
    pub namespace: String,
}

impl TestRedis {
    /// Connects.
    pub async fn connect() -> Self {
        let config = Config::from_url(&redis_url()).expect("REDIS_URL is a URL");
        let client = Builder::from_config(config).build().expect("a client");
        client.init().await.expect("Redis for tests answers");
        Self {
            client,
            namespace: namespace(),
        }
    }

    /// A key of this test.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    /// Runs a command; keys in it are given whole.
    pub async fn run<R: FromValue>(&self, command: &str, arguments: &[&str]) -> R {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self.client
            .custom(
                CustomCommand::new(command.to_owned(), None::<u16>, false),
                arguments,
            )
            .await
            .unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Runs a command whose answer nobody needs.
    pub async fn order(&self, command: &str, arguments: &[&str]) {
        self.run::<Value>(command, arguments).await;
    }
}
