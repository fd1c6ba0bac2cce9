//! Where words begin and end.

use unicode_normalization::char::is_combining_mark;

use super::fold::folded;

/// Characters of a word that are compared. Keys in hex and npub have 64 and 63; what is longer is data.
const MAX_CHARS: usize = 64;

/// A piece of text that is compared as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    pub sort: Sort,
    /// 0 for the first, one more for each further word; in scripts without spaces one more for each character.
    pub position: usize,
}

/// What a word is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Letters and digits between anything else.
    Word,
    /// Two neighbours in a script that has no spaces between words.
    Pair,
    /// The last character of such a run.
    Last,
    /// Such a character without neighbours.
    Alone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    /// Of a script without spaces between words.
    Joined,
    Picture,
    Other,
}

/// The words of a text, at most so many.
pub(super) fn words(text: &str, at_most: usize) -> Vec<Word> {
    let folded = folded(text);
    let mut words = Words {
        list: Vec::new(),
        position: 0,
        word: String::new(),
        chars: 0,
        joined: None,
    };
    for character in folded.chars() {
        words.take(character);
        if words.list.len() >= at_most {
            break;
        }
    }
    words.end();
    words.list.truncate(at_most);
    words.list
}

struct Words {
    list: Vec<Word>,
    position: usize,
    word: String,
    chars: usize,
    /// The character before in a run without spaces, and whether one stood before it.
    joined: Option<(char, bool)>,
}

impl Words {
    fn take(&mut self, character: char) {
        match class(character) {
            // A mark belongs to the letter before it, and is nothing without one.
            Class::Letter if is_combining_mark(character) && self.word.is_empty() => {}
            Class::Letter => {
                self.end_joined();
                if self.chars < MAX_CHARS {
                    self.word.push(character);
                    self.chars += 1;
                }
            }
            Class::Joined => {
                self.end_word();
                let before = self.joined.replace((character, self.joined.is_some()));
                if let Some((before, _)) = before {
                    self.push(String::from_iter([before, character]), Sort::Pair);
                }
            }
            Class::Picture => {
                self.end();
                self.push(character.to_string(), Sort::Word);
            }
            Class::Other => self.end(),
        }
    }

    fn end(&mut self) {
        self.end_word();
        self.end_joined();
    }

    fn end_word(&mut self) {
        if !self.word.is_empty() {
            let word = std::mem::take(&mut self.word);
            self.chars = 0;
            self.push(word, Sort::Word);
        }
    }

    fn end_joined(&mut self) {
        if let Some((last, had_neighbour)) = self.joined.take() {
            let sort = if had_neighbour { Sort::Last } else { Sort::Alone };
            self.push(last.to_string(), sort);
        }
    }

    fn push(&mut self, text: String, sort: Sort) {
        self.list.push(Word {
            text,
            sort,
            position: self.position,
        });
        self.position += 1;
    }
}

fn class(character: char) -> Class {
    match character {
        '\0'..='\x7f' if !character.is_ascii_alphanumeric() => Class::Other,
        '\0'..='\x7f' => Class::Letter,
        // Thai, Lao, Tibetan, Burmese, Khmer; Japanese, Chinese, Korean.
        '\u{e00}'..='\u{eff}'
        | '\u{f40}'..='\u{fbc}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17d3}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3041}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}'
            if character != '\u{e3f}' && character != '\u{30a0}' && character != '\u{30fb}' =>
        {
            Class::Joined
        }
        // Tones of skin are left out.
        '\u{1f3fb}'..='\u{1f3ff}' => Class::Other,
        '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}' => Class::Picture,
        _ if character.is_alphanumeric() => Class::Letter,
        // How a picture is to be drawn.
        '\u{fe00}'..='\u{fe0f}' => Class::Other,
        _ if is_combining_mark(character) => Class::Letter,
        _ => Class::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text, 100).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_lie_between_what_is_no_letter() {
        assert_eq!(texts("Hello, #Nostr-World!"), ["hello", "nostr", "world"]);
        assert_eq!(
            texts("https://example.com/a_b?x=1"),
            ["https", "example", "com", "a", "b", "x", "1"]
        );
        assert_eq!(texts("don't l’eau"), ["don", "t", "l", "eau"]);
        assert_eq!(texts("\u{301}a \0 ' \u{fffd}"), ["a"]);
        assert_eq!(texts("हिन्दी भाषा"), ["हिन्दी", "भाषा"]);
        assert!(texts("").is_empty() && texts("!? …").is_empty());
    }

    #[test]
    fn scripts_without_spaces_are_pairs() {
        assert_eq!(texts("東京都"), ["東京", "京都", "都"]);
        assert_eq!(texts("私はnostr"), ["私は", "は", "nostr"]);
        assert_eq!(texts("猫"), ["猫"]);
        let sorts: Vec<Sort> = words("東京 猫", 9).iter().map(|word| word.sort).collect();
        assert_eq!(sorts, [Sort::Pair, Sort::Last, Sort::Alone]);
    }

    #[test]
    fn pictures_are_words() {
        assert_eq!(texts("gm☀️👍🏽x"), ["gm", "☀", "👍", "x"]);
    }

    #[test]
    fn long_words_are_cut_and_there_are_at_most_so_many() {
        assert_eq!(texts(&"é".repeat(100)), ["e".repeat(64)]);
        assert_eq!(words("a b c d", 2).len(), 2);
        assert_eq!(words("東京都", 1).len(), 1);
    }
}
