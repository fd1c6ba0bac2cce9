//! What a client says of its set, as a worker reads it: an answer within the frame, or an error.

use std::sync::LazyLock;

use protocol::{EventId, NegentropyMessage};
use worker::reconciliation::{Record, answer};

/// Two of them in the same second, those with the first byte in common too: bounds end within ids.
static RECORDS: LazyLock<Vec<Record>> = LazyLock::new(|| {
    let record = |number: u16| {
        let mut id = [0; 32];
        id[number as usize % 3] = 1;
        id[30..].copy_from_slice(&number.to_be_bytes());
        Record {
            created_at: u64::from(number / 40),
            id: EventId::from_bytes(id),
            seq: i64::from(number),
        }
    };
    let mut records: Vec<_> = (0..400).map(record).collect();
    records.sort_by_key(|record| (record.created_at, record.id));
    records
});

/// The smallest frame: a long answer is cut.
const MAX_MESSAGE_LENGTH: usize = 8_192;

pub fn check(data: &[u8]) {
    if data.is_empty() {
        return;
    }
    let said = NegentropyMessage::from_bytes(data);
    for few in [0, 1, 31, RECORDS.len()] {
        if let Ok(answer) = answer(&RECORDS[..few], &said, MAX_MESSAGE_LENGTH) {
            let length = answer.as_hex().len();
            assert!(
                length > 0 && length <= MAX_MESSAGE_LENGTH,
                "an answer of {length} characters"
            );
        }
    }
}
