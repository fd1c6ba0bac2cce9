//! The two serializations of an event: what its id is the hash of, and the JSON that travels.
//!
//! Tags and content stand in both with the same escapes, so they are escaped once and hashed where they lie.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::{Event, EventId, Tags};

/// How control characters without an escape of their own are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    /// `\u001f`: what JSON demands and what every client hashes in practice.
    Escaped,
    /// As they are: NIP-01 to the letter.
    Verbatim,
}

/// Canonical JSON: the keys in NIP-01's order with `id` first, no whitespace, NIP-01's escapes.
pub(crate) fn json(event: &Event) -> (String, EventId) {
    let mut out = String::with_capacity(330 + event.content.len() + 2 * 64 * event.tags.len());
    out.push_str(r#"{"id":""#);
    event.id.push_hex(&mut out);
    out.push_str(r#"","pubkey":""#);
    let pubkey = out.len();
    event.pubkey.push_hex(&mut out);
    let pubkey = pubkey..out.len();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        r#"","created_at":{},"kind":{},"tags":"#,
        event.created_at, event.kind
    );
    let tags = out.len();
    push_tags(&mut out, &event.tags, Control::Escaped);
    let tags = tags..out.len();
    out.push_str(r#","content":"#);
    let content = out.len();
    push_string(&mut out, &event.content, Control::Escaped);
    let content = content..out.len();
    out.push_str(r#","sig":""#);
    event.sig.push_hex(&mut out);
    out.push_str("\"}");

    let id = hash(&out[pubkey], event, &out[tags], &out[content]);
    (out, id)
}

/// The id when control characters are hashed as they are, as NIP-01 words it.
/// `None` when the event has no such character, so that the id is the usual one.
pub(crate) fn verbatim_id(event: &Event) -> Option<EventId> {
    let odd = |text: &str| text.bytes().any(|byte| byte < 0x20 && escape(byte).is_none());
    if !odd(&event.content) && !event.tags.iter().any(|tag| tag.iter().any(odd)) {
        return None;
    }
    let (mut pubkey, mut tags, mut content) = (String::new(), String::new(), String::new());
    event.pubkey.push_hex(&mut pubkey);
    push_tags(&mut tags, &event.tags, Control::Verbatim);
    push_string(&mut content, &event.content, Control::Verbatim);
    Some(hash(&pubkey, event, &tags, &content))
}

/// sha256 of `[0,"<pubkey>",<created_at>,<kind>,<tags>,<content>]`.
fn hash(pubkey: &str, event: &Event, tags: &str, content: &str) -> EventId {
    let mut head = String::with_capacity(128);
    let _ = write!(head, r#"[0,"{pubkey}",{},{},"#, event.created_at, event.kind);
    let mut sha = Sha256::new();
    for part in [head.as_str(), tags, ",", content, "]"] {
        sha.update(part);
    }
    EventId::from_bytes(sha.finalize().into())
}

fn push_tags(out: &mut String, tags: &Tags, control: Control) {
    out.push('[');
    for (index, tag) in tags.iter().enumerate() {
        out.push_str(if index == 0 { "[" } else { ",[" });
        for (index, text) in tag.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            push_string(out, text, control);
        }
        out.push(']');
    }
    out.push(']');
}

fn push_string(out: &mut String, text: &str, control: Control) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = first_to_escape(rest.as_bytes()) {
        let byte = rest.as_bytes()[at];
        // The bytes that need an escape are ASCII, so both ends of the slices are character boundaries.
        out.push_str(&rest[..at]);
        match escape(byte) {
            Some(short) => out.push_str(short),
            None if control == Control::Verbatim => out.push(char::from(byte)),
            None => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Whole chunks are looked at without a branch for each byte: the compiler makes vector instructions of it.
fn first_to_escape(text: &[u8]) -> Option<usize> {
    let is_special = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    let (chunks, _) = text.as_chunks::<32>();
    let plain = chunks
        .iter()
        .take_while(|chunk| !chunk.iter().fold(false, |any, byte| any | is_special(byte)))
        .count();
    let start = plain * 32;
    text[start..].iter().position(is_special).map(|at| start + at)
}

/// The seven escapes of NIP-01.
const fn escape(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b'"' => "\\\"",
        b'\\' => "\\\\",
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\t' => "\\t",
        0x08 => "\\b",
        0x0c => "\\f",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_is_found_wherever_it_stands() {
        for special in ['"', '\\', '\n', '\u{1}', '\u{1f}', 'é', '\u{7f}'] {
            for at in 0..100 {
                let text = format!("{}{special}{}", "a".repeat(at), "é".repeat(40));
                let mut json = String::new();
                push_string(&mut json, &text, Control::Escaped);
                assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
                assert!(!json.bytes().any(|byte| byte < 0x20), "{json:?}");

                let mut verbatim = String::new();
                push_string(&mut verbatim, &text, Control::Verbatim);
                let short = u8::try_from(special).ok().and_then(escape);
                let expected = short.map_or_else(|| text.clone(), |short| text.replace(special, short));
                assert_eq!(verbatim, format!("\"{expected}\""));
            }
        }
    }
}
