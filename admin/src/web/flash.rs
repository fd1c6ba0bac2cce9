//! The message of the last act, shown once on the next page.

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect, Response},
};

use super::{Cookie, read_cookie};

const COOKIE: &str = "switchyard_flash";

/// Bytes of a message: a cookie is no place for more.
const MOST: usize = 600;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    /// Whether it went well.
    pub is_good: bool,
    /// What happened, in a sentence.
    pub text: String,
}

impl Flash {
    /// It is done.
    pub fn done(text: impl Into<String>) -> Self {
        Self {
            is_good: true,
            text: text.into(),
        }
    }

    /// It is not.
    pub fn failed(text: impl Into<String>) -> Self {
        Self {
            is_good: false,
            text: text.into(),
        }
    }

    /// What the browser brought.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let (sign, hex) = read_cookie(headers, COOKIE)?.split_at_checked(1)?;
        let bytes = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok());
        let text = String::from_utf8(bytes.collect::<Option<_>>()?).ok()?;
        Some(Self {
            is_good: sign == "+",
            text,
        })
    }

    /// It has been shown.
    pub fn forget(headers: &mut HeaderMap) {
        Self::cookie("", 0).set(headers);
    }

    fn keep(&self, headers: &mut HeaderMap) {
        let end = self.text.floor_char_boundary(MOST);
        let hex: String = self.text[..end]
            .bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self::cookie(&format!("{}{hex}", if self.is_good { '+' } else { '-' }), 60).set(headers);
    }

    fn cookie(value: &str, max_age: u64) -> Cookie<'_> {
        // Holds nothing that only TLS may carry.
        Cookie {
            name: COOKIE,
            value,
            max_age: Some(max_age),
            secure: false,
        }
    }
}

/// The answer to a form that did something: another page, with a message on it.
#[derive(Debug)]
pub struct Then {
    to: String,
    flash: Flash,
}

impl Then {
    /// It is done: show `to`, a path of ours.
    pub fn done(to: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            to: to.into(),
            flash: Flash::done(text),
        }
    }

    /// It is not.
    pub fn failed(to: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            to: to.into(),
            flash: Flash::failed(text),
        }
    }
}

impl IntoResponse for Then {
    fn into_response(self) -> Response {
        let mut response = Redirect::to(&self.to).into_response();
        self.flash.keep(response.headers_mut());
        response.headers_mut().remove(header::CONTENT_TYPE);
        response
    }
}

/// A path of ours, or `/`: nobody is sent elsewhere by what a form or a link says.
pub fn local_path(path: &str) -> &str {
    let is_local = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(['\\', '\r', '\n', '\t'])
        && path.is_ascii();
    if is_local { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_returns_once() {
        for text in ["Saved.", "„Grüße“ <script>; a=b"] {
            let response = Then::done("/settings", text).into_response();
            let cookie = response.headers()[header::SET_COOKIE]
                .to_str()
                .unwrap()
                .to_owned();
            let mut headers = HeaderMap::new();
            headers.append(header::COOKIE, cookie.split(';').next().unwrap().parse().unwrap());
            assert_eq!(Flash::read(&headers), Some(Flash::done(text)));
        }
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (path, expected) in [
            ("/settings?a=1", "/settings?a=1"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("https://evil.example", "/"),
            ("", "/"),
        ] {
            assert_eq!(local_path(path), expected, "{path:?}");
        }
    }
}
