//! What can be asked about a corpus: who writes, who is addressed, what is replied to.

use std::collections::HashMap;

use anyhow::Context;
use protocol::Event;
use serde::{Deserialize, Serialize};

use super::Corpus;

/// Ids and keys in hex.
#[derive(Clone, Serialize, Deserialize)]
pub struct Index {
    /// Authors, the busiest first.
    pub authors: Vec<String>,
    /// Values of `p` tags, the most addressed first.
    pub addressed: Vec<String>,
    /// Values of `e` tags, the most replied to first.
    pub threads: Vec<String>,
    /// Ids of kinds that no later event replaces.
    pub ids: Vec<String>,
}

impl Index {
    /// Looks through the first `size` events.
    pub fn of(corpus: &Corpus, size: usize) -> anyhow::Result<Self> {
        let (mut authors, mut addressed, mut threads) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut ids = Vec::new();
        for line in (0..size).map_while(|nth| corpus.get(nth)) {
            let event: Event = serde_json::from_slice(line).context("the corpus holds something else")?;
            *authors.entry(event.pubkey.to_string()).or_default() += 1;
            for (letter, value) in event.tags.indexed() {
                let counts = match letter {
                    b'p' => &mut addressed,
                    b'e' => &mut threads,
                    _ => continue,
                };
                *counts.entry(value.to_owned()).or_default() += 1;
            }
            if matches!(event.kind.0, 1 | 6 | 7) {
                ids.push(event.id.to_string());
            }
        }
        Ok(Self {
            authors: ranked(authors),
            addressed: ranked(addressed),
            threads: ranked(threads),
            ids,
        })
    }
}

fn ranked(counts: HashMap<String, u32>) -> Vec<String> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    // The name breaks ties: the same corpus gives the same questions.
    counts.sort_unstable_by(|(a, left), (b, right)| right.cmp(left).then(a.cmp(b)));
    counts.into_iter().map(|(value, _)| value).collect()
}
