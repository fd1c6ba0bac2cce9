//! JSON with a line for each value. Nothing else is touched: keys stay in their order, strings and numbers as they were written.

use serde::de::IgnoredAny;

/// JSON as people read it; what is none as it is.
pub fn indented(json: &str) -> String {
    if serde_json::from_str::<IgnoredAny>(json).is_err() {
        return json.to_owned();
    }
    let mut text = Text {
        text: String::with_capacity(json.len() * 2),
        depth: 0,
    };
    let mut rest = json.trim();
    while let Some(first) = rest.chars().next() {
        let (piece, after) = rest.split_at(piece(rest));
        let is_empty = after.trim_start().starts_with(['}', ']']) && matches!(first, '{' | '[');
        text.add(piece, first, is_empty);
        rest = after.trim_start();
        if is_empty {
            text.text.push_str(&rest[..1]);
            rest = rest[1..].trim_start();
        }
    }
    text.text
}

/// Bytes of the first string, sign, number or word.
fn piece(json: &str) -> usize {
    let is_sign = |c: char| matches!(c, '{' | '}' | '[' | ']' | ',' | ':');
    match json.as_bytes().first() {
        Some(b'"') => {
            let mut is_escaped = false;
            let end = json.bytes().skip(1).position(|byte| {
                let is_end = byte == b'"' && !is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                is_end
            });
            end.map_or(json.len(), |end| end + 2)
        }
        Some(first) if is_sign(char::from(*first)) => 1,
        _ => json
            .find(|c: char| is_sign(c) || c.is_ascii_whitespace())
            .unwrap_or(json.len()),
    }
}

struct Text {
    text: String,
    depth: usize,
}

impl Text {
    fn add(&mut self, piece: &str, first: char, is_empty: bool) {
        match first {
            '{' | '[' if !is_empty => {
                self.text.push(first);
                self.depth += 1;
                self.new_line();
            }
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                self.new_line();
                self.text.push(first);
            }
            ',' => {
                self.text.push(first);
                self.new_line();
            }
            ':' => self.text.push_str(": "),
            _ => self.text.push_str(piece),
        }
    }

    fn new_line(&mut self) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n("  ", self.depth));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_value() {
        for (json, expected) in [
            (
                r#"{"v":1,"a":{"b":[]}}"#,
                "{\n  \"v\": 1,\n  \"a\": {\n    \"b\": []\n  }\n}",
            ),
            (r#" [ 1.50 , true,{ } ] "#, "[\n  1.50,\n  true,\n  {}\n]"),
            (r#"["a\"],{:\\","ü"]"#, "[\n  \"a\\\"],{:\\\\\",\n  \"ü\"\n]"),
            (r#""x""#, r#""x""#),
            ("no json", "no json"),
            (r#"{"v":"#, r#"{"v":"#),
        ] {
            assert_eq!(indented(json), expected, "{json}");
        }
    }
}
