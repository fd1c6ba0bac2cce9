//! What can be changed while the relay runs.

use std::net::IpAddr;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use pubsub::LiveSettings;
use serde::Deserialize;
use store::{AuditEntry, InfoField, NewAuditEntry};
use validator::{Validate, ValidationError};

use crate::{
    App,
    operator::session::SignedIn,
    rulings,
    web::{Frame, Moment, PageError, Posted, Problems, Then, problem, render},
};

/// The latest changes, on the page.
const CHANGES: u32 = 20;

#[derive(Template)]
#[template(path = "settings/page.html")]
struct Page {
    frame: Frame,
    problems: Problems,
    maintenance: bool,
    most: String,
    unlimited: String,
    info: Info,
    configured: Info,
    changes: Vec<AuditEntry>,
}

/// What the relay says of itself; empty: as configured.
#[derive(Deserialize, Validate, Clone, Default)]
pub struct Info {
    #[validate(length(max = 100, message = "At most 100 characters."))]
    name: String,
    #[validate(length(max = 2000, message = "At most 2000 characters."))]
    description: String,
    #[validate(length(max = 500, message = "At most 500 characters."), custom(function = empty_or_url))]
    icon: String,
}

fn empty_or_url(text: &str) -> Result<(), ValidationError> {
    let text = text.trim();
    if text.is_empty() || text.starts_with("https://") || text.starts_with("http://") {
        Ok(())
    } else {
        Err(problem("A URL that begins with https://"))
    }
}

impl Page {
    async fn new(app: &App, frame: Frame) -> Result<Self, PageError> {
        let live = LiveSettings::read(&app.data, &app.keys).await?;
        let rulings = app.store.rulings().await?;
        let relay = &app.config.relay;
        let mut addresses: Vec<IpAddr> = live.unlimited_ips.into_iter().collect();
        addresses.sort_unstable();
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        Ok(Self {
            problems: Problems::default(),
            maintenance: live.maintenance,
            most: live
                .max_allowed_connections
                .map_or(String::new(), |most| most.to_string()),
            unlimited: addresses.join("\n"),
            info: Info {
                name: rulings.name.unwrap_or_default(),
                description: rulings.description.unwrap_or_default(),
                icon: rulings.icon.unwrap_or_default(),
            },
            configured: Info {
                name: relay.name.clone(),
                description: relay.description.clone(),
                icon: relay.icon.clone(),
            },
            changes: app.store.audit_log("settings.", None, CHANGES).await?,
            frame,
        })
    }

    fn refuse(self) -> Result<Response, PageError> {
        Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&self)?).into_response())
    }
}

pub async fn show(State(app): State<App>, frame: Frame) -> Result<Html<String>, PageError> {
    render(&Page::new(&app, frame).await?)
}

#[derive(Deserialize)]
pub struct Switch {
    on: String,
}

pub async fn maintenance(
    State(app): State<App>,
    me: SignedIn,
    Posted(form): Posted<Switch>,
) -> Result<Then, PageError> {
    let (on, was) = (
        form.on == "1",
        LiveSettings::read(&app.data, &app.keys).await?.maintenance,
    );
    LiveSettings::set_maintenance(&app.data, &app.keys, on).await?;
    let word = |on| if on { "on" } else { "off" };
    note(&app, &me, "settings.maintenance", word(was), word(on)).await?;
    Ok(Then::done(
        "/settings",
        if on {
            "Maintenance mode is on: new connections are turned away, existing ones stay."
        } else {
            "Maintenance mode is off."
        },
    ))
}

#[derive(Deserialize)]
pub struct Most {
    most: String,
}

pub async fn max_connections(
    State(app): State<App>,
    frame: Frame,
    me: SignedIn,
    Posted(form): Posted<Most>,
) -> Result<Response, PageError> {
    let most = match form.most.trim() {
        "" => Some(0),
        text => text.parse::<u64>().ok(),
    };
    let Some(most) = most.filter(|most| *most <= 100_000_000) else {
        let mut page = Page::new(&app, frame).await?;
        page.problems.add("most", "A number, or nothing for unlimited.");
        page.most = form.most;
        return page.refuse();
    };
    let old = LiveSettings::read(&app.data, &app.keys)
        .await?
        .max_allowed_connections;
    let new = (most > 0).then_some(most);
    LiveSettings::set_max_connections(&app.data, &app.keys, new).await?;
    let word = |most: Option<u64>| most.map_or("unlimited".to_owned(), |most| most.to_string());
    note(
        &app,
        &me,
        "settings.max_allowed_connections",
        &word(old),
        &word(new),
    )
    .await?;
    Ok(Then::done("/settings", "The number of connections is changed.").into_response())
}

#[derive(Deserialize)]
pub struct Unlimited {
    addresses: String,
}

pub async fn unlimited(
    State(app): State<App>,
    frame: Frame,
    me: SignedIn,
    Posted(form): Posted<Unlimited>,
) -> Result<Response, PageError> {
    let words = form
        .addresses
        .split([',', ' ', '\n', '\r', '\t'])
        .filter(|word| !word.is_empty());
    let mut addresses = Vec::new();
    for word in words {
        let Ok(address) = word.parse::<IpAddr>() else {
            let mut page = Page::new(&app, frame).await?;
            page.problems
                .add("addresses", format!("“{word}” is no IP address."));
            page.unlimited = form.addresses;
            return page.refuse();
        };
        addresses.push(address.to_canonical());
    }
    addresses.sort_unstable();
    addresses.dedup();
    let mut old: Vec<IpAddr> = LiveSettings::read(&app.data, &app.keys)
        .await?
        .unlimited_ips
        .into_iter()
        .collect();
    old.sort_unstable();
    LiveSettings::set_unlimited(&app.data, &app.keys, &addresses).await?;
    let word = |addresses: &[IpAddr]| {
        let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        texts.join(" ")
    };
    note(
        &app,
        &me,
        "settings.unlimited_ips",
        &word(&old),
        &word(&addresses),
    )
    .await?;
    Ok(Then::done("/settings", "The unlimited addresses are changed.").into_response())
}

pub async fn relay(
    State(app): State<App>,
    frame: Frame,
    me: SignedIn,
    Posted(form): Posted<Info>,
) -> Result<Response, PageError> {
    if let Err(errors) = form.validate() {
        let mut page = Page::new(&app, frame).await?;
        (page.problems, page.info) = (errors.into(), form);
        return page.refuse();
    }
    let now = app.store.rulings().await?;
    for (field, old, new) in [
        (InfoField::Name, now.name, form.name.trim()),
        (InfoField::Description, now.description, form.description.trim()),
        (InfoField::Icon, now.icon, form.icon.trim()),
    ] {
        if old.unwrap_or_default() != new {
            let value = (!new.is_empty()).then_some(new);
            app.store.change_info(&me.operator.name, field, value).await?;
        }
    }
    rulings::changed(&app).await?;
    Ok(Then::done("/settings", "What the relay says of itself is changed.").into_response())
}

async fn note(app: &App, me: &SignedIn, act: &str, old: &str, new: &str) -> Result<(), PageError> {
    if old == new {
        return Ok(());
    }
    let entry = NewAuditEntry {
        operator: &me.operator.name,
        act,
        target: "",
        old,
        new,
    };
    Ok(app.store.note(entry).await?)
}
