//! What stands around every page.

use std::ops::Deref;

use askama::Template;
use axum::{extract::FromRequestParts, http::request::Parts, response::Html};

use super::{PageError, Section, Theme, Visit, asset};

/// The layout's data: every page's template has one in its field `frame`.
#[derive(Debug, Clone)]
pub struct Frame(Visit);

impl Frame {
    /// For a visit.
    pub fn new(visit: Visit) -> Self {
        Self(visit)
    }

    /// The URL of a static file.
    pub fn asset(&self, name: &str) -> &'static str {
        asset(name)
    }

    /// The navigation.
    pub fn sections(&self) -> &'static [Section] {
        Section::NAVIGATION
    }

    /// Whether the page is in this section.
    pub fn is_in(&self, section: &Section) -> bool {
        let path = self.0.path.split('?').next().unwrap_or_default();
        Section::of(path) == Some(*section)
    }

    /// Whether this is the page `<folder><name>`.
    pub fn is_at(&self, folder: &str, name: &str) -> bool {
        let path = self.0.path.split('?').next().unwrap_or_default();
        let rest = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// What the theme button offers.
    pub fn next_theme(&self) -> Theme {
        self.0.theme.next()
    }

    /// The name of the operator; empty when nobody is signed in.
    pub fn operator_name(&self) -> &str {
        self.0
            .operator
            .as_ref()
            .map_or("", |operator| operator.name.as_str())
    }
}

impl Deref for Frame {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Frame {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PageError> {
        let visit = parts.extensions.get::<Visit>().cloned();
        visit.map(Self).ok_or(PageError::NotFound)
    }
}

/// The page of a template.
pub fn render(template: &impl Template) -> Result<Html<String>, PageError> {
    Ok(Html(template.render()?))
}
