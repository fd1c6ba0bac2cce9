//! Text as it is compared: lower case, without accents, each character in one form.

use unicode_normalization::UnicodeNormalization;

/// `École` and `ecole`, `ＡＢＣ` and `abc`, `Straße` and `strasse` are the same.
pub(super) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Decomposed, an accent is a character of its own that can be left out; composed again, what is no accent (the voicing
    // marks of Japanese, the syllables of Korean) is whole.
    text.nfkd()
        .filter(|character| !is_accent(*character))
        .flat_map(char::to_lowercase)
        .flat_map(spelled_out)
        .filter(|character| !is_accent(*character))
        .nfc()
        .collect()
}

/// Marks that people leave out when they type a query: of Latin, Greek and Cyrillic letters, the vowel points of Hebrew and
/// Arabic, and the stroke that lengthens Arabic words.
const fn is_accent(character: char) -> bool {
    matches!(
        character,
        '\u{300}'..='\u{36f}'
            | '\u{591}'..='\u{5bd}'
            | '\u{5bf}'..='\u{5c7}'
            | '\u{610}'..='\u{61a}'
            | '\u{640}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}'
    )
}

/// Letters that Unicode does not decompose and that keyboards elsewhere do not have.
fn spelled_out(character: char) -> impl Iterator<Item = char> {
    let letters = match character {
        'ß' => ['s', 's'],
        'æ' => ['a', 'e'],
        'œ' => ['o', 'e'],
        'þ' => ['t', 'h'],
        'ø' => ['o', '\0'],
        'ł' => ['l', '\0'],
        'đ' | 'ð' => ['d', '\0'],
        'ħ' => ['h', '\0'],
        'ı' => ['i', '\0'],
        'ς' => ['σ', '\0'],
        other => [other, '\0'],
    };
    let count = if letters[1] == '\0' { 1 } else { 2 };
    letters.into_iter().take(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_alike_is_alike() {
        for (text, expected) in [
            ("Hello", "hello"),
            ("ÉCOLE", "ecole"),
            ("Straße", "strasse"),
            ("ＡＢＣ１２３", "abc123"),
            ("Žižkov", "zizkov"),
            ("İstanbul", "istanbul"),
            ("Ёлка", "елка"),
            ("ﬁn", "fin"),
            ("Σίσυφος", "σισυφοσ"),
            ("がぎ ｶﾞ", "がぎ ガ"),
            ("한국어", "한국어"),
            ("مُحَمَّد", "محمد"),
            ("हिन्दी", "हिन्दी"),
        ] {
            assert_eq!(folded(text), expected, "{text}");
        }
    }
}
