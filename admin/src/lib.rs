//! `admin`: the operator's web app. Pages are made on the server and work without JavaScript.
//!
//! ```text
//! router → web/headers (CSP) → operator/session (who is it) → pages/<name> → templates/<name>/…
//! ```
//!
//! # How a page is added
//!
//! 1. A module `pages/<name>.rs` with `pub fn routes() -> Router<App>`, merged in `pages/mod.rs`. Everything there needs an
//!    operator who is signed in; nothing has to be done for it.
//! 2. A template `templates/<name>/page.html` that starts with `{% extends "layout.html" %}` and fills the blocks `title` and
//!    `content`, and a struct for it with a field `frame: Frame`. `Frame` is an extractor: it knows the operator, the section,
//!    the theme and the message of the last act. Handlers answer with [`web::render`].
//! 3. A page of its own in the navigation: a variant of [`web::Section`], in [`web::Section::NAVIGATION`].
//! 4. A form posts to a handler that takes [`web::Posted<T>`](web::Posted), where every field of `T` is a `String`: the CSRF token is
//!    checked before `T` is read. In the form stands `{% call form::csrf(frame) %}{% endcall %}`. What is wrong comes back in
//!    [`web::Problems`], beside what was typed; what is done answers [`web::Then`]: a redirect with a message.
//! 5. Scripts and pictures lie in `static/` and are listed in `web/assets.rs`; a template names them `{{ frame.asset("x.js") }}`.
//!    Neither `<script>` nor `style=` nor `onclick=` in a page: the Content-Security-Policy forbids them.
//!
//! Text in templates is escaped by askama; `|safe` is for nothing that came from outside.

mod app;
pub mod hour;
mod operator;
mod pages;
mod people;
mod router;
mod rulings;
mod serve;
pub mod web;

pub use app::{App, Parts};
pub use operator::{NewFromShell, NotCreated};
pub use router::router;
pub use serve::{ServeError, serve};
