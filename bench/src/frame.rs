//! Websocket frames (RFC 6455), as few bytes and cycles as the load generator can spend on them.

/// The only opcodes that matter here.
pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// Bits of the first byte: the last frame of its message, and a compressed one (RFC 7692).
pub const LAST: u8 = 0x80;
pub const COMPRESSED: u8 = 0x40;

/// One frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub last: bool,
    pub opcode: u8,
    pub payload: &'a [u8],
}

/// The frame at the start of `bytes` and how many bytes it takes; `None` while it is incomplete.
pub fn parse(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (length, start): (usize, usize) = match second & 0x7f {
        126 => (
            usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
            4,
        ),
        127 => (
            u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize,
            10,
        ),
        short => (usize::from(short), 2),
    };
    let end = start.checked_add(length)?;
    let frame = Frame {
        last: first & LAST != 0,
        opcode: first & 0x0f,
        payload: bytes.get(start..end)?,
    };
    Some((frame, end))
}

/// Appends a client's frame, its payload given in parts.
///
/// Clients must mask. The mask 0 is a mask: the server unmasks as ever, and the generator saves the work.
pub fn push(out: &mut Vec<u8>, opcode: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(LAST | opcode);
    match length {
        0..126 => out.push(0x80 | length as u8),
        126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_come_back() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 200_000] {
            let payload = vec![b'x'; length];
            let mut wire = Vec::new();
            push(&mut wire, TEXT, &[&payload[..length / 2], &payload[length / 2..]]);
            // The server's side has neither mask bit nor mask.
            let header = wire.len() - length - 4;
            wire.drain(header..header + 4);
            wire[1] &= 0x7f;
            for cut in [0, 1, header.min(wire.len() - 1), wire.len() - 1] {
                assert_eq!(parse(&wire[..cut]), None, "{length} cut at {cut}");
            }
            wire.extend_from_slice(b"next");
            let (frame, end) = parse(&wire).unwrap();
            assert_eq!((frame.payload, end), (&payload[..], wire.len() - 4));
            assert!(frame.last);
            assert_eq!(frame.opcode, TEXT);
        }
    }
}
