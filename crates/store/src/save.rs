//! Events in: a whole batch in one transaction and one round trip.

use std::collections::{HashMap, hash_map::Entry};

use protocol::{EventId, VerifiedEvent};

use crate::{Store, StoreError, batch::Batch, keys::replace_key};

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveOutcome {
    /// It is stored.
    Stored,
    /// It was there already.
    Duplicate,
    /// A newer version is there (or an equally old one with a lower id).
    Superseded,
    /// Its author asked for its deletion.
    Deleted,
    /// Its author, or the recipient of a gift wrap, asked to vanish (NIP-62).
    Vanished,
}

/// A saved batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// One for each event, in their order.
    pub outcomes: Vec<SaveOutcome>,
    /// The highest sequence number of the stored ones. Numbers grow in the order of commits.
    pub last_seq: Option<i64>,
}

impl Store {
    /// Saves events. What has an outcome is committed and survives the end of this process and of Postgres. On an error
    /// nothing of this call may be saved, or some of it: to save it again is safe.
    pub async fn save(&self, events: &[&VerifiedEvent]) -> Result<Saved, StoreError> {
        let mut outcomes = vec![None; events.len()];
        let mut last_seq = None;
        // Nearly always one round: a second one is for versions whose winner within the batch was refused.
        while let Some(round) = Round::choose(events, &mut outcomes) {
            let seq = self.ingest(&round, &mut outcomes).await?;
            last_seq = last_seq.max(seq);
        }
        Ok(Saved {
            outcomes: outcomes.into_iter().flatten().collect(),
            last_seq,
        })
    }

    async fn ingest(
        &self,
        round: &Round<'_>,
        outcomes: &mut [Option<SaveOutcome>],
    ) -> Result<Option<i64>, StoreError> {
        let pubkeys = round.events.iter().map(|(event, _)| event.event().pubkey);
        let authors = self.author_ids_or_new(&pubkeys.collect::<Vec<_>>()).await?;
        let mut batch = Batch::new(&round.events, authors);
        if self.delegation {
            batch.delegators = self.delegators(round).await?;
        }
        let targets = &batch.targets;
        // One statement: it is its own transaction, and is committed when it answers.
        let statement = sqlx::query!(
            r#"SELECT verdicts AS "verdicts!", last_seq
            FROM ingest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"#,
            &batch.ids as _,
            &batch.authors,
            &batch.kinds,
            &batch.created,
            &batch.heads,
            &batch.expires as _,
            &batch.keys as _,
            &batch.raws as _,
            &batch.tags,
            &batch.tag_ends,
            &targets.targets,
            &targets.authors,
            &targets.until as _,
            &targets.deletions as _,
            &batch.delegators as _,
        );
        let failed = |source| StoreError::Save {
            events: round.events.len(),
            source,
        };
        let answer = statement.fetch_one(&self.writes).await.map_err(failed)?;
        for (verdict, place) in answer.verdicts.iter().zip(&round.places) {
            outcomes[*place] = Some(match verdict {
                0 => SaveOutcome::Stored,
                1 => SaveOutcome::Duplicate,
                2 => SaveOutcome::Superseded,
                3 => SaveOutcome::Deleted,
                _ => SaveOutcome::Vanished,
            });
        }
        Ok(answer.last_seq)
    }
}

impl Store {
    /// The numbers of those whom the events were signed for; nothing when it is none of them.
    async fn delegators(&self, round: &Round<'_>) -> Result<Vec<Option<i32>>, StoreError> {
        let delegators: Vec<_> = round.events.iter().map(|(event, _)| event.delegator()).collect();
        let known: Vec<_> = delegators.iter().copied().flatten().collect();
        if known.is_empty() {
            return Ok(Vec::new());
        }
        let mut ids = self.author_ids_or_new(&known).await?.into_iter();
        Ok(delegators
            .iter()
            .map(|key| key.and_then(|_| ids.next()))
            .collect())
    }
}

/// Events of which no two are the same or versions of the same.
struct Round<'e> {
    events: Vec<(&'e VerifiedEvent, Option<[u8; 32]>)>,
    places: Vec<usize>,
}

impl<'e> Round<'e> {
    /// Takes what has no outcome yet; of versions the newest. Those that lost against one with an outcome get theirs.
    fn choose(events: &[&'e VerifiedEvent], outcomes: &mut [Option<SaveOutcome>]) -> Option<Self> {
        let mut ids: HashMap<EventId, usize> = HashMap::with_capacity(events.len());
        let mut winners: HashMap<[u8; 32], usize> = HashMap::new();
        let keys: Vec<_> = events
            .iter()
            .map(|event| event.address().map(|address| replace_key(&address)))
            .collect();
        let mut chosen = vec![false; events.len()];
        for (place, event) in events.iter().enumerate() {
            match ids.entry(event.id()) {
                Entry::Occupied(first) => {
                    outcomes[place] =
                        outcomes[place].or(outcomes[*first.get()].map(|outcome| match outcome {
                            SaveOutcome::Stored => SaveOutcome::Duplicate,
                            other => other,
                        }));
                    continue;
                }
                Entry::Vacant(new) => {
                    new.insert(place);
                }
            }
            if outcomes[place].is_some() {
                continue;
            }
            chosen[place] = true;
            let Some(key) = keys[place] else { continue };
            match winners.entry(key) {
                Entry::Vacant(first) => {
                    first.insert(place);
                }
                Entry::Occupied(mut winner) => {
                    let is_newer = supersedes(event, events[*winner.get()]);
                    chosen[if is_newer { winner.insert(place) } else { place }] = false;
                }
            }
        }
        let places: Vec<usize> = (0..events.len()).filter(|place| chosen[*place]).collect();
        let events = places
            .iter()
            .map(|place| (events[*place], keys[*place]))
            .collect();
        (!places.is_empty()).then_some(Self { events, places })
    }
}

/// NIP-01: the newer one; of two that are equally old the one with the lower id.
fn supersedes(event: &VerifiedEvent, other: &VerifiedEvent) -> bool {
    (event.created_at, std::cmp::Reverse(event.id())) > (other.created_at, std::cmp::Reverse(other.id()))
}
