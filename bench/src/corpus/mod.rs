//! Events that look like those of a relay in use: signed with real keys, a few busy authors, references to what came
//! before. The same size and seed give the same bytes; they are kept on disk because signing takes its time.

mod author;
mod body;
mod history;
mod index;
mod words;
mod zipf;

use std::{
    fs,
    io::{BufWriter, Write},
    ops::Range,
    path::Path,
};

use anyhow::Context;
use rand::{Rng, SeedableRng, rngs::StdRng};

pub use author::Author;
pub use index::Index;
pub use zipf::Zipf;

use history::History;

/// Raised whenever other bytes come out for the same size and seed.
const VERSION: u32 = 1;
/// As on a small public relay.
pub const AUTHORS: usize = 2_000;
/// `created_at` of the first event. The past, so that no relay finds the last ones to be in the future.
const START: u64 = 1_700_000_000;

/// All events, one canonical JSON a line.
pub struct Corpus {
    text: Vec<u8>,
    lines: Vec<Range<usize>>,
}

impl Corpus {
    /// Reads the corpus of this size and seed, or makes it and keeps it in `folder`.
    pub fn open(folder: &Path, size: usize, seed: u64) -> anyhow::Result<Self> {
        let path = folder.join(format!("corpus-v{VERSION}-{size}-{seed}.jsonl"));
        if !path.exists() {
            fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
            // Under its name only when it is whole.
            let unfinished = path.with_extension(format!("{}.part", std::process::id()));
            let mut file = BufWriter::new(fs::File::create(&unfinished)?);
            generate(size, seed, |line| {
                file.write_all(line.as_bytes())
                    .and_then(|()| file.write_all(b"\n"))
            })?;
            file.into_inner().context("writing the corpus")?.sync_all()?;
            fs::rename(&unfinished, &path)?;
        }
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Self::of(text))
    }

    /// The corpus without a disk.
    #[cfg(test)]
    pub fn in_memory(size: usize, seed: u64) -> Self {
        let mut text = Vec::new();
        generate(size, seed, |line| {
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
            Ok(())
        })
        .expect("memory does not fail");
        Self::of(text)
    }

    fn of(text: Vec<u8>) -> Self {
        let mut start = 0;
        let lines = memchr::memchr_iter(b'\n', &text)
            .map(|end| {
                let line = start..end;
                start = end + 1;
                line
            })
            .collect();
        Self { text, lines }
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// The nth event.
    pub fn get(&self, nth: usize) -> Option<&[u8]> {
        self.lines.get(nth).map(|line| &self.text[line.clone()])
    }

    /// Bytes of an event on average.
    pub fn mean_bytes(&self) -> usize {
        self.text.len() / self.len().max(1)
    }
}

fn generate(
    size: usize,
    seed: u64,
    mut write: impl FnMut(&str) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let mut random = StdRng::seed_from_u64(seed);
    let authors: Vec<Author> = (0..AUTHORS).map(|number| Author::new(seed, number)).collect();
    let mut history = History::new(authors.iter().map(Author::pubkey).collect());
    let mut created_at = START;
    for _ in 0..size {
        // Ties happen, as they do when two clients share a second.
        created_at += random.random_range(0..5);
        let author = history.author(&mut random);
        let body = body::random(&mut random, &history, author);
        let event = authors[author].sign(created_at, body.kind, &body.tags, &body.content);
        history.remember(&event.id, author, body.kind);
        write(&event.json)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::{Event, VerifiedEvent};

    use super::*;

    #[test]
    fn every_event_is_one_and_they_weigh_about_a_kilobyte() {
        let corpus = Corpus::in_memory(3_000, 1);
        let mut kinds = BTreeMap::<u16, usize>::new();
        let mut longest = 0;
        for nth in 0..corpus.len() {
            let line = std::str::from_utf8(corpus.get(nth).unwrap()).unwrap();
            let event: Event = serde_json::from_str(line).unwrap();
            longest = longest.max(event.tags.len());
            *kinds.entry(event.kind.0).or_default() += 1;
            assert_eq!(VerifiedEvent::verify(event).unwrap().json(), line);
        }
        assert!(
            (800..1_400).contains(&corpus.mean_bytes()),
            "{} bytes",
            corpus.mean_bytes()
        );
        assert!(longest > 300, "big contact lists");
        for kind in [0, 1, 3, 6, 7, 1059, 9735, 10_002, 30_023] {
            assert!(kinds.contains_key(&kind), "{kinds:?}");
        }
    }

    #[test]
    fn the_seed_decides() {
        let corpus = |seed| Corpus::in_memory(50, seed).text;
        assert_eq!(corpus(7), corpus(7));
        assert_ne!(corpus(7), corpus(8));
    }
}
