//! Into a list.

use std::net::IpAddr;

use protocol::{EventId, PublicKey};
use store::{NewName, Role, Verdict};

use super::{Fields, tab::Tab};
use crate::{
    App, rulings,
    web::{PageError, Problems},
};

/// Characters of a reason or note at most.
const LONGEST: usize = 500;

/// Days that can be added at once: ten years.
const MOST_DAYS: u32 = 3653;

/// Characters of a name and of all its relays.
const LONGEST_NAME: usize = 64;

/// What is said when it is done, or what is wrong with the form.
type Added = Result<&'static str, Problems>;

/// Adds what the form says; it is in force on every process within a second.
pub async fn add(app: &App, operator: &str, tab: Tab, fields: &Fields) -> Result<Added, PageError> {
    let form = Form(fields);
    if let Err(problems) = form.texts_are_short(tab) {
        return Ok(Err(problems));
    }
    let added = match tab {
        Tab::Trusted | Tab::Subscribers | Tab::Names | Tab::Banned | Tab::Allowed => {
            match PublicKey::read(form.get("pubkey")) {
                Ok(key) => key_into(app, operator, tab, key, &form).await?,
                Err(error) => Err(Problems::one("pubkey", capitalized(&error.to_string()))),
            }
        }
        Tab::Events | Tab::Reported => match EventId::read(form.get("id")) {
            Ok(id) => {
                let reason = form.get("reason");
                app.store
                    .rule_event(operator, id, Verdict::Banned, reason)
                    .await?;
                Ok("The event is banned and removed.")
            }
            Err(error) => Err(Problems::one("id", capitalized(&error.to_string()))),
        },
        Tab::BannedKinds => kind(app, operator, Verdict::Banned, &form).await?,
        Tab::AllowedKinds => kind(app, operator, Verdict::Allowed, &form).await?,
        Tab::Addresses => network(app, operator, &form).await?,
        Tab::Roles => role(app, operator, &form).await?,
    };
    if added.is_ok() {
        if matches!(tab, Tab::Banned | Tab::Events | Tab::Reported) {
            rulings::banned(app).await?;
        } else {
            rulings::changed(app).await?;
        }
    }
    Ok(added)
}

/// What was typed.
struct Form<'a>(&'a Fields);

impl Form<'_> {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    fn texts_are_short(&self, tab: Tab) -> Result<(), Problems> {
        for input in tab.inputs() {
            if self.get(input.name).chars().count() > LONGEST {
                return Err(Problems::one(input.name, "At most 500 characters."));
            }
        }
        Ok(())
    }
}

async fn key_into(
    app: &App,
    operator: &str,
    tab: Tab,
    key: PublicKey,
    form: &Form<'_>,
) -> Result<Added, PageError> {
    let (store, reason) = (&app.store, form.get("reason"));
    Ok(match tab {
        Tab::Trusted => {
            store.trust(operator, key, form.get("note")).await?;
            Ok("The key is trusted.")
        }
        Tab::Subscribers => match form.get("days").parse::<u32>() {
            Ok(days @ 1..=MOST_DAYS) => {
                store.prolong(operator, key, days).await?;
                Ok("The subscription is prolonged.")
            }
            _ => Err(Problems::one("days", "A number from 1 to 3653.")),
        },
        Tab::Names => name(app, operator, key, form).await?,
        Tab::Banned => {
            let without_events = !form.get("without_events").is_empty();
            store
                .rule_pubkey(operator, key, Verdict::Banned, reason, without_events)
                .await?;
            Ok("The key is banned.")
        }
        _ => {
            store
                .rule_pubkey(operator, key, Verdict::Allowed, reason, false)
                .await?;
            Ok("The key is allowed.")
        }
    })
}

/// NIP-05: the local part has `a-z0-9-_.` only.
async fn name(app: &App, operator: &str, key: PublicKey, form: &Form<'_>) -> Result<Added, PageError> {
    let name = form.get("name").to_lowercase();
    let is_fine = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    if name.len() > LONGEST_NAME || !name.bytes().all(is_fine) {
        return Ok(Err(Problems::one(
            "name",
            "At most 64 characters of a-z 0-9 - _ .",
        )));
    }
    let relays: Vec<String> = form.get("relays").split_whitespace().map(str::to_owned).collect();
    let is_relay = |url: &String| url.starts_with("wss://") || url.starts_with("ws://");
    if !relays.iter().all(is_relay) {
        return Ok(Err(Problems::one("relays", "URLs that begin with wss://")));
    }
    let name = (!name.is_empty()).then_some(name);
    let given = app
        .store
        .give_name(operator, key, name.as_deref(), &relays)
        .await?;
    Ok(match given {
        NewName::Given => Ok("The key is registered."),
        NewName::Taken => Err(Problems::one("name", "Another key has this name.")),
    })
}

async fn kind(app: &App, operator: &str, verdict: Verdict, form: &Form<'_>) -> Result<Added, PageError> {
    let Ok(kind) = form.get("kind").parse::<u16>() else {
        return Ok(Err(Problems::one("kind", "A number from 0 to 65535.")));
    };
    app.store
        .rule_kind(operator, kind, verdict, form.get("reason"))
        .await?;
    Ok(Ok(match verdict {
        Verdict::Banned => "The kind is banned.",
        Verdict::Allowed => "The kind is allowed.",
    }))
}

async fn network(app: &App, operator: &str, form: &Form<'_>) -> Result<Added, PageError> {
    let text = form.get("network");
    let network = text.parse::<ipnet::IpNet>();
    let network = network.or_else(|_| text.parse::<IpAddr>().map(ipnet::IpNet::from));
    let Ok(network) = network else {
        return Ok(Err(Problems::one(
            "network",
            "An IP address, or a network like 192.0.2.0/24.",
        )));
    };
    let network = network.trunc().to_string();
    app.store
        .block_address(operator, &network, form.get("reason"))
        .await?;
    Ok(Ok("The network is blocked."))
}

async fn role(app: &App, operator: &str, form: &Form<'_>) -> Result<Added, PageError> {
    let mut problems = Problems::default();
    let color = form
        .get("color")
        .parse()
        .ok()
        .filter(|color| (0..=360).contains(color));
    let position = if form.get("position").is_empty() {
        Some(0)
    } else {
        form.get("position").parse().ok()
    };
    if form.get("id").is_empty() {
        problems.add("id", "An id is needed.");
    }
    if color.is_none() {
        problems.add("color", "A number from 0 to 360.");
    }
    if position.is_none() {
        problems.add("position", "A number.");
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let role = Role {
        id: form.get("id").to_owned(),
        label: form.get("label").to_owned(),
        description: form.get("description").to_owned(),
        color: color.unwrap_or_default(),
        position: position.unwrap_or_default(),
    };
    if !app.store.put_role(operator, &role, true).await? {
        app.store.put_role(operator, &role, false).await?;
    }
    Ok(Ok("The role is saved."))
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        format!("{}{}.", first.to_uppercase(), chars.as_str())
    })
}
