/// What can go wrong between a process and Redis.
#[derive(Debug, thiserror::Error)]
pub enum PubsubError {
    /// No connection, at the start.
    #[error("could not connect to Redis for pub/sub")]
    Connect(#[source] fred::error::Error),
    /// The patterns could not be subscribed to.
    #[error("could not subscribe to {pattern}")]
    Subscribe {
        /// The pattern.
        pattern: String,
        /// What Redis said.
        #[source]
        source: fred::error::Error,
    },
    /// A message could not be published.
    #[error("could not publish on {channel}")]
    Publish {
        /// The channel.
        channel: String,
        /// What Redis said.
        #[source]
        source: fred::error::Error,
    },
    /// The list of Redis clients could not be read.
    #[error("could not list the clients of Redis")]
    ListClients(#[source] fred::error::Error),
    /// Keys could not be read or written.
    #[error("could not {operation}")]
    Keys {
        /// What was tried.
        operation: &'static str,
        /// What Redis said.
        #[source]
        source: fred::error::Error,
    },
}
