//! `key:value` words of a query.

/// Keys that NIP-50 names. `domain` wants verified NIP-05 names, and `sentiment` and `language` a judgement that this relay
/// does not make; nothing is taken for spam. They are understood, and change nothing.
const NAMED: [&str; 5] = ["include", "domain", "language", "sentiment", "nsfw"];

/// What a word of a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension<'t> {
    /// `m:<mode>`: how the text is written.
    Mode(&'t str),
    /// `nsfw:false`: nothing that its author warns of (NIP-36).
    Harmless,
    /// One that changes nothing here.
    Ignored,
}

impl<'t> Extension<'t> {
    /// Whether a word is an extension. `strictly`: only if NIP-50 or this relay names it, since in the syntax of `m:manual` a
    /// colon may follow any word.
    pub fn of(word: &'t str, strictly: bool) -> Option<Self> {
        let (key, value) = word.split_once(':')?;
        let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic())
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        // An address, or a reference (NIP-21), is searched for as it stands.
        if !is_key || value.is_empty() || value.starts_with("//") || key.eq_ignore_ascii_case("nostr") {
            return None;
        }
        match (key, value) {
            ("m", mode) => Some(Self::Mode(mode)),
            ("nsfw", "false") => Some(Self::Harmless),
            (key, _) if !strictly || NAMED.contains(&key) => Some(Self::Ignored),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_a_colon_are_extensions_unless_they_are_addresses() {
        for (word, meant) in [
            ("m:phrase", Some(Extension::Mode("phrase"))),
            ("nsfw:false", Some(Extension::Harmless)),
            ("nsfw:true", Some(Extension::Ignored)),
            ("include:spam", Some(Extension::Ignored)),
            ("sort:hot", Some(Extension::Ignored)),
            ("https://example.com", None),
            ("nostr:npub1xyz", None),
            ("12:30", None),
            ("word:", None),
            (":)", None),
            ("word", None),
        ] {
            assert_eq!(Extension::of(word, false), meant, "{word}");
        }
        assert_eq!(Extension::of("bit:*", true), None);
        assert_eq!(Extension::of("language:en", true), Some(Extension::Ignored));
    }
}
