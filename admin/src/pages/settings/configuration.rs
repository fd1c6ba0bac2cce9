//! Every setting of this process: its value, and where it comes from.

use askama::Template;
use axum::{extract::State, response::Html};
use runtime::config::{Origin, Setting};

use crate::{
    App,
    web::{Frame, PageError, render},
};

#[derive(Template)]
#[template(path = "settings/configuration.html")]
struct Page {
    frame: Frame,
    sections: Vec<(String, Vec<Setting>)>,
}

impl Page {
    fn origin(&self, origin: &Origin) -> String {
        match origin {
            Origin::Default => "default".to_owned(),
            Origin::File => "file".to_owned(),
            Origin::Environment(variable) => variable.clone(),
        }
    }
}

pub async fn show(State(app): State<App>, frame: Frame) -> Result<Html<String>, PageError> {
    let settings = app
        .config
        .listing()
        .map_err(|error| PageError::Internal(error.into()))?;
    let mut sections: Vec<(String, Vec<Setting>)> = Vec::new();
    for setting in settings {
        match sections.last_mut() {
            Some((section, settings)) if *section == setting.section => settings.push(setting),
            _ => sections.push((setting.section.clone(), vec![setting])),
        }
    }
    render(&Page { frame, sections })
}
