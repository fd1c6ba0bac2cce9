//! One message of a reconciliation ([NIP-77](https://nips.nostr.com/77)) against a set: what strangers wrote is read here.

use negentropy::{Bound, Error, Id, Item, Negentropy, NegentropyStorageBase};
use protocol::NegentropyMessage;
pub use store::Record;

/// Smallest frame that the protocol knows.
const MIN_FRAME: usize = 4096;

/// What is to be said about these records, which are sorted, each once. Clients can take as much as they may send.
pub fn answer(
    records: &[Record],
    said: &NegentropyMessage,
    max_message_length: usize,
) -> Result<NegentropyMessage, Error> {
    let frame = frame_bytes(max_message_length);
    let answer = Negentropy::owned(Records(records), frame)?.reconcile(&said.to_bytes())?;
    Ok(NegentropyMessage::from_bytes(&answer))
}

/// In hex, with some JSON around it.
fn frame_bytes(max_message_length: usize) -> u64 {
    (max_message_length / 2).saturating_sub(256).max(MIN_FRAME) as u64
}

/// A set as the library reads it.
struct Records<'a>(&'a [Record]);

impl Records<'_> {
    fn item(&self, at: usize) -> Option<Item> {
        let record = self.0.get(at)?;
        let id = Id::from_byte_array(*record.id.as_bytes());
        Some(Item::with_timestamp_and_id(record.created_at, id))
    }
}

impl NegentropyStorageBase for Records<'_> {
    fn size(&self) -> Result<usize, Error> {
        Ok(self.0.len())
    }

    fn get_item(&self, at: usize) -> Result<Option<Item>, Error> {
        Ok(self.item(at))
    }

    fn iterate(
        &self,
        begin: usize,
        end: usize,
        each: &mut dyn FnMut(Item, usize) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        if begin > end || end > self.0.len() {
            return Err(Error::BadRange);
        }
        for at in begin..end {
            let Some(item) = self.item(at) else { break };
            if !each(item, at)? {
                break;
            }
        }
        Ok(())
    }

    fn find_lower_bound(&self, first: usize, last: usize, value: &Bound) -> usize {
        let records = self.0.get(first..last).unwrap_or_default();
        let bound = (value.item.timestamp, value.item.id.as_bytes());
        first + records.partition_point(|record| (record.created_at, record.id.as_bytes()) < bound)
    }
}
