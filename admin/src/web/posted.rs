//! What a form sent.

use axum::{
    Form,
    extract::{FromRequest, Request},
};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use super::{PageError, Visit};

/// The fields of a form whose CSRF token is that of this browser. Every field of `T` should be a `String` (or a `Vec` of
/// them): what cannot be read goes back to the form, not to an error page.
pub struct Posted<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Posted<T> {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Self, PageError> {
        const UNREADABLE: PageError = PageError::BadRequest("The form could not be read.");
        let csrf = request
            .extensions()
            .get::<Visit>()
            .map(|visit| visit.csrf.clone())
            .ok_or(PageError::ForgedForm)?;
        let Form(fields) = Form::<Vec<(String, String)>>::from_request(request, state)
            .await
            .map_err(|_| UNREADABLE)?;
        let sent = fields
            .iter()
            .find(|(name, _)| name == "csrf")
            .map(|(_, token)| token);
        let is_ours = sent.is_some_and(|sent| bool::from(sent.as_bytes().ct_eq(csrf.as_bytes())));
        if !is_ours {
            return Err(PageError::ForgedForm);
        }
        // Postgres takes no NUL in a text, and no browser sends one.
        if fields.iter().any(|(_, value)| value.contains('\0')) {
            return Err(UNREADABLE);
        }
        read(fields).map(Self).ok_or(UNREADABLE)
    }
}

/// A field is a text; one whose name ends in `[]` is a list.
fn read<T: DeserializeOwned>(fields: Vec<(String, String)>) -> Option<T> {
    let mut object = serde_json::Map::new();
    for (name, value) in fields {
        let list = name.ends_with("[]");
        let name = name.trim_end_matches("[]").to_owned();
        if list {
            let values = object
                .entry(name)
                .or_insert_with(|| serde_json::Value::Array(Vec::new()));
            values.as_array_mut()?.push(value.into());
        } else {
            object.insert(name, value.into());
        }
    }
    serde_json::from_value(object.into()).ok()
}
