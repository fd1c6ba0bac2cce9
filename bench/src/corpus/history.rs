//! What was published so far, for events to refer to.

use rand::{Rng, rngs::StdRng};

use super::{AUTHORS, zipf::Zipf};

/// Hashtags in use.
const HASHTAGS: usize = 300;

/// The notes so far and who is who.
pub struct History {
    notes: Vec<Note>,
    pubkeys: Vec<String>,
    authors: Zipf,
    hashtags: Zipf,
}

/// An event that others reply to.
pub struct Note {
    pub id: String,
    pub author: usize,
}

impl History {
    pub fn new(pubkeys: Vec<String>) -> Self {
        Self {
            notes: Vec::new(),
            pubkeys,
            authors: Zipf::new(AUTHORS),
            hashtags: Zipf::new(HASHTAGS),
        }
    }

    pub fn remember(&mut self, id: &str, author: usize, kind: u16) {
        if kind == 1 || kind == 30_023 {
            self.notes.push(Note {
                id: id.to_owned(),
                author,
            });
        }
    }

    /// Somebody, the busy ones more often.
    pub fn author(&self, random: &mut StdRng) -> usize {
        self.authors.draw(random)
    }

    pub fn pubkey(&self, author: usize) -> &str {
        &self.pubkeys[author]
    }

    /// A hashtag, the popular ones more often.
    pub fn hashtag(&self, random: &mut StdRng) -> String {
        format!("topic{}", self.hashtags.draw(random))
    }

    /// A note, mostly a recent one; now and then one of the few that everybody talks about.
    pub fn note(&self, random: &mut StdRng) -> Option<&Note> {
        let newest = self.notes.len().checked_sub(1)?;
        let back = if random.random_ratio(1, 10) {
            // The hundredth of all notes that is talked about for ever: every hundredth, older ones longer.
            let hit = random.random_range(0..=newest) / 100 * 100;
            newest - hit
        } else {
            (-(1.0 - random.random::<f64>()).ln() * 300.0) as usize
        };
        self.notes.get(newest - back.min(newest))
    }
}
