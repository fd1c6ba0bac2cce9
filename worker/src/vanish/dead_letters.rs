//! Jobs that were given up hold events. Whoever vanished is taken out of them; what others wrote stays, to be tried again.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use protocol::{Event, PublicKey};
use queue::{DeadLetter, JobError, Queue};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::context::Context;

/// The queues whose jobs hold events.
const QUEUES: [Queue; 2] = [Queue::Event, Queue::Import];

/// Dead letters that are in memory together.
const PAGE: u64 = 10;

/// How far this worker has searched them, so that nothing is read where nothing is new.
#[derive(Debug, Default)]
pub struct Searched(Mutex<Place>);

#[derive(Debug, Default, Clone)]
struct Place {
    /// The newest request to vanish.
    mark: i64,
    /// The newest dead letter of each queue.
    newest: [EntryId; 2],
}

/// `<unix ms>-<number>`, in its order.
type EntryId = (u64, u64);

fn entry_id(text: &str) -> EntryId {
    let (ms, number) = text.split_once('-').unwrap_or_default();
    (ms.parse().unwrap_or_default(), number.parse().unwrap_or_default())
}

/// Takes out what vanished: of all dead letters after a new request, else of those that came since. Answers how many events
/// it were.
pub async fn forget(cx: &Context) -> Result<u64, JobError> {
    let mark = cx.store.vanish_mark().await.map_err(JobError::retry)?;
    let mut place = cx.searched.0.lock().clone();
    if mark == 0 {
        return Ok(0);
    }
    let mut removed = 0;
    for (queue, newest) in QUEUES.into_iter().zip(&mut place.newest) {
        let until = if mark == place.mark {
            *newest
        } else {
            EntryId::default()
        };
        let mut before: Option<String> = None;
        loop {
            let page = cx
                .producer
                .dead_letters_before(queue, before.as_deref(), PAGE)
                .await
                .map_err(JobError::retry)?;
            let unseen: Vec<_> = page
                .into_iter()
                .filter(|letter| entry_id(&letter.id) > until)
                .collect();
            let (Some(first), Some(last)) = (unseen.first(), unseen.last()) else {
                break;
            };
            *newest = entry_id(&first.id).max(*newest);
            before = Some(last.id.clone());
            removed += forget_in(queue, &unseen, cx).await?;
        }
    }
    place.mark = mark;
    *cx.searched.0.lock() = place;
    Ok(removed)
}

async fn forget_in(queue: Queue, letters: &[DeadLetter], cx: &Context) -> Result<u64, JobError> {
    let delegation = cx.config.policy.delegation;
    let jobs = letters
        .iter()
        .filter_map(|letter| Some((letter, Job::read(letter)?)));
    let jobs: Vec<_> = jobs.collect();
    let events = jobs
        .iter()
        .flat_map(|(_, job)| job.events.iter().filter_map(event));
    let keys: HashSet<PublicKey> = events
        .flat_map(|event| event.vanishes_with(delegation).collect::<Vec<_>>())
        .collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let vanished = cx.store.vanished_until(&keys).await.map_err(JobError::retry)?;
    if vanished.is_empty() {
        return Ok(0);
    }
    let mut removed = 0;
    for (letter, mut job) in jobs {
        let before = job.events.len();
        job.events
            .retain(|raw| !event(raw).is_some_and(|event| is_gone(&event, &vanished, delegation)));
        let gone = before - job.events.len();
        if gone == 0 {
            continue;
        }
        // One that is not there any more was enqueued again: then what vanished is refused.
        if job.events.is_empty() {
            cx.producer
                .delete_dead_letter(queue, &letter.id)
                .await
                .map_err(JobError::retry)?;
        } else {
            let json = serde_json::to_string(&job).map_err(JobError::abort)?;
            cx.producer
                .revise_dead_letter(queue, &letter.id, json)
                .await
                .map_err(JobError::retry)?;
        }
        removed += gone as u64;
    }
    Ok(removed)
}

fn is_gone(event: &Event, vanished: &HashMap<PublicKey, u64>, delegation: bool) -> bool {
    let mut until = event
        .vanishes_with(delegation)
        .filter_map(|key| vanished.get(&key));
    until.any(|until| event.created_at <= *until)
}

/// `{"v":1,"events":[…]}`: both queues have it, and what stays is not changed by a byte.
#[derive(Deserialize, Serialize)]
struct Job<'j> {
    #[serde(borrow)]
    v: &'j RawValue,
    #[serde(borrow)]
    events: Vec<&'j RawValue>,
}

impl<'j> Job<'j> {
    /// None for what is no such job: then no event was in it.
    fn read(letter: &'j DeadLetter) -> Option<Self> {
        serde_json::from_str(&letter.job).ok()
    }
}

/// An event of a job: as it is, or with who sent it.
fn event(raw: &&RawValue) -> Option<Event> {
    #[derive(Deserialize)]
    struct Submitted {
        event: Event,
    }
    let submitted = || serde_json::from_str::<Submitted>(raw.get()).map(|submitted| submitted.event);
    serde_json::from_str(raw.get()).or_else(|_| submitted()).ok()
}
