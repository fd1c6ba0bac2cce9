//! `["AUTH",<signed event>]` ([NIP-42](https://nips.nostr.com/42)): checked here, its auth level is found by a worker.

use protocol::{Event, Kind, Prefix, Reason, RelayUrl};

use super::Cx;
use crate::{
    owed::{Debt, Owing},
    rate_limit::Action,
    verifier::{Purpose, Submission},
};

impl Cx<'_> {
    /// Proves a key, once its signature is checked. Every AUTH is answered by an OK.
    pub(super) async fn auth(&self, event: Box<Event>) {
        let (id, line) = (event.id, &self.connection.line);
        if let Err(reason) = self.is_answer_to_challenge(&event) {
            return line.ok(&id, false, &reason.to_string());
        }
        let deadline = Self::deadline(self.relay.config.websocket.auth_deadline_s);
        match self.connection.owe(Debt::Auth(id), deadline, None) {
            Owing::New => {}
            Owing::Again => return,
            Owing::TooMany => {
                return line.ok(&id, false, "rate-limited: too many events without an answer yet");
            }
        }
        let purpose = Purpose::Authenticate;
        self.relay
            .verifier
            .check(Submission {
                connection: self.connection.clone(),
                purpose,
                event,
            })
            .await;
    }

    fn is_answer_to_challenge(&self, event: &Event) -> Result<(), Reason> {
        self.is_proof(event, Some(self.connection.id.as_str()))?;
        let most = self.relay.config.auth.max_keys;
        if self.connection.proofs.others(&event.pubkey) >= most {
            let text = format!("more than {most} keys on one connection");
            return Err(Reason::new(Prefix::Restricted, text));
        }
        Ok(())
    }

    /// Whether an event proves its key here, once its signature is checked. Without a challenge it must have none: else it was
    /// made for another connection.
    pub fn is_proof(&self, event: &Event, challenge: Option<&str>) -> Result<(), Reason> {
        self.is_allowed(Action::Auth)?;
        let refuse = |text: &'static str| Err(Reason::new(Prefix::Invalid, text));
        let now = runtime::clock::unix_millis() / 1000;
        if event.kind != Kind::AUTHENTICATION {
            return refuse("an AUTH event has kind 22242");
        }
        if event.created_at.abs_diff(now) > self.relay.config.auth.max_age_s {
            return refuse("created_at is too far from now");
        }
        if event.tags.first_value("challenge") != challenge {
            return refuse("challenge does not match");
        }
        if !event
            .tags
            .first_value("relay")
            .is_some_and(|url| self.is_our_url(url))
        {
            return refuse("relay does not match");
        }
        Ok(())
    }

    /// NIP-42: the host is enough. It has to be one of ours.
    fn is_our_url(&self, url: &str) -> bool {
        RelayUrl::parse(url).is_some_and(|url| self.own_urls().iter().any(|own| own.has_host_of(&url)))
    }

    /// The configured URLs or, with none, the host that was connected to.
    pub(super) fn own_urls(&self) -> Vec<RelayUrl> {
        let urls = &self.relay.config.relay.urls;
        if urls.is_empty() {
            let host = self.connection.host.as_deref();
            return host.and_then(RelayUrl::of_host).into_iter().collect();
        }
        RelayUrl::parse_all(urls)
    }
}
