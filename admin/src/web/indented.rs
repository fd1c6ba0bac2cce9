//! JSON with a line for each value. Nothing else is touched: keys stay in their order, strings and numbers as they were written.

use serde::de::IgnoredAny;

/// Bytes of a list that may stand on one line.
const SHORT: usize = 120;

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
    while !rest.is_empty() {
        let length = if let Some((line, length)) = on_one_line(rest) {
            text.text.push_str(&line);
            length
        } else {
            let length = piece(rest);
            text.add(&rest[..length]);
            length
        };
        rest = rest[length..].trim_start();
    }
    text.text
}

/// A short list of strings, numbers and words, or what is empty: how it is written, and the bytes that it had.
fn on_one_line(json: &str) -> Option<(String, usize)> {
    let is_list = json.starts_with('[');
    if !is_list && !json.starts_with('{') {
        return None;
    }
    let (mut line, mut rest) = (json[..1].to_owned(), json[1..].trim_start());
    while line.len() <= SHORT {
        let (piece, after) = rest.split_at(piece(rest));
        rest = after.trim_start();
        match piece {
            "[" | "{" | ":" | "" => return None,
            "," => line.push_str(", "),
            "]" | "}" => {
                line.push_str(piece);
                return Some((line, json.len() - after.len()));
            }
            _ => line.push_str(piece),
        }
    }
    None
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
    fn add(&mut self, piece: &str) {
        match piece {
            "{" | "[" => {
                self.text.push_str(piece);
                self.depth += 1;
                self.new_line();
            }
            "}" | "]" => {
                self.depth = self.depth.saturating_sub(1);
                self.new_line();
                self.text.push_str(piece);
            }
            "," => {
                self.text.push_str(piece);
                self.new_line();
            }
            ":" => self.text.push_str(": "),
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
            (r#" [ 1.50 , true,null ] "#, "[1.50, true, null]"),
            (r#"[["e","x"],["p"]]"#, "[\n  [\"e\", \"x\"],\n  [\"p\"]\n]"),
            (r#"["a\"],{:\\","ü"]"#, "[\"a\\\"],{:\\\\\", \"ü\"]"),
            (r#""x""#, r#""x""#),
            ("no json", "no json"),
            (r#"{"v":"#, r#"{"v":"#),
        ] {
            assert_eq!(indented(json), expected, "{json}");
        }
        let long = format!(r#"["{}",1]"#, "x".repeat(SHORT));
        assert_eq!(indented(&long).lines().count(), 4);
    }
}
