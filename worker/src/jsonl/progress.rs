//! How far it has come, on standard error: one line that is written over on a terminal, a line now and then elsewhere.

use std::{
    collections::VecDeque,
    fmt::Display,
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

const ON_TERMINAL: Duration = Duration::from_millis(200);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// The rate is that of this time.
const RECENT: Duration = Duration::from_secs(10);

/// A moment and how far it had come by then.
type Sample = (Instant, u64, u64);

/// Tells how far it has come.
pub struct Progress {
    unit: &'static str,
    /// Bytes that there are to read, if that is known.
    total: Option<u64>,
    began: Instant,
    shown: Instant,
    samples: VecDeque<Sample>,
    is_terminal: bool,
}

impl Progress {
    /// Counts `unit`s, of an input of so many bytes.
    pub fn new(unit: &'static str, total: Option<u64>) -> Self {
        let began = Instant::now();
        Self {
            unit,
            total,
            began,
            shown: began,
            samples: VecDeque::from([(began, 0, 0)]),
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// So many units and bytes are done. Says so when it is time.
    pub fn reached(&mut self, units: u64, bytes: u64, detail: impl FnOnce() -> String) {
        let (now, every) = (
            Instant::now(),
            if self.is_terminal { ON_TERMINAL } else { ELSEWHERE },
        );
        if now - self.shown < every {
            return;
        }
        self.shown = now;
        let text = self.text(now, units, bytes);
        let detail = detail();
        if self.is_terminal {
            // Back to the start of the line, and nothing behind what is written.
            write(format_args!("\r{text}{detail}\x1b[K"));
        } else {
            write(format_args!("{text}{detail}\n"));
        }
    }

    fn text(&mut self, now: Instant, units: u64, bytes: u64) -> String {
        self.samples.push_back((now, units, bytes));
        while self.samples.len() > 2 && now - self.samples[1].0 >= RECENT {
            self.samples.pop_front();
        }
        let (since, units_then, bytes_then) = self.samples[0];
        let seconds = (now - since).as_secs_f64().max(0.001);
        let rate = (units - units_then) as f64 / seconds;
        let mut text = format!("{units} {}, {rate:.0}/s", self.unit);
        if let Some(total) = self.total.filter(|total| *total > 0) {
            let share = 100.0 * bytes as f64 / total as f64;
            let speed = (bytes - bytes_then) as f64 / seconds;
            text.push_str(&format!(", {:.0} %", share.min(100.0)));
            if speed > 0.0 {
                let left = total.saturating_sub(bytes) as f64 / speed;
                text.push_str(&format!(", {} left", clock(Duration::from_secs_f64(left))));
            }
        }
        text
    }

    /// Something that is not to be written over.
    pub fn say(&self, text: impl Display) {
        let clear = if self.is_terminal { "\r\x1b[K" } else { "" };
        write(format_args!("{clear}{text}\n"));
    }

    /// Ends with the time that it took and the rate over all of it.
    pub fn finish(self, units: u64) {
        let took = self.began.elapsed();
        let rate = units as f64 / took.as_secs_f64().max(0.001);
        self.say(format_args!(
            "{units} {} in {}, {rate:.0}/s",
            self.unit,
            clock(took)
        ));
    }
}

fn write(text: impl Display) {
    // Who has closed standard error does not want to know.
    let _closed = write!(std::io::stderr().lock(), "{text}");
}

/// `0:07`, `12:34`, `1:02:03`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_remaining_time_are_those_of_late() {
        let mut progress = Progress::new("lines", Some(1_000));
        let at = |seconds| progress.began + Duration::from_secs(seconds);
        let (five, thirty, forty) = (at(5), at(30), at(40));
        assert_eq!(progress.text(five, 50, 100), "50 lines, 10/s, 10 %, 0:45 left");
        progress.text(thirty, 60, 200);
        assert_eq!(progress.text(forty, 80, 250), "80 lines, 2/s, 25 %, 2:30 left");
        progress.total = None;
        assert_eq!(progress.text(forty, 80, 250), "80 lines, 2/s");
    }

    #[test]
    fn times_are_written_as_on_a_clock() {
        let texts = [7, 754, 3723].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(texts, ["0:07", "12:34", "1:02:03"]);
    }
}
