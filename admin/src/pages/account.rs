//! The operator's own account: password, Nostr keys, sessions; and the other operators.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use protocol::PublicKey;
use serde::Deserialize;
use store::{Account, NewAuditEntry, NewOperator, Session};
use validator::Validate;

use crate::{
    App,
    operator::{
        Throttle, create_operator, hash_password, password_is_right, session::SignedIn, valid_name,
        valid_password,
    },
    web::{Ago, Frame, Moment, PageError, Posted, Problems, Then, render},
};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/account", get(show))
        .route("/account/password", post(change_password))
        .route("/account/keys/add", post(add_key))
        .route("/account/keys/remove", post(remove_key))
        .route("/account/operators/add", post(add_operator))
        .route("/account/operators/remove", post(remove_operator))
        .route("/account/sessions/end", post(end_sessions))
}

#[derive(Template)]
#[template(path = "account/page.html")]
struct Page {
    frame: Frame,
    problems: Problems,
    keys: Vec<PublicKey>,
    operators: Vec<Account>,
    typed: Typed,
    sessions: Vec<Session>,
    own: [u8; 32],
    now: i64,
}

/// What was typed into a form that is shown again.
#[derive(Default)]
struct Typed {
    key: String,
    operator: String,
}

impl Page {
    async fn new(app: &App, frame: Frame, me: &SignedIn, problems: Problems) -> Result<Self, PageError> {
        Ok(Self {
            keys: app.store.operator_keys(me.operator.id).await?,
            operators: app.store.operators().await?,
            typed: Typed::default(),
            sessions: app.store.sessions(me.operator.id).await?,
            own: me.session,
            now: runtime::clock::unix_millis() as i64 / 1000,
            frame,
            problems,
        })
    }
}

async fn show(State(app): State<App>, frame: Frame, me: SignedIn) -> Result<Response, PageError> {
    let page = Page::new(&app, frame, &me, Problems::default()).await?;
    Ok(render(&page)?.into_response())
}

#[derive(Deserialize, Validate)]
struct Passwords {
    old: String,
    #[validate(custom(function = valid_password))]
    password: String,
    #[validate(must_match(other = "password", message = "The two passwords are not the same."))]
    again: String,
}

async fn change_password(
    State(app): State<App>,
    frame: Frame,
    me: SignedIn,
    Posted(form): Posted<Passwords>,
) -> Result<Response, PageError> {
    let name = &me.operator.name;
    let throttle = Throttle::new(&app, frame.address, Some(name));
    throttle.attempt().await?;
    let mut problems = form
        .validate()
        .err()
        .map_or_else(Problems::default, Problems::from);
    let credentials = app.store.credentials(name).await?;
    let hash = credentials.and_then(|credentials| credentials.password_hash);
    // Who signed in with a Nostr key alone has no old password.
    if hash.is_some() && !password_is_right(form.old, hash).await? {
        problems.add("old", "This is not your password.");
    }
    if !problems.is_empty() {
        let page = Page::new(&app, frame, &me, problems).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    }
    let hash = hash_password(form.password).await?;
    app.store.set_password(me.operator.id, &hash).await?;
    app.store.end_sessions(me.operator.id, Some(&me.session)).await?;
    throttle.forget().await?;
    note(&app, &me, "operators.password", name).await?;
    let said = "The password is changed; your other sessions have ended.";
    Ok(Then::done("/account", said).into_response())
}

#[derive(Deserialize)]
struct Nothing {}

async fn end_sessions(
    State(app): State<App>,
    me: SignedIn,
    Posted(Nothing {}): Posted<Nothing>,
) -> Result<Then, PageError> {
    let ended = app.store.end_sessions(me.operator.id, Some(&me.session)).await?;
    Ok(Then::done(
        "/account",
        format!("{ended} other sessions have ended."),
    ))
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

async fn add_key(
    State(app): State<App>,
    frame: Frame,
    me: SignedIn,
    Posted(form): Posted<Key>,
) -> Result<Response, PageError> {
    let problem = match PublicKey::read(&form.key) {
        Err(_) => "A public key: npub1… or 64 hex characters.",
        Ok(key) if app.store.add_operator_key(me.operator.id, key).await? => {
            note(&app, &me, "operators.add_key", &key.npub()).await?;
            return Ok(Then::done("/account", "You can sign in with this key.").into_response());
        }
        Ok(_) => "An operator has this key already.",
    };
    let mut page = Page::new(&app, frame, &me, Problems::one("key", problem)).await?;
    page.typed.key = form.key;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

async fn remove_key(
    State(app): State<App>,
    me: SignedIn,
    Posted(form): Posted<Key>,
) -> Result<Then, PageError> {
    let key = form.key.parse::<PublicKey>().map_err(|_| PageError::NotFound)?;
    app.store.remove_operator_key(me.operator.id, key).await?;
    note(&app, &me, "operators.remove_key", &key.npub()).await?;
    Ok(Then::done("/account", "The key is no longer yours here."))
}

#[derive(Deserialize, Validate)]
struct Newcomer {
    #[validate(custom(function = valid_name))]
    name: String,
    #[validate(custom(function = valid_password))]
    first: String,
}

async fn add_operator(
    State(app): State<App>,
    frame: Frame,
    me: SignedIn,
    Posted(form): Posted<Newcomer>,
) -> Result<Response, PageError> {
    let mut problems = form
        .validate()
        .err()
        .map_or_else(Problems::default, Problems::from);
    if problems.is_empty() {
        match create_operator(&app.store, &form.name, form.first, false).await? {
            NewOperator::Created(_) => {
                note(&app, &me, "operators.create", &form.name).await?;
                return Ok(Then::done("/account", "The operator can sign in.").into_response());
            }
            NewOperator::NameTaken | NewOperator::NotTheFirst => {
                problems.add("name", "An operator has this name already.");
            }
        }
    }
    let mut page = Page::new(&app, frame, &me, problems).await?;
    page.typed.operator = form.name;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

#[derive(Deserialize)]
struct Gone {
    id: String,
}

async fn remove_operator(
    State(app): State<App>,
    me: SignedIn,
    Posted(form): Posted<Gone>,
) -> Result<Then, PageError> {
    let id = form.id.parse().map_err(|_| PageError::NotFound)?;
    let account = app.store.account(id).await?.ok_or(PageError::NotFound)?;
    if !app.store.remove_operator(id).await? {
        return Ok(Then::failed("/account", "The last operator stays."));
    }
    note(&app, &me, "operators.remove", &account.name).await?;
    Ok(Then::done(
        "/account",
        format!("{} is no operator any more.", account.name),
    ))
}

async fn note(app: &App, me: &SignedIn, act: &str, target: &str) -> Result<(), PageError> {
    let entry = NewAuditEntry {
        operator: &me.operator.name,
        act,
        target,
        ..NewAuditEntry::default()
    };
    Ok(app.store.note(entry).await?)
}
