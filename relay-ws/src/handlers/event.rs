//! `["EVENT",<event>]`: the cheap checks here, then the signature, then the queue.

use protocol::{Event, Kind, Prefix, Reason};
use queue::Queue;
use runtime::config::Limits;

use super::Cx;
use crate::{
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
        // Before the look at what is known: a banned event may be known.
        if let Some(reason) = self.relay.rulings.refusal(&event) {
            return line.ok(&id, false, &reason.to_string());
        }
        if !is_forgotten(event.kind) && (self.relay.known.contains(&id) || self.relay.published.contains(&id))
        {
            return line.ok(&id, true, "duplicate: already have this event");
        }
        let deadline = Self::deadline(self.relay.config.websocket.event_deadline_s);
        match self.connection.owe(Debt::Event(id), deadline) {
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

    fn is_acceptable(&self, event: &Event) -> Result<(), Reason> {
        self.is_allowed(Action::Event)?;
        within_limits(event, &self.relay.config.limits)?;
        if event.kind == Kind::AUTHENTICATION {
            return Err(Reason::new(
                Prefix::Invalid,
                "kind 22242 belongs in an AUTH message",
            ));
        }
        self.is_authorized(self.relay.config.min_level_of(event.kind.0))?;
        self.relay.intake.refusal(Queue::Event).map_or(Ok(()), Err)
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
