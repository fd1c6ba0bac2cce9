//! Everything that the connections of this process share, and the answers that come back to them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use metrics::counter;
use protocol::{EventId, Kind, KindClass, Prefix, PrivateKinds, PublicKey, Reason};
use pubsub::{Ballot, ConnectionId, ProcessId, Publisher};
use runtime::config::Config;
use tokio::{runtime::Handle, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    audience::{Audiences, Heard, Told},
    connection::{Connection, Registered},
    connections::Connections,
    copies::Copier,
    fast_auth::UsedProofs,
    intake::{Accepted, Intake},
    levels::Doubts,
    management::WaitingCalls,
    origins::Origins,
    outbox::{Close, CloseReason},
    owed::Debt,
    presence::Presence,
    questions::Asking,
    rate_limit::RateLimits,
    recent::{Recent, RecentIds},
    rulings::RulingsInForce,
    settings::Settings,
    subscriptions::{LiveIndex, Subscription},
    turns::Turns,
    verifier::{Checked, Purpose, Submission, Verifier},
};

/// One relay-ws process.
pub struct Relay {
    /// Its id: the first 8 characters of the ids of its connections.
    pub process: ProcessId,
    /// Its configuration.
    pub config: Config,
    /// What is for its parties only.
    pub private: PrivateKinds,
    /// Its connections.
    pub connections: Connections,
    /// Its live subscriptions.
    pub live: LiveIndex,
    /// New events that came through pub/sub lately.
    pub published: RecentIds,
    /// Events that a client was told lately that they are stored.
    pub known: RecentIds,
    /// Authors who lately asked for the removal of more than single events: what is known of theirs may be gone.
    pub disowning: Recent<PublicKey>,
    /// Auth levels that may have changed.
    pub doubts: Doubts,
    /// The proofs by which clients were let in.
    pub used_proofs: UsedProofs,
    /// The way to the workers.
    pub intake: Arc<Intake>,
    /// The way to the signature checks.
    pub verifier: Verifier,
    /// What operators set in Redis.
    pub settings: Arc<Settings>,
    /// What they decided about who and what may come in.
    pub rulings: RulingsInForce,
    /// Calls of the management API that wait for a worker.
    pub calls: WaitingCalls,
    /// What each address shares.
    pub origins: Origins,
    /// The questions that workers have, and those that wait.
    pub turns: Turns<Asking>,
    /// What is counted per address.
    pub rates: Arc<RateLimits>,
    /// What Redis knows of our connections.
    pub presence: Presence,
    /// Copies for plugins.
    pub copier: Arc<Copier>,
    /// Who listens to ephemeral events.
    pub audiences: Audiences,
    /// Messages to other relay-ws processes.
    pub publisher: Publisher,
    /// Whose large message is parsed.
    pub large_messages: Semaphore,
    /// Cancelled when the process is to end: nothing more is read, so that the answers that are owed come to an end.
    pub draining: CancellationToken,
    /// Where threads start tasks.
    pub runtime: Handle,
}

impl Relay {
    /// What a signature check said.
    pub fn checked(self: &Arc<Self>, submission: Submission<Checked>) {
        let Submission {
            connection,
            purpose,
            event,
        } = submission;
        match (event, purpose) {
            (Ok(event), Purpose::Publish) => {
                let id = event.id();
                self.intake.event(Accepted {
                    connection,
                    id,
                    json: event.into_json(),
                });
            }
            (Ok(event), Purpose::Authenticate) => {
                let (id, pubkey) = (event.id(), event.pubkey);
                self.look_up_level(connection, id, pubkey);
            }
            (Err((id, error)), purpose) => {
                debug!(connection = %connection.id, event = %id, %error, "refused an event");
                let reason = Reason::new(Prefix::Invalid, error.to_string()).to_string();
                match purpose {
                    Purpose::Publish => self.answer_event(&connection, id, false, &reason),
                    Purpose::Authenticate => self.answer_auth(&connection, id, false, &reason),
                }
                self.count_invalid(&connection);
            }
        }
    }

    /// Pays the OKs that an EVENT is owed. The first says what the worker said, the others that it is a duplicate.
    pub fn answer_event(&self, connection: &Connection, id: EventId, accepted: bool, message: &str) {
        let answers = connection.settle(&Debt::Event(id));
        for number in 0..answers {
            let again = accepted && number > 0;
            let message = if again {
                "duplicate: already have this event"
            } else {
                message
            };
            connection.line.ok(&id, accepted, message);
        }
    }

    /// Says who listened to ephemeral events to the process whose clients sent them.
    pub fn vote(&self, asking: ProcessId, ballot: Ballot) {
        if asking == self.process {
            return self.answer_told(self.audiences.count(&ballot, Instant::now()));
        }
        let publisher = self.publisher.clone();
        self.runtime.spawn(async move {
            if let Err(error) = publisher.ballot(asking, &ballot).await {
                debug!(%error, "could not say who listened to ephemeral events");
            }
        });
    }

    /// Pays the OKs of ephemeral events.
    pub fn answer_told(&self, told: Vec<Told>) {
        for (connection, event, heard) in told {
            // Who is gone needs no answer.
            let Some(connection) = self.connections.get(connection) else {
                continue;
            };
            let (accepted, message) = match heard {
                Heard::Perhaps => (true, ""),
                Heard::ByNobody => (false, "mute: no one was listening to your ephemeral event"),
            };
            self.answer_event(&connection, event, accepted, message);
        }
    }

    /// Pays the OKs that an AUTH is owed.
    pub fn answer_auth(&self, connection: &Connection, id: EventId, accepted: bool, message: &str) {
        for _ in 0..connection.settle(&Debt::Auth(id)) {
            connection.line.ok(&id, accepted, message);
        }
    }

    /// Closes a subscription unless it has been closed or replaced, and says why.
    pub fn close_subscription(&self, connection: &Connection, subscription: &Subscription, reason: &str) {
        if let Some(registered) = connection.unsubscribe_this(subscription) {
            self.end(connection.id, &registered);
            connection.line.closed(subscription.id.as_str(), reason);
        }
    }

    /// Ends a subscription that has been taken out of its connection.
    pub fn end(&self, connection: ConnectionId, registered: &Registered) {
        self.live.remove(&registered.hung);
        registered.subscription.end();
        self.presence
            .unsubscribed(connection, &registered.subscription.id);
    }

    /// Answers what is late: a worker died with the job, or its answer was lost.
    pub fn answer_overdue(&self, connection: &Connection, now: Instant) {
        const LATE: &str = "error: the relay did not answer in time, try again later";
        for (debt, answers) in connection.overdue(now) {
            counter!("relay_answers_overdue_total").increment(u64::from(answers));
            for _ in 0..answers {
                match &debt {
                    Debt::Event(id) | Debt::Auth(id) => connection.line.ok(id, false, LATE),
                    Debt::Count(id, _) => connection.line.closed(id.as_str(), LATE),
                    Debt::Negentropy(id, generation) => {
                        if connection.reconciliations.end_generation(id, *generation) {
                            connection.line.neg_err(id.as_str(), LATE, None);
                        }
                    }
                }
            }
        }
        for subscription in connection.subscriptions() {
            subscription.forget(now);
            if subscription.give_up(now) {
                counter!("relay_answers_overdue_total").increment(1);
                self.close_subscription(connection, &subscription, LATE);
            }
        }
    }

    /// Counts a bad message; who sends nothing else is closed.
    pub fn count_invalid(&self, connection: &Connection) {
        counter!("relay_invalid_messages_total").increment(1);
        let most = self.config.rate_limits.invalid_messages;
        let count = 1 + connection.invalid_messages.fetch_add(1, Ordering::Relaxed);
        if most > 0 && count > most {
            connection
                .line
                .close(Close::because(CloseReason::Abuse, "too many bad messages"));
        }
    }
}

/// Kinds that are passed on and forgotten: the same event may come again and is not known.
pub fn is_forgotten(kind: Kind) -> bool {
    kind.class() == KindClass::Ephemeral
}
