//! Cookies.

use std::fmt;

use axum::http::{HeaderMap, HeaderValue, header};

/// A cookie to set. Always `HttpOnly`, `SameSite=Lax` and for all pages.
#[derive(Debug, Clone)]
pub struct Cookie<'a> {
    /// Its name.
    pub name: &'static str,
    /// Its value: characters that need no quoting.
    pub value: &'a str,
    /// Seconds; `Some(0)` removes it, `None` keeps it as long as the browser runs.
    pub max_age: Option<u64>,
    /// Only over TLS.
    pub secure: bool,
}

impl fmt::Display for Cookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}; Path=/; HttpOnly; SameSite=Lax", self.name, self.value)?;
        if let Some(seconds) = self.max_age {
            write!(f, "; Max-Age={seconds}")?;
        }
        if self.secure {
            f.write_str("; Secure")?;
        }
        Ok(())
    }
}

impl Cookie<'_> {
    /// Adds it to the headers of an answer.
    pub fn set(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::try_from(self.to_string()) {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

/// The value of a cookie that the browser sent.
pub fn read_cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().split_once('=').filter(|(found, _)| *found == name))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; theme=dark;b=x=y".parse().unwrap());
        assert_eq!(read_cookie(&headers, "theme"), Some("dark"));
        assert_eq!(read_cookie(&headers, "b"), Some("x=y"));
        assert_eq!(read_cookie(&headers, "them"), None);
    }
}
