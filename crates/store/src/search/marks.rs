//! Marks: what an event is found by besides its words, in the same index.
//!
//! A mark begins with a character that no word has. The marks of time let a query read the newest entries of a common
//! word only: in the index, sorted lists are intersected by skipping.

use protocol::Kind;

/// Letters and sizes of the marks of time: 68 minutes, 18 hours, 12 days, 194 days.
const SIZES: [(char, u32); 4] = [('a', 12), ('b', 16), ('c', 20), ('d', 24)];

/// Seconds into the future that count as now: clocks differ.
const AHEAD: i64 = 900;

/// An author who warns of the content (NIP-36).
pub(super) const WARNING: &str = "!";

pub(super) fn author(number: i32) -> String {
    format!("@{number}")
}

pub(super) fn kind(kind: Kind) -> String {
    format!("%{kind}")
}

/// When an event was made.
pub(super) fn times(created_at: i64) -> impl Iterator<Item = String> {
    SIZES
        .into_iter()
        .map(move |(letter, size)| time(letter, created_at >> size))
}

fn time(letter: char, number: i64) -> String {
    format!("#{letter}{number:x}")
}

/// A piece of time that is searched by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// One of these marks is there; none says nothing.
    pub marks: Vec<String>,
    /// `created_at`, both inclusive.
    pub since: i64,
    pub until: i64,
    /// What other windows have searched, both inclusive.
    pub except: Option<(i64, i64)>,
}

/// Pieces that together are all of the time, the newest first. The last has no marks: it is for words so rare that all of
/// them are wanted.
pub(super) fn windows(since: i64, until: i64, now: i64) -> Vec<Window> {
    let newest = until.min(now.saturating_add(AHEAD));
    let mut windows = Vec::new();
    let mut end = newest;
    for (letter, size) in SIZES {
        let number = newest >> size;
        let begin = (number - 1).max(0) << size;
        let window = Window {
            marks: vec![time(letter, number), time(letter, (number - 1).max(0))],
            since: since.max(begin),
            until: end,
            except: None,
        };
        if window.since <= window.until {
            windows.push(window);
        }
        end = begin - 1;
    }
    if since <= end || until > newest {
        windows.push(Window {
            marks: Vec::new(),
            since,
            until,
            except: Some((end + 1, newest)),
        });
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_lies_in_one_window_that_has_its_mark() {
        let now = 1_700_000_000;
        for (since, until) in [
            (0, i64::MAX),
            (0, now - 1),
            (now - 5000, i64::MAX),
            (now - 10, now + 10),
            (1, 2),
            (0, 0),
        ] {
            let windows = windows(since, until, now);
            let mut moments: Vec<i64> = (0..60).map(|n| now - (1 << (n % 31))).collect();
            moments.extend([0, 1, 2, now, now + 900, now + 901, i64::MAX, since, until]);
            for at in moments {
                let holds = |window: &Window| {
                    let except = window.except.is_some_and(|(from, to)| (from..=to).contains(&at));
                    (window.since..=window.until).contains(&at) && !except
                };
                let found: Vec<&Window> = windows.iter().filter(|window| holds(window)).collect();
                let is_meant = (since..=until).contains(&at);
                assert_eq!(found.len(), usize::from(is_meant), "{at} in {since}..={until}");
                for window in found {
                    let marked = times(at).any(|mark| window.marks.contains(&mark));
                    assert!(marked || window.marks.is_empty(), "{at} in {window:?}");
                }
            }
        }
    }
}
