//! Where settings come from, and how the later source goes over the earlier one.

use toml::{Table, Value};

use super::{ConfigError, Origin, Origins};

/// Every setting with its default.
pub const DEFAULTS: &str = include_str!("../../config.default.toml");

/// Names the operator's file.
pub(super) const FILE: &str = "SWITCHYARD_CONFIG";

const PREFIX: &str = "SWITCHYARD_";

/// Names that platforms set, and what they mean here.
const WELL_KNOWN: [(&str, &str, &str); 3] = [
    ("REDIS_URL", "redis", "url"),
    ("DATABASE_URL", "postgres", "url"),
    ("SENTRY_DSN", "telemetry", "sentry_dsn"),
];

pub(super) fn merge(
    file: Option<&str>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Table, Origins), ConfigError> {
    let mut origins = Origins::new();
    let mut note = |section: &str, key: &str, origin| {
        origins.insert((section.to_owned(), key.to_owned()), origin);
    };
    let mut settings: Table = DEFAULTS.parse().map_err(ConfigError::Toml)?;
    for (section, values) in file
        .unwrap_or_default()
        .parse::<Table>()
        .map_err(ConfigError::Toml)?
    {
        let Value::Table(values) = values else {
            return Err(ConfigError::Unknown(section));
        };
        for (key, value) in values {
            set(&mut settings, &section, &key, |_| value)?;
            note(&section, &key, Origin::File);
        }
    }
    let mut own = Vec::new();
    for (name, text) in environment {
        let well_known = WELL_KNOWN.iter().find(|(known, ..)| *known == name);
        if let Some((_, section, key)) = well_known {
            set(&mut settings, section, key, |_| Value::String(text))?;
            note(section, key, Origin::Environment(name));
        } else if name.starts_with(PREFIX) && name != FILE {
            own.push((name, text));
        }
    }
    // Whoever sets one of these means this relay.
    for (name, text) in own {
        let setting = name[PREFIX.len()..].to_ascii_lowercase();
        let (section, key) = setting
            .split_once("__")
            .ok_or_else(|| ConfigError::Unknown(name.clone()))?;
        set(&mut settings, section, key, |default| read(text, default))?;
        note(section, key, Origin::Environment(name));
    }
    Ok((settings, origins))
}

fn set(
    settings: &mut Table,
    section: &str,
    key: &str,
    value: impl FnOnce(&Value) -> Value,
) -> Result<(), ConfigError> {
    let known = settings.get_mut(section).and_then(|section| section.get_mut(key));
    let Some(known) = known else {
        return Err(ConfigError::Unknown(format!("{section}.{key}")));
    };
    *known = value(known);
    Ok(())
}

/// The text of an environment variable as the type that the default has; what cannot be read stays text, and its type
/// is complained of with the rest.
fn read(text: String, default: &Value) -> Value {
    match default {
        Value::String(_) => Value::String(text),
        _ => format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or(Value::String(text)),
    }
}
