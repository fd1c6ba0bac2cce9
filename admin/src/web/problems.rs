//! What is wrong with a form, field by field.

use std::collections::BTreeMap;

use validator::{ValidationError, ValidationErrors};

/// Problems by the name of their field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(BTreeMap<String, String>);

impl Problems {
    /// One problem.
    pub fn one(field: &str, text: impl Into<String>) -> Self {
        let mut problems = Self::default();
        problems.add(field, text);
        problems
    }

    /// Another problem; the first of a field is shown.
    pub fn add(&mut self, field: &str, text: impl Into<String>) {
        self.0.entry(field.to_owned()).or_insert_with(|| text.into());
    }

    /// What is wrong with a field; empty if nothing.
    pub fn of(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a rule of a form says of a field.
pub fn problem(text: &'static str) -> ValidationError {
    ValidationError::new("invalid").with_message(text.into())
}

impl From<ValidationErrors> for Problems {
    fn from(errors: ValidationErrors) -> Self {
        let mut problems = Self::default();
        for (field, errors) in errors.field_errors() {
            for error in errors {
                let text = error.message.as_deref().unwrap_or("This is not valid.");
                problems.add(&field, text);
            }
        }
        problems
    }
}
