//! Static files, embedded in the binary. Their names carry a hash of what is in them, so browsers keep them for ever and a
//! new version has a new name.

use std::{collections::HashMap, sync::LazyLock};

use axum::{
    Router,
    extract::Path,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest, Sha256};

/// Name, type, content.
type File = (&'static str, &'static str, &'static [u8]);

macro_rules! files {
    ($($name:literal: $kind:literal),* $(,)?) => {
        [$(($name, $kind, include_bytes!(concat!("../../static/", $name)).as_slice())),*]
    };
}

static FILES: &[File] = &files! {
    "admin.css": "text/css; charset=utf-8",
    "admin.js": "text/javascript; charset=utf-8",
    "sign-in.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "live.js": "text/javascript; charset=utf-8",
};

struct Assets {
    /// `/static/admin-0123456789abcdef.css` by `admin.css`.
    urls: HashMap<&'static str, String>,
    /// Files by the last part of their URL.
    files: HashMap<String, &'static File>,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let mut assets = Assets {
        urls: HashMap::new(),
        files: HashMap::new(),
    };
    for file @ (name, _, content) in FILES {
        let hash = Sha256::digest(content);
        let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
        let hashed = format!("{stem}-{hash}.{end}");
        assets.urls.insert(name, format!("/static/{hashed}"));
        assets.files.insert(hashed, file);
    }
    assets
});

/// The URL of a file in `static/`; empty for what is not there.
pub fn asset(name: &str) -> &'static str {
    ASSETS.urls.get(name).map_or("", String::as_str)
}

/// Serves them.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/static/{file}", get(serve))
}

async fn serve(Path(file): Path<String>) -> Response {
    const FOR_EVER: &str = "public, max-age=31536000, immutable";
    let Some((_, kind, content)) = ASSETS.files.get(&file).copied() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers: [(HeaderName, &str); 2] = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FOR_EVER)];
    (headers, *content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_a_hash() {
        let url = asset("admin.css");
        assert!(
            url.starts_with("/static/admin-") && url.ends_with(".css") && url.len() == 34,
            "{url}"
        );
        assert_eq!(asset("nothing.css"), "");
    }
}
