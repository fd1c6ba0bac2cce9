//! The relay's messages, looked at as little as counting them needs.

/// What came. Ids are as they stand between the quotes; the generator's own ids need no escape.
#[derive(Debug, PartialEq, Eq)]
pub enum Message<'a> {
    Ok {
        id: &'a [u8],
        accepted: bool,
        text: &'a [u8],
    },
    Event {
        id: &'a [u8],
    },
    Eose {
        subscription: &'a [u8],
    },
    Closed {
        subscription: &'a [u8],
        text: &'a [u8],
    },
    /// NOTICE, AUTH and what else a relay may say.
    Other,
}

impl<'a> Message<'a> {
    pub fn parse(text: &'a [u8]) -> Self {
        Self::known(text).unwrap_or(Self::Other)
    }

    fn known(text: &'a [u8]) -> Option<Self> {
        let mut rest = Rest(text.strip_prefix(b"[")?);
        Some(match rest.string()? {
            b"OK" => {
                let id = rest.string()?;
                let accepted = rest.after_comma().starts_with(b"true");
                let comma = memchr::memchr(b',', rest.after_comma())?;
                rest.0 = &rest.after_comma()[comma..];
                Self::Ok {
                    id,
                    accepted,
                    text: rest.string().unwrap_or_default(),
                }
            }
            b"EVENT" => {
                rest.string()?;
                Self::Event {
                    id: event_id(rest.0)?,
                }
            }
            b"EOSE" => Self::Eose {
                subscription: rest.string()?,
            },
            b"CLOSED" => Self::Closed {
                subscription: rest.string()?,
                text: rest.string().unwrap_or_default(),
            },
            _ => return None,
        })
    }
}

/// The value of the key `id`. Inside a string its quotes would be escaped, so the key is found by them.
fn event_id(event: &[u8]) -> Option<&[u8]> {
    let mut from = 0;
    loop {
        let at = from + memchr::memmem::find(&event[from..], b"\"id\"")? + 4;
        if let Some(value) = event[at..].trim_ascii_start().strip_prefix(b":") {
            return Rest(value).string();
        }
        from = at;
    }
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn after_comma(&self) -> &'a [u8] {
        let text = self.0.trim_ascii_start();
        text.strip_prefix(b",").unwrap_or(text).trim_ascii_start()
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let text = self.after_comma().strip_prefix(b"\"")?;
        let mut end = 0;
        loop {
            end += memchr::memchr2(b'"', b'\\', &text[end..])?;
            if text[end] == b'"' {
                self.0 = &text[end + 1..];
                return Some(&text[..end]);
            }
            end += 2;
            if end > text.len() {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_however_they_are_spaced() {
        let cases: [(&str, Message<'_>); 8] = [
            (
                r#"["OK","ab",true,""]"#,
                Message::Ok {
                    id: b"ab",
                    accepted: true,
                    text: b"",
                },
            ),
            (
                r#"["OK", "ab", false, "blocked: \"no\""]"#,
                Message::Ok {
                    id: b"ab",
                    accepted: false,
                    text: br#"blocked: \"no\""#,
                },
            ),
            (
                r#"["EVENT","s",{"id":"12","kind":1}]"#,
                Message::Event { id: b"12" },
            ),
            (
                r#"["EVENT", "s", {"tags":[["t","id"]],"content":"\"id\":\"no\"", "id" : "12"}]"#,
                Message::Event { id: b"12" },
            ),
            (r#"["EOSE","s",["finish"]]"#, Message::Eose { subscription: b"s" }),
            (
                r#"["CLOSED","s","error: x"]"#,
                Message::Closed {
                    subscription: b"s",
                    text: b"error: x",
                },
            ),
            (r#"["NOTICE","OK"]"#, Message::Other),
            ("", Message::Other),
        ];
        for (text, expected) in cases {
            assert_eq!(Message::parse(text.as_bytes()), expected, "{text}");
        }
    }
}
