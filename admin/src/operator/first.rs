//! The first operator: while there is none, a start of this process prints a link that makes one. It works once.

use tracing::{info, warn};

use super::Token;
use crate::{App, web::PageError};

/// Seconds in which a link works; a restart prints another one.
const LASTS: u64 = 86_400;

/// Prints a link if nobody can sign in. The newest link is the one that works.
pub async fn print_set_up_link(app: &App) {
    match link(app).await {
        Ok(Some(link)) => info!("nobody can sign in yet: set the first operator up at {link}"),
        Ok(None) => {}
        Err(error) => warn!(%error, "could not look whether there is an operator"),
    }
}

async fn link(app: &App) -> Result<Option<String>, PageError> {
    if app.store.has_operator().await? {
        return Ok(None);
    }
    let token = Token::random();
    app.desk.keep_set_up_token(&token.hash_hex(), LASTS).await?;
    let admin = &app.config.admin;
    let origin = if admin.url.is_empty() {
        format!("http://{}", admin.listen.replace("0.0.0.0", "localhost"))
    } else {
        admin.url.trim_end_matches('/').to_owned()
    };
    Ok(Some(format!("{origin}/set-up?token={}", token.expose())))
}

/// Whether it is the token of the newest link, and nobody has used it.
pub async fn set_up_token_is_right(app: &App, token: &str) -> Result<bool, PageError> {
    let Some(token) = Token::read(token) else {
        return Ok(false);
    };
    // Hashes are compared: how long that takes tells nothing of the token.
    let kept = app.desk.set_up_token().await?;
    Ok(kept.is_some_and(|hash| hash == token.hash_hex()) && !app.store.has_operator().await?)
}
