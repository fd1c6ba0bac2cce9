//! The input, in chunks of lines, read by a thread of its own: a pipe may be slow.

use std::io::{self, BufRead, BufReader, Read};

use tokio::sync::mpsc;

/// Bytes of a line that may be an event; what is longer is passed over without being held.
pub const LONGEST: usize = 16 * 1024 * 1024;

/// Bytes after which a chunk is full.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Chunks that may wait.
const WAITING: usize = 2;

/// A line with its number; the first is 1. `None`: it was too long.
pub type Line = (u64, Option<Vec<u8>>);

/// Some lines; empty ones are left out.
#[derive(Debug, Default)]
pub struct Chunk {
    pub lines: Vec<Line>,
    /// Lines read so far, those of this chunk and empty ones included.
    pub line: u64,
    /// Bytes read so far.
    pub bytes: u64,
}

/// Starts to read. The thread is not waited for: at the end of the process it may hang on an open pipe.
pub fn read(input: impl Read + Send + 'static, chunk_lines: usize) -> mpsc::Receiver<io::Result<Chunk>> {
    let (sender, chunks) = mpsc::channel(WAITING);
    let mut reader = Reader {
        input: BufReader::with_capacity(256 * 1024, input),
        line: 0,
        bytes: 0,
    };
    std::thread::spawn(move || {
        loop {
            let chunk = reader.chunk(chunk_lines);
            let is_last = chunk.as_ref().map_or(true, |chunk| chunk.lines.is_empty());
            if sender.blocking_send(chunk).is_err() || is_last {
                return;
            }
        }
    });
    chunks
}

struct Reader<R> {
    input: BufReader<R>,
    line: u64,
    bytes: u64,
}

impl<R: Read> Reader<R> {
    /// The next lines; none at the end.
    fn chunk(&mut self, lines: usize) -> io::Result<Chunk> {
        let (mut chunk, mut bytes) = (Chunk::default(), 0);
        while chunk.lines.len() < lines && bytes < CHUNK_BYTES {
            let Some(text) = self.line()? else { break };
            if let Some(text) = &text {
                if text.trim_ascii().is_empty() {
                    continue;
                }
                bytes += text.len();
            }
            chunk.lines.push((self.line, text));
        }
        (chunk.line, chunk.bytes) = (self.line, self.bytes);
        Ok(chunk)
    }

    /// `None` at the end; `Some(None)` for a line that is too long.
    fn line(&mut self) -> io::Result<Option<Option<Vec<u8>>>> {
        let (mut text, mut is_too_long, mut is_there) = (Vec::new(), false, false);
        loop {
            let part = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                part => part?,
            };
            if part.is_empty() {
                break;
            }
            is_there = true;
            let end = memchr::memchr(b'\n', part);
            let length = end.unwrap_or(part.len());
            if text.len() + length > LONGEST {
                (text, is_too_long) = (Vec::new(), true);
            } else if !is_too_long {
                text.extend_from_slice(&part[..length]);
            }
            let read = length + usize::from(end.is_some());
            self.input.consume(read);
            self.bytes += read as u64;
            if end.is_some() {
                break;
            }
        }
        self.line += u64::from(is_there);
        Ok(is_there.then(|| (!is_too_long).then_some(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_keep_their_numbers() {
        let mut input = b"one\n\n  \ntwo\r\n".to_vec();
        input.extend(std::iter::repeat_n(b'x', LONGEST + 1));
        input.extend_from_slice(b"\nlast");
        let length = input.len() as u64;
        let mut chunks = read(io::Cursor::new(input), 2);
        let mut chunk = async || chunks.recv().await.unwrap().unwrap();
        let first = chunk().await;
        assert_eq!(
            first.lines,
            [(1, Some(b"one".to_vec())), (4, Some(b"two\r".to_vec()))]
        );
        let second = chunk().await;
        assert_eq!(second.lines, [(5, None), (6, Some(b"last".to_vec()))]);
        assert_eq!((second.line, second.bytes), (6, length));
        assert!(chunk().await.lines.is_empty(), "the end");
    }
}
