//! Lines of a program that nobody trusts: none grows without bound.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Bytes of a line; what follows up to its end is left out.
const LINE: usize = 16 * 1024;

/// Lines of a reader. What was read of a line is kept when [`Self::next`] is dropped.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
        }
    }

    /// The next line without its end; `None` at the end of the text.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let read = self.reader.fill_buf().await?;
            if read.is_empty() {
                let rest = std::mem::take(&mut self.line);
                return Ok((!rest.is_empty()).then_some(rest));
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let room = LINE.saturating_sub(self.line.len());
            let text = &read[..end.unwrap_or(read.len())];
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            let used = end.map_or(read.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn long_lines_are_cut_and_the_last_needs_no_end() {
        let long = "x".repeat(3 * LINE);
        let text = format!("a\n\n{long}\nb");
        let mut lines = Lines::new(tokio::io::BufReader::with_capacity(100, text.as_bytes()));
        for expected in ["a", "", &long[..LINE], "b"] {
            assert_eq!(lines.next().await.unwrap().unwrap(), expected.as_bytes());
        }
        assert_eq!(lines.next().await.unwrap(), None);
    }
}
