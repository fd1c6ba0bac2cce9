//! Keeping up with what is committed, by whomever.
//!
//! Sequence numbers and removals grow in the order of commits, so "what came after the last one seen" misses nothing.
//! One statement reads both: it sees one moment. Questions that come together share it.

use std::time::{Duration, Instant};

use protocol::{EventId, PublicKey};
use shuttle_sync::sync::atomic::{AtomicU64, Ordering};
use sqlx::{AssertSqlSafe, Row, postgres::PgRow};
use tokio::sync::Mutex;
use tracing::{debug, info};

use super::{Followed, TICK, Window, entry::Entry, removals};
use crate::StoreError;

/// Rows of one step.
const STEP: i64 = 1_000;

/// Everybody who asks waits for a look: the connection of one that takes longer is taken for dead.
const PATIENCE: Duration = Duration::from_secs(3);

/// Steps after which it is cheaper to load the window anew: tens of thousands of events came while nobody asked.
const STEPS: usize = 32;

/// Whose turn it is to look what is new: those who wait together share one look, the first that begins after they came.
#[derive(Debug, Default)]
pub(super) struct Turns {
    turn: Mutex<()>,
    begun: AtomicU64,
    /// The last one that went well.
    done: AtomicU64,
}

/// New since the last look.
#[derive(Default)]
struct News {
    entries: Vec<Entry>,
    removed: Vec<i64>,
    seq: i64,
    removal: i64,
}

impl Turns {
    /// Looks, unless a look that began after this call has gone well before its turn comes.
    async fn share<E>(&self, look: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        let before = self.begun.load(Ordering::Acquire);
        let _turn = self.turn.lock().await;
        if self.done.load(Ordering::Acquire) > before {
            return Ok(());
        }
        let number = 1 + self.begun.fetch_add(1, Ordering::AcqRel);
        look.await?;
        self.done.store(number, Ordering::Release);
        Ok(())
    }
}

impl Window {
    /// Whether the window now holds everything that `change` tells of; without one, everything that was committed before this call.
    pub(super) async fn catch_up_or_give_up(&self, change: Option<u64>) -> bool {
        match self.catch_up(change).await {
            Ok(()) => true,
            Err(error) => {
                // The question goes to Postgres, and its fault is reported there.
                debug!(%error, "could not follow what is new");
                false
            }
        }
    }

    /// Brings the window to what is committed now, unless it was since the last change that is known.
    pub(super) async fn catch_up(&self, change: Option<u64>) -> Result<(), StoreError> {
        if change.is_some_and(|change| self.is_as_of(change)) {
            return Ok(());
        }
        self.turns.share(self.follow(change)).await
    }

    /// Not for long: a Redis that came back may not know of the latest changes, and who writes past the workers tells nobody.
    fn is_as_of(&self, change: u64) -> bool {
        let followed = self.contents.read();
        followed
            .as_ref()
            .is_some_and(|followed| followed.change == Some(change) && followed.at.elapsed() < TICK)
    }

    /// Only in turn.
    async fn follow(&self, change: Option<u64>) -> Result<(), StoreError> {
        let now = Instant::now();
        let Some((mut news, at)) = self.position() else {
            return Ok(());
        };
        let steps = if at.elapsed() < removals::KEPT / 2 {
            STEPS
        } else {
            0
        };
        for _ in 0..steps {
            if self.read_news(&mut news).await? {
                // All steps at once: what the last one saw is one moment, and nobody looks in between.
                self.apply(news, now, change);
                return Ok(());
            }
        }
        info!("too much came to follow it: the window of newest events is loaded anew");
        *self.contents.write() = None;
        Ok(())
    }

    fn position(&self) -> Option<(News, Instant)> {
        let followed = self.contents.read();
        followed.as_ref().map(|followed| {
            let news = News {
                seq: followed.seq,
                removal: followed.removal,
                ..News::default()
            };
            (news, followed.at)
        })
    }

    fn apply(&self, news: News, at: Instant, change: Option<u64>) {
        if let Some(followed) = &mut *self.contents.write() {
            followed.apply(news, self.most);
            followed.at = at;
            followed.change = change.or(followed.change);
        }
    }

    /// The delegator's key of `e`, as a column.
    pub(super) fn delegator(&self) -> &'static str {
        if self.delegation {
            "(SELECT a.pubkey FROM event_delegators d JOIN authors a ON a.id = d.author WHERE d.event = e.seq)"
        } else {
            "NULL::bytea"
        }
    }

    /// Adds what came next; whether that is all.
    async fn read_news(&self, news: &mut News) -> Result<bool, StoreError> {
        // One look in each of two primary keys, mostly in vain.
        let look = sqlx::query(AssertSqlSafe(format!(
            "SELECT seq, id, kind, created_at, expires_at, tags, raw, NULL::bigint[], {} FROM \
             (SELECT * FROM events WHERE seq > $1 ORDER BY seq LIMIT $3) e \
             UNION ALL SELECT n, NULL, NULL, NULL, NULL, NULL, NULL, seqs, NULL FROM \
             (SELECT * FROM removals WHERE n > $2 ORDER BY n LIMIT $3) r",
            self.delegator(),
        )))
        .bind(news.seq)
        .bind(news.removal)
        .bind(STEP);
        let failed = StoreError::during("follow new events");
        let connection = self.reads.acquire().await.map_err(failed)?;
        let rows = look.fetch_all(&mut connection.within(PATIENCE)).await;
        rows.and_then(|rows| news.read(&rows)).map_err(failed)
    }
}

impl News {
    /// Whether these rows are all there were.
    fn read(&mut self, rows: &[PgRow]) -> Result<bool, sqlx::Error> {
        let (mut events, mut removals) = (0, 0);
        for row in rows {
            if let Some(seqs) = row.try_get::<Option<Vec<i64>>, _>(7)? {
                removals += 1;
                self.removal = row.try_get(0)?;
                self.removed.extend(seqs);
            } else {
                events += 1;
                let entry = read_entry(row)?;
                self.seq = entry.seq;
                self.entries.push(entry);
            }
        }
        Ok(events < STEP && removals < STEP)
    }
}

impl Followed {
    fn apply(&mut self, news: News, most: usize) {
        for entry in news.entries {
            self.contents.insert(entry);
        }
        for seq in news.removed {
            self.contents.remove(seq);
        }
        self.contents.shrink(most);
        self.seq = news.seq;
        self.removal = news.removal;
    }
}

/// `seq, id, kind, created_at, expires_at, tags, raw, …, delegator`.
pub(super) fn read_entry(row: &PgRow) -> Result<Entry, sqlx::Error> {
    let raw: &[u8] = row.try_get(6)?;
    let mut tags: Vec<i64> = row.try_get(5)?;
    tags.sort_unstable();
    let author = PublicKey::of_canonical(raw)
        .ok_or_else(|| sqlx::Error::Decode("an event without a pubkey at its place".into()))?;
    Ok(Entry {
        seq: row.try_get(0)?,
        id: EventId::from_bytes(row.try_get(1)?),
        author,
        delegator: row.try_get::<Option<[u8; 32]>, _>(8)?.map(PublicKey::from_bytes),
        kind: u16::try_from(row.try_get::<i32, _>(2)?).unwrap_or(u16::MAX),
        created_at: row.try_get::<i64, _>(3)?.unsigned_abs(),
        expires_at: row.try_get::<Option<i64>, _>(4)?.map(i64::unsigned_abs),
        tags: tags.into(),
        json: bytes::Bytes::copy_from_slice(raw),
    })
}

#[cfg(all(test, feature = "shuttle"))]
#[allow(clippy::unwrap_used, reason = "what fails here fails the test")]
mod interleavings {
    use std::sync::Arc;

    use shuttle::{future::block_on, thread};

    use super::*;

    #[derive(Default)]
    struct World {
        turns: Turns,
        committed: AtomicU64,
        looks: AtomicU64,
        seen: AtomicU64,
    }

    impl World {
        async fn look(&self) -> Result<(), &'static str> {
            let (nth, committed) = (
                self.looks.fetch_add(1, Ordering::SeqCst),
                self.committed.load(Ordering::SeqCst),
            );
            thread::yield_now();
            if nth == 1 {
                return Err("the connection broke");
            }
            self.seen.store(committed, Ordering::SeqCst);
            Ok(())
        }

        /// Commits, asks, and sees at least what was committed.
        fn commit_and_ask(&self) {
            let committed = 1 + self.committed.fetch_add(1, Ordering::SeqCst);
            if block_on(self.turns.share(self.look())).is_ok() {
                assert!(self.seen.load(Ordering::SeqCst) >= committed);
            }
        }
    }

    #[test]
    fn whoever_asks_sees_what_was_committed_before() {
        testkit::in_any_order(|| {
            let world = Arc::new(World::default());
            let threads = [(); 3].map(|()| {
                let world = Arc::clone(&world);
                thread::spawn(move || world.commit_and_ask())
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert!(world.looks.load(Ordering::SeqCst) <= 3);
        });
    }
}
