//! Events as a busy relay has them, made from their number alone: the same number gives the same event, so an event can
//! refer to an earlier one, and a filter can ask for what is there, without anything being kept.

use std::fmt::Write;

use protocol::VerifiedEvent;
use rand::{Rng, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

/// When the first event was made; from then on one a second.
pub const START: u64 = 1_600_000_000;

/// How often each kind occurs, in a thousand.
const KINDS: [(u16, u32); 12] = [
    (1, 340),
    (7, 300),
    (6, 80),
    (9735, 90),
    (1059, 90),
    (0, 20),
    (3, 15),
    (10002, 15),
    (30078, 25),
    (30023, 5),
    (5, 10),
    (1984, 10),
];

/// What is written about; the first are written about a lot.
const TOPICS: usize = 2000;

/// A corpus of so many events by so many authors.
#[derive(Debug, Clone, Copy)]
pub struct Corpus {
    pub events: u64,
    pub authors: u64,
}

impl Corpus {
    pub fn new(events: u64) -> Self {
        Self {
            events,
            authors: (events / 40).max(100),
        }
    }

    /// An author by rank: 0 writes most and is written to most.
    pub fn author(rank: u64) -> String {
        hex(&Sha256::digest(format!("author {rank}")))
    }

    pub fn id(number: u64) -> String {
        hex(&Sha256::digest(format!("event {number}")))
    }

    pub fn topic(rank: u64) -> String {
        format!("topic{rank}")
    }

    pub fn created_at(number: u64) -> u64 {
        START + number
    }

    /// A rank by Zipf's law (exponent 1): rank r comes up in proportion to 1/r.
    pub fn zipf(rng: &mut StdRng, ranks: u64) -> u64 {
        let rank = (ranks as f64).powf(rng.random::<f64>());
        (rank as u64).clamp(1, ranks) - 1
    }

    /// An earlier event, most likely a recent one.
    fn earlier(rng: &mut StdRng, number: u64) -> u64 {
        let back = ((number + 1) as f64).powf(rng.random::<f64>()) as u64;
        number.saturating_sub(back)
    }

    pub fn kind(number: u64) -> u16 {
        kind(&mut StdRng::seed_from_u64(number))
    }

    pub fn event(&self, number: u64) -> VerifiedEvent {
        let rng = &mut StdRng::seed_from_u64(number);
        let kind = kind(rng);
        let mut tags = Vec::new();
        let mut content = rng.random_range(40..600);
        match kind {
            1 => self.note(rng, number, &mut tags),
            7 | 6 | 1984 => {
                content = if kind == 6 { 700 } else { 1 };
                self.reference(rng, number, &mut tags);
            }
            9735 => {
                content = 0;
                self.reference(rng, number, &mut tags);
                tags.push(["P".to_owned(), Self::author(Self::zipf(rng, self.authors))]);
                tags.push(["bolt11".to_owned(), "lnbc".repeat(80)]);
            }
            1059 => {
                content = 1200;
                tags.push(["p".to_owned(), Self::author(Self::zipf(rng, self.authors))]);
            }
            3 => {
                content = 0;
                let follows = 700_f64.powf(rng.random::<f64>()) as usize;
                tags.extend(
                    (0..follows).map(|_| ["p".to_owned(), Self::author(Self::zipf(rng, self.authors))]),
                );
            }
            10002 => tags.extend((0..4).map(|_| {
                [
                    "r".to_owned(),
                    format!("wss://relay{}.example", Self::zipf(rng, 300)),
                ]
            })),
            30078 | 30023 => {
                tags.push(["d".to_owned(), format!("document {}", rng.random_range(0..20))]);
                tags.push(["t".to_owned(), Self::topic(Self::zipf(rng, TOPICS as u64))]);
                content = if kind == 30023 { 6000 } else { 300 };
            }
            5 => tags.push(["e".to_owned(), Self::id(Self::earlier(rng, number))]),
            _ => {}
        }
        self.finish(rng, number, kind, &tags, content)
    }

    fn note(&self, rng: &mut StdRng, number: u64, tags: &mut Vec<[String; 2]>) {
        if rng.random_bool(0.6) {
            tags.push(["e".to_owned(), Self::id(Self::earlier(rng, number))]);
            self.reference(rng, number, tags);
        }
        if rng.random_bool(0.25) {
            let topics = rng.random_range(1..4);
            tags.extend((0..topics).map(|_| ["t".to_owned(), Self::topic(Self::zipf(rng, TOPICS as u64))]));
        }
    }

    fn reference(&self, rng: &mut StdRng, number: u64, tags: &mut Vec<[String; 2]>) {
        tags.push(["e".to_owned(), Self::id(Self::earlier(rng, number))]);
        tags.push(["p".to_owned(), Self::author(Self::zipf(rng, self.authors))]);
    }

    fn finish(
        &self,
        rng: &mut StdRng,
        number: u64,
        kind: u16,
        tags: &[[String; 2]],
        content: usize,
    ) -> VerifiedEvent {
        let author = Self::author(Self::zipf(rng, self.authors));
        // Most events come as they are made, some come late.
        let late = if rng.random_bool(0.05) {
            rng.random_range(0..100_000)
        } else {
            rng.random_range(0..30)
        };
        let mut list = String::new();
        for [name, value] in tags {
            let _ = write!(list, r#"["{name}","{value}"],"#);
        }
        if rng.random_bool(0.005) {
            let _ = write!(
                list,
                r#"["expiration","{}"],"#,
                Self::created_at(number) + 50_000_000
            );
        }
        list.pop();
        let json = format!(
            r#"{{"id":"{}","pubkey":"{author}","created_at":{},"kind":{kind},"tags":[{list}],"content":"{}","sig":"{}"}}"#,
            Self::id(number),
            Self::created_at(number).saturating_sub(late),
            words(rng, content),
            hex(&rng.random::<[u8; 32]>()).repeat(2),
        );
        VerifiedEvent::from_canonical(json).expect("the corpus writes events")
    }
}

fn kind(rng: &mut StdRng) -> u16 {
    let mut at = rng.random_range(0..1000);
    for (kind, share) in KINDS {
        if at < share {
            return kind;
        }
        at -= share;
    }
    1
}

/// Text that compresses about as text does.
fn words(rng: &mut StdRng, length: usize) -> String {
    let mut text = String::with_capacity(length + 8);
    while text.len() < length {
        for _ in 0..rng.random_range(2..9) {
            text.push(char::from(b"etaoinshrdlucmfw"[rng.random_range(0..16)]));
        }
        text.push(' ');
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
