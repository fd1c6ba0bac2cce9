//! Names of channels: `events:<CONNECTION_ID>:<SUBSCRIPTION_ID>:<COMMAND>`.

use std::fmt;

use crate::{ConnectionId, ProcessId};

/// What a message is for: the last part of its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// An event; becomes EVENT.
    FoundEvent,
    /// A page of events, between our own processes.
    FoundEvents,
    /// The stored events are sent; becomes EOSE.
    FoundEnd,
    /// Becomes OK.
    Ok,
    /// Becomes COUNT.
    Count,
    /// Becomes CLOSED.
    Closed,
    /// Becomes NOTICE.
    Notice,
    /// `[<close code>,"<reason>"]`: the socket is closed.
    Terminate,
    /// A page of answers to connections of one process, between our own processes.
    Replies,
    /// `["<public key>",…]`: auth levels that may have changed, of these keys or, of none, of all.
    Levels,
    /// Who listened to ephemeral events, between our own processes.
    Heard,
}

/// The second part of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// `_`: everybody.
    All,
    /// 8 hex: a relay-ws process.
    Process(ProcessId),
    /// 32 hex: a connection.
    Connection(ConnectionId),
}

/// A channel, taken apart. `_` stands for an id that the command does not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel<'a> {
    /// For whom.
    pub address: Address,
    /// For which subscription; any text.
    pub subscription: Option<&'a str>,
    /// What to do.
    pub command: Command,
}

impl<'a> Channel<'a> {
    /// Takes a channel name apart. A subscription id may hold colons itself, so the address is read from the left and
    /// the command from the right. `None` for what is no channel of ours.
    pub fn parse(name: &'a str) -> Option<Self> {
        let (address, rest) = name.strip_prefix("events:")?.split_once(':')?;
        let (subscription, command) = rest.rsplit_once(':')?;
        let (address, command) = (Address::parse(address)?, Command::parse(command)?);
        // A client may call a subscription `_`, too.
        let is_named = matches!(address, Address::Connection(_)) && command.is_to_a_subscription();
        Some(Self {
            address,
            subscription: (is_named || subscription != "_").then_some(subscription),
            command,
        })
    }
}

impl fmt::Display for Channel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subscription = self.subscription.unwrap_or("_");
        write!(
            f,
            "events:{}:{subscription}:{}",
            self.address,
            self.command.as_str()
        )
    }
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "_" => Some(Self::All),
            _ => text
                .parse()
                .map(Self::Connection)
                .or_else(|_| text.parse().map(Self::Process))
                .ok(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("_"),
            Self::Process(id) => id.fmt(f),
            Self::Connection(id) => id.fmt(f),
        }
    }
}

impl Command {
    const ALL: [Self; 11] = [
        Self::FoundEvent,
        Self::FoundEvents,
        Self::FoundEnd,
        Self::Ok,
        Self::Count,
        Self::Closed,
        Self::Notice,
        Self::Terminate,
        Self::Replies,
        Self::Levels,
        Self::Heard,
    ];

    /// Whether it answers a REQ or COUNT, and so has an id.
    const fn is_to_a_subscription(self) -> bool {
        match self {
            Self::FoundEvent | Self::FoundEvents | Self::FoundEnd | Self::Count | Self::Closed => true,
            Self::Ok | Self::Notice | Self::Terminate | Self::Replies | Self::Levels | Self::Heard => false,
        }
    }

    /// As it stands in the channel.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FoundEvent => "FOUND_EVENT",
            Self::FoundEvents => "FOUND_EVENTS",
            Self::FoundEnd => "FOUND_END",
            Self::Ok => "OK",
            Self::Count => "COUNT",
            Self::Closed => "CLOSED",
            Self::Notice => "NOTICE",
            Self::Terminate => "TERMINATE",
            Self::Replies => "REPLIES",
            Self::Levels => "LEVELS",
            Self::Heard => "HEARD",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_subscription_id_returns() {
        let connection = ConnectionId::random(ProcessId::random());
        for subscription in [
            "feed",
            "a:b:c",
            "*",
            " ",
            "_",
            "_x",
            "events:_:_:OK",
            "😀:FOUND_END",
        ] {
            let channel = Channel {
                address: Address::Connection(connection),
                subscription: Some(subscription),
                command: Command::FoundEvent,
            };
            let name = channel.to_string();
            assert_eq!(Channel::parse(&name), Some(channel), "{name}");
        }
    }

    #[test]
    fn the_contract() {
        let parsed = Channel::parse("events:_:_:FOUND_EVENT").unwrap();
        assert_eq!(
            parsed,
            Channel {
                address: Address::All,
                subscription: None,
                command: Command::FoundEvent
            }
        );
        assert_eq!(Channel::parse("events:zz:_:OK"), None);
        assert_eq!(Channel::parse("events:_:_:DANCE"), None);
        assert_eq!(Channel::parse("other:_:_:OK"), None);
    }
}
