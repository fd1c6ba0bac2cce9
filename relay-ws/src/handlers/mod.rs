//! One verb a file: check, act, answer.

mod auth;
mod close;
mod count;
mod event;
mod negentropy;
mod req;

use std::{sync::Arc, time::Instant};

use metrics::counter;
use protocol::{Answer, BadMessage, ClientMessage, Filter, Prefix, Reader, Reason};
use runtime::config::Config;

use crate::{connection::Connection, rate_limit::Action, relay::Relay};

/// Bytes of a message that counts as large: beyond all but long lists of contacts and long articles.
const LARGE: usize = 32 * 1024;

/// What a handler works with.
pub struct Cx<'a> {
    /// The process.
    pub relay: &'a Arc<Relay>,
    /// The client.
    pub connection: &'a Arc<Connection>,
}

impl Cx<'_> {
    /// Handles one text message.
    pub async fn message(&self, text: &str) {
        let limits = &self.relay.config.limits;
        if text.len() > limits.max_message_length {
            let text = format!(
                "invalid: message is longer than {} bytes",
                limits.max_message_length
            );
            return self.refuse_all(&text);
        }
        match self.parse(text).await {
            Ok(ClientMessage::Event(event)) => self.event(event).await,
            Ok(ClientMessage::Req(subscription, filters)) => self.req(subscription, filters),
            Ok(ClientMessage::Count(query, filters)) => self.count(query, filters),
            Ok(ClientMessage::Close(subscription)) => self.close(&subscription),
            Ok(ClientMessage::Auth(event)) => self.auth(event).await,
            Ok(ClientMessage::NegOpen(id, filter, message)) => self.neg_open(id, *filter, message),
            Ok(ClientMessage::NegMsg(id, message)) => self.neg_msg(&id, message),
            Ok(ClientMessage::NegClose(id)) => self.neg_close(&id),
            Err(BadMessage { answer, reason }) => {
                let (line, reason) = (&self.connection.line, reason.to_string());
                match answer {
                    Answer::Ok(event) => line.ok(&event, false, &reason),
                    Answer::Closed(subscription) => line.closed(&subscription, &reason),
                    Answer::NegErr(subscription) => {
                        self.connection.reconciliations.end(&subscription);
                        line.neg_err(&subscription, &reason, None);
                    }
                    Answer::Notice => line.notice(&reason),
                }
                self.relay.count_invalid(self.connection);
            }
        }
    }

    /// A large message takes milliseconds. They are parsed one at a time, addresses in turn, and not where sockets are served.
    async fn parse(&self, text: &str) -> Result<ClientMessage, BadMessage> {
        if text.len() < LARGE {
            return ClientMessage::parse(text);
        }
        let _own = match self.connection.origin() {
            Some(origin) => {
                let own = origin.large_message().await;
                // Before the turn among all, so that nobody else waits for that.
                origin.turn(&self.relay.settings).await;
                own
            }
            None => None,
        };
        let _turn = self.relay.large_messages.acquire().await;
        tokio::task::block_in_place(|| ClientMessage::parse(text))
    }

    /// Tells of a message that cannot be answered by an id.
    pub fn refuse_all(&self, text: &str) {
        self.connection.line.notice(text);
        self.relay.count_invalid(self.connection);
    }

    /// Whether the address may do this now.
    fn is_allowed(&self, action: Action) -> Result<(), Reason> {
        counter!("relay_messages_total", "what" => action.member()).increment(1);
        let address = self.connection.address;
        if self.relay.settings.is_unlimited(address) || self.relay.rates.allow(address, action) {
            return Ok(());
        }
        Err(Reason::new(
            Prefix::RateLimited,
            "slow down: too many of these from your address",
        ))
    }

    fn is_authorized(&self, min_level: u8) -> Result<(), Reason> {
        let client = self.connection.client();
        if u8::from(client.level) >= min_level {
            return Ok(());
        }
        Err(if client.is_anonymous() {
            Reason::new(Prefix::AuthRequired, "authenticate first (NIP-42)")
        } else {
            Reason::new(Prefix::Restricted, "your key is not allowed to do this here")
        })
    }

    /// Whether the client may ask for this at all, by a command that in general needs this level.
    fn may_ask(&self, filters: &[Filter], min_level: u8) -> Result<(), Reason> {
        let kinds = filters.iter().map(|filter| filter.kinds.as_deref());
        self.is_authorized(self.relay.config.min_level_to_ask(min_level, kinds))?;
        let client = self.connection.client();
        let reader = Reader::new(self.relay.private, &client.pubkeys);
        let refusal = filters.iter().find_map(|filter| reader.refusal(filter));
        refusal.map_or(Ok(()), Err)
    }

    fn deadline(seconds: u32) -> Instant {
        Instant::now() + std::time::Duration::from_secs(u64::from(seconds))
    }
}

/// Checks filters against the limits and gives each a limit of its own.
fn within_limits(filters: &mut [Filter], subscription: &str, config: &Config) -> Result<(), Reason> {
    let (limits, searches) = (&config.limits, config.search.enabled);
    let invalid = |text: String| Err(Reason::new(Prefix::Invalid, text));
    if subscription.chars().count() > limits.max_subid_length {
        return invalid(format!(
            "subscription id is longer than {} characters",
            limits.max_subid_length
        ));
    }
    if filters.len() > limits.max_filters {
        return invalid(format!("more than {} filters", limits.max_filters));
    }
    for filter in filters {
        if filter.value_count() > limits.max_filter_values {
            return invalid(format!(
                "a filter has more than {} values",
                limits.max_filter_values
            ));
        }
        if filter.search.is_some() && !searches {
            return Err(Reason::new(Prefix::Unsupported, "search is not supported here"));
        }
        filter.limit = Some(filter.limit.unwrap_or(limits.default_limit).min(limits.max_limit));
    }
    Ok(())
}
