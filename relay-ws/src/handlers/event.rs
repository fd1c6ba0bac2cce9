//! `["EVENT",<event>]`: the cheap checks here, then the signature, then the queue.

use protocol::{Event, Kind, Prefix, Reason};
use queue::Queue;
use runtime::config::Limits;

use super::Cx;
use crate::{
    origins::OnItsWay,
    owed::{Debt, Owing},
    rate_limit::Action,
    relay::is_forgotten,
    verifier::{Purpose, Submission},
};

impl Cx<'_> {
    /// Takes an event in. Its OK comes from the worker, after the commit.
    pub(super) async fn event(&self, event: Box<Event>) {
        let (id, line) = (event.id, &self.connection.line);
        if let Err(reason) = self.is_acceptable(&event) {
            return line.ok(&id, false, &reason.to_string());
        }
        // Before the look at what is known: a banned event may be known. Whoever is banned may vanish (NIP-62).
        if event.kind != Kind::VANISH
            && let Some(reason) = self.relay.rulings.refusal(&event)
        {
            return line.ok(&id, false, &reason.to_string());
        }
        if self.is_duplicate(&event) {
            return line.ok(&id, true, "duplicate: already have this event");
        }
        let place = match self.place().await {
            Ok(place) => place,
            Err(reason) => return line.ok(&id, false, &reason.to_string()),
        };
        let deadline = Self::deadline(self.relay.config.websocket.event_deadline_s);
        match self.connection.owe(Debt::Event(id), deadline, place) {
            Owing::New => {}
            Owing::Again => return,
            Owing::TooMany => {
                return line.ok(&id, false, "rate-limited: too many events without an answer yet");
            }
        }
        let submission = Submission {
            connection: self.connection.clone(),
            purpose: Purpose::Publish,
            event,
        };
        self.relay.verifier.check(submission).await;
    }

    /// Waits until an event of this address may be sent on its way, unless so much waits that it must be refused. Meanwhile the socket is
    /// not read: its client feels it as a slow network.
    async fn place(&self) -> Result<Option<OnItsWay>, Reason> {
        let (relay, connection) = (self.relay, self.connection);
        let Some(origin) = connection.origin() else {
            return Ok(None);
        };
        if relay.settings.is_unlimited(connection.address) || !origin.has_company() {
            return Ok(None);
        }
        tokio::select! {
            biased;
            place = origin.send_event() => Ok(place),
            reason = relay.intake.full(Queue::Event) => Err(reason),
        }
    }

    /// Whether it came by lately and is still there. What may have gone since, only a worker knows.
    fn is_duplicate(&self, event: &Event) -> bool {
        let relay = self.relay;
        let is_known = || relay.known.contains(&event.id) || relay.published.contains(&event.id);
        let delegation = relay.config.policy.delegation;
        let is_disowned = || {
            let mut owners = event.vanishes_with(delegation);
            owners.any(|key| relay.disowning.contains(&key))
        };
        let expires = event.expiration().ok().flatten();
        let is_expired = || expires.is_some_and(|at| at <= runtime::clock::unix_millis() / 1000);
        !is_forgotten(event.kind) && is_known() && !is_expired() && !is_disowned()
    }

    fn is_acceptable(&self, event: &Event) -> Result<(), Reason> {
        self.is_allowed(Action::Event)?;
        within_limits(event, &self.relay.config.limits)?;
        if event.kind == Kind::AUTHENTICATION {
            return Err(Reason::new(
                Prefix::Invalid,
                "kind 22242 belongs in an AUTH message",
            ));
        }
        if event.kind == Kind::VANISH {
            // Whoever was let write here, and whoever was not, may ask for it.
            self.is_for_us(event)?;
        } else {
            self.is_authorized(self.relay.config.min_level_of(event.kind.0))?;
        }
        self.relay.intake.refusal(Queue::Event).map_or(Ok(()), Err)
    }

    /// NIP-62: who asks other relays is told so, and does not believe to be gone here.
    fn is_for_us(&self, request: &Event) -> Result<(), Reason> {
        if request.asks_to_vanish_from(&self.own_urls()) {
            return Ok(());
        }
        let text = "no relay tag of this request to vanish names this relay";
        Err(Reason::new(Prefix::Invalid, text))
    }
}

fn within_limits(event: &Event, limits: &Limits) -> Result<(), Reason> {
    let invalid = |text: String| Err(Reason::new(Prefix::Invalid, text));
    if event.tags.len() > limits.max_event_tags {
        return invalid(format!("more than {} tags", limits.max_event_tags));
    }
    // Characters are counted only when there could be too many.
    let content = &event.content;
    if content.len() > limits.max_content_length && content.chars().count() > limits.max_content_length {
        return invalid(format!(
            "content is longer than {} characters",
            limits.max_content_length
        ));
    }
    let most = limits.max_tag_value_length;
    if event
        .tags
        .iter()
        .any(|tag| tag.iter().any(|text| text.len() > most))
    {
        return invalid(format!("a tag value is longer than {most} bytes"));
    }
    Ok(())
}
