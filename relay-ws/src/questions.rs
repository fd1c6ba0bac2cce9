//! Questions on their way to the workers: REQ, COUNT and what belongs to reconciliations, each when it is its turn.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use protocol::Filter;
use queue::{
    Queue, QueueError,
    jobs::{CountRequest, NewSearch, NewSubscription, Reconcile, Version},
};
use tracing::warn;

use crate::{
    connection::Connection,
    owed::Debt,
    relay::Relay,
    share::work_for,
    subscriptions::Subscription,
    turns::{Lane, Question, Ticket},
};

/// Questions that workers have of an address that is alone: enough for all of them to be busy, and soon answered when somebody comes.
const ALONE: usize = 64;

/// A question and who asks it.
#[derive(Debug, Clone)]
pub struct Asking {
    connection: Arc<Connection>,
    ticket: Ticket,
    queue: Queue,
    /// How long an answer may take.
    patience: Duration,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// The filters are the subscription's: what is replaced holds no memory.
    Req(Weak<Subscription>),
    Count(Box<CountRequest>),
    Reconcile(Box<Reconcile>),
}

impl Asking {
    /// For stored events.
    pub fn req(connection: &Arc<Connection>, subscription: &Arc<Subscription>, patience_s: u32) -> Self {
        let queue = queue_of(&subscription.filters);
        let what = What::Req(Arc::downgrade(subscription));
        Self::new(connection, subscription.generation(), queue, patience_s, what)
    }

    /// For a number.
    pub fn count(connection: &Arc<Connection>, job: CountRequest, patience_s: u32) -> Self {
        let (generation, what) = (job.generation, What::Count(Box::new(job)));
        Self::new(connection, generation, Queue::Count, patience_s, what)
    }

    /// For the next message of a reconciliation.
    pub fn reconcile(connection: &Arc<Connection>, job: Reconcile, patience_s: u32) -> Self {
        let (generation, what) = (job.generation, What::Reconcile(Box::new(job)));
        Self::new(connection, generation, Queue::Negentropy, patience_s, what)
    }

    fn new(connection: &Arc<Connection>, generation: u64, queue: Queue, patience_s: u32, what: What) -> Self {
        Self {
            connection: Arc::clone(connection),
            ticket: (connection.id, generation),
            queue,
            patience: Duration::from_secs(u64::from(patience_s)),
            what,
        }
    }

    fn lane(&self) -> Lane {
        (self.queue, self.connection.address)
    }

    /// Whether it was: what was closed or replaced meanwhile needs no answer.
    async fn enqueue(&self, relay: &Relay) -> Result<bool, QueueError> {
        let (connection, intake) = (&self.connection, &relay.intake);
        match &self.what {
            What::Count(job) => intake.push(&**job).await?,
            What::Reconcile(job) => intake.push(&**job).await?,
            What::Req(subscription) => {
                let Some(subscription) = subscription.upgrade() else {
                    return Ok(false);
                };
                let job = NewSubscription {
                    v: Version,
                    connection: connection.id.as_str().to_owned(),
                    subscription: subscription.id.clone(),
                    generation: subscription.generation(),
                    client: (*connection.client()).clone(),
                    filters: subscription
                        .filters
                        .iter()
                        .filter(|f| is_asked(f))
                        .cloned()
                        .collect(),
                };
                match self.queue {
                    Queue::Search => intake.push(&NewSearch(job)).await?,
                    _ => intake.push(&job).await?,
                }
            }
        }
        Ok(true)
    }

    /// It could not be asked.
    fn refuse(&self, relay: &Relay) {
        let (connection, line) = (&self.connection, &self.connection.line);
        match &self.what {
            What::Req(subscription) => {
                if let Some(subscription) = subscription.upgrade() {
                    let reason = "error: could not ask for stored events, try again later";
                    relay.close_subscription(connection, &subscription, reason);
                }
            }
            What::Count(job) => {
                let debt = Debt::Count(job.subscription.clone(), job.generation);
                if connection.settle(&debt) > 0 {
                    let reason = "error: could not ask for a count, try again later";
                    line.closed(job.subscription.as_str(), reason);
                }
            }
            What::Reconcile(job) => {
                let debt = Debt::Negentropy(job.subscription.clone(), job.generation);
                if connection.settle(&debt) > 0 {
                    let reconciliations = &connection.reconciliations;
                    reconciliations.end_generation(&job.subscription, job.generation);
                    let reason = "error: could not ask for the set, try again later";
                    line.neg_err(job.subscription.as_str(), reason, None);
                }
            }
        }
    }
}

impl Question for Asking {
    fn is_wanted(&self) -> bool {
        let owes = |debt| self.connection.owes(&debt);
        match &self.what {
            What::Req(subscription) => subscription.upgrade().is_some_and(|s| s.is_replaying()),
            What::Count(job) => owes(Debt::Count(job.subscription.clone(), job.generation)),
            What::Reconcile(job) => owes(Debt::Negentropy(job.subscription.clone(), job.generation)),
        }
    }

    fn until(&self) -> Instant {
        Instant::now() + self.patience
    }

    fn anew(&self) -> Option<(Ticket, Self)> {
        let mut anew = self.clone();
        match &self.what {
            What::Req(subscription) => {
                let generation = self.connection.next_generation();
                subscription.upgrade().filter(|s| s.ask_anew(generation))?;
                anew.ticket.1 = generation;
            }
            // One message is the whole answer: it counts once, whichever comes first.
            What::Count(_) | What::Reconcile(_) if self.is_wanted() => {}
            What::Count(_) | What::Reconcile(_) => return None,
        }
        Some((anew.ticket, anew))
    }
}

impl Relay {
    /// Asks a question when it is its turn.
    pub fn ask(self: &Arc<Self>, question: Asking) {
        let (lane, ticket) = (question.lane(), question.ticket);
        let most = self.questions_at_a_time(lane);
        if let Some(question) = self.turns.take(lane, most, ticket, question) {
            self.ask_now(question);
        }
    }

    /// A question has been answered: the next one may be asked when its address may have more.
    pub fn answered(self: &Arc<Self>, ticket: Ticket) {
        let asked = self.turns.asked(ticket);
        let Some(rest) = asked.and_then(|(lane, took)| self.rest_after(lane, took)) else {
            return self.ask_next(ticket);
        };
        let relay = Arc::clone(self);
        self.runtime.spawn(async move {
            tokio::time::sleep(rest).await;
            relay.ask_next(ticket);
        });
    }

    fn ask_next(self: &Arc<Self>, ticket: Ticket) {
        if let Some(next) = self.turns.answered(ticket, |lane| self.questions_at_a_time(lane)) {
            self.ask_now(next);
        }
    }

    /// Asks in the place of those that will not be answered any more.
    pub fn give_up_questions(self: &Arc<Self>, now: Instant) {
        for next in self.turns.overdue(now, |lane| self.questions_at_a_time(lane)) {
            self.ask_now(next);
        }
    }

    /// Asks once more whatever has not been answered: answers may have been lost.
    pub fn ask_again(self: &Arc<Self>) {
        for question in self.turns.again() {
            self.ask_now(question);
        }
    }

    /// The socket is read on meanwhile.
    fn ask_now(self: &Arc<Self>, question: Arc<Asking>) {
        let relay = Arc::clone(self);
        self.runtime.spawn(async move {
            match question.enqueue(&relay).await {
                Ok(true) => {}
                Ok(false) => relay.answered(question.ticket),
                Err(error) => {
                    warn!(%error, "could not enqueue a question");
                    question.refuse(&relay);
                    relay.answered(question.ticket);
                }
            }
        });
    }

    /// What the workers did for an address is part of what it takes. While others are there it asks again when its share has caught up.
    fn rest_after(&self, (_, address): Lane, took: Duration) -> Option<Duration> {
        let origin = self.origins.origin(address);
        origin.share().took(work_for(took, 1));
        origin.wait(&self.settings)
    }

    fn questions_at_a_time(&self, (queue, address): Lane) -> usize {
        let most = &self.config.per_address;
        if self.settings.is_unlimited(address) {
            return usize::MAX;
        }
        if !self.origins.has_company(address) {
            return ALONE;
        }
        match queue {
            Queue::Search => most.searches,
            Queue::Count => most.counts,
            Queue::Negentropy => most.reconciliations,
            _ => most.reqs,
        }
    }
}

/// A filter without a limit above zero asks for nothing that is stored.
pub fn is_asked(filter: &Filter) -> bool {
    filter.limit != Some(0) && !filter.matches_nothing()
}

/// A search may take long, and has a queue of its own.
pub fn queue_of(filters: &[Filter]) -> Queue {
    let searches = |filter: &Filter| is_asked(filter) && filter.searched().is_some();
    if filters.iter().any(searches) {
        Queue::Search
    } else {
        Queue::Req
    }
}
