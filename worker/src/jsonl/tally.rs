//! What became of the lines of an import.

use std::{collections::BTreeMap, fmt};

use store::SaveOutcome;

use crate::examine::Unwelcome;

/// Different reasons that are told apart; texts of further ones are put together by their prefix.
const REASONS: usize = 50;

/// Counts.
#[derive(Debug, Default)]
pub struct Tally {
    /// Lines read so far, empty ones included.
    pub lines: u64,
    /// New here.
    pub stored: u64,
    /// Here already.
    pub duplicate: u64,
    /// A newer version is here.
    pub replaced: u64,
    refused: BTreeMap<String, u64>,
}

impl Tally {
    /// An event that went to the store.
    pub fn saved(&mut self, outcome: SaveOutcome) {
        match outcome {
            SaveOutcome::Stored => self.stored += 1,
            SaveOutcome::Duplicate => self.duplicate += 1,
            SaveOutcome::Superseded => self.replaced += 1,
            SaveOutcome::Deleted => self.refuse("blocked: the author deleted this event".to_owned()),
            SaveOutcome::Vanished => {
                self.refuse("blocked: its author or recipient asked to vanish".to_owned());
            }
        }
    }

    /// A line that did not.
    pub fn unwelcome(&mut self, unwelcome: &Unwelcome) {
        let label = unwelcome.label();
        self.refuse(match unwelcome {
            // What exactly is wrong differs from line to line.
            Unwelcome::Unreadable(_) => format!("{label}: not an event"),
            Unwelcome::Refused(reason) => reason.to_string(),
            other => format!("{label}: {other}"),
        });
    }

    /// A line that was not read.
    pub fn too_long(&mut self) {
        self.refuse("invalid: too long".to_owned());
    }

    /// An event that Postgres does not take.
    pub fn unstorable(&mut self) {
        self.refuse("error: Postgres refuses it".to_owned());
    }

    fn refuse(&mut self, mut reason: String) {
        if self.refused.len() >= REASONS
            && !self.refused.contains_key(&reason)
            && let Some(end) = reason.find(':')
        {
            reason.truncate(end);
        }
        *self.refused.entry(reason).or_default() += 1;
    }

    /// All that are not stored for another reason than being here already.
    pub fn refused(&self) -> u64 {
        self.refused.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "lines      {:>10}", self.lines)?;
        writeln!(f, "stored     {:>10}", self.stored)?;
        writeln!(f, "duplicate  {:>10}", self.duplicate)?;
        writeln!(f, "replaced   {:>10}", self.replaced)?;
        writeln!(f, "refused    {:>10}", self.refused())?;
        for (reason, count) in &self.refused {
            writeln!(f, "  {count:>10}  {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Prefix, Reason};

    use super::*;

    #[test]
    fn reasons_are_told_apart_up_to_a_bound() {
        let mut tally = Tally::default();
        for n in 0..2 * REASONS {
            let reason = Reason::new(Prefix::Pow, format!("number {n}"));
            tally.unwelcome(&Unwelcome::Refused(reason));
        }
        assert_eq!(tally.refused(), 2 * REASONS as u64);
        assert_eq!(tally.refused.len(), REASONS + 1);
        assert_eq!(tally.refused["pow"], REASONS as u64);
    }
}
