//! Every setting as it is in force, for people: its value, where it comes from, and what it means. Secrets stay hidden by
//! their type.

use std::collections::BTreeMap;

use toml::Value;

use super::{Config, ConfigError, sources::DEFAULTS};

/// Where a setting comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// `config.default.toml`.
    #[default]
    Default,
    /// The operator's file.
    File,
    /// This environment variable.
    Environment(String),
}

/// Where each setting that is not the default comes from, by section and key.
pub type Origins = BTreeMap<(String, String), Origin>;

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `limits`
    pub section: String,
    /// `max_limit`
    pub key: String,
    /// As TOML; `"***"` for a secret that is set.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What `config.default.toml` says of it; may be empty.
    pub about: String,
}

impl Config {
    /// All settings, in the order of `config.default.toml`.
    pub fn listing(&self) -> Result<Vec<Setting>, ConfigError> {
        let values = toml::Table::try_from(self).map_err(ConfigError::Write)?;
        let settings = documented().into_iter().filter_map(|(section, key, about)| {
            let value = values.get(&section)?.get(&key)?;
            Some(Setting {
                value: as_toml(value),
                origin: self
                    .origins
                    .get(&(section.clone(), key.clone()))
                    .cloned()
                    .unwrap_or_default(),
                section,
                key,
                about,
            })
        });
        Ok(settings.collect())
    }
}

fn as_toml(value: &Value) -> String {
    value.to_string()
}

/// Section, key, and the comment above it.
fn documented() -> Vec<(String, String, String)> {
    let (mut settings, mut section, mut about) = (Vec::new(), String::new(), Vec::new());
    for line in DEFAULTS.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            about.push(comment.trim());
        } else if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
            about.clear();
        } else if let Some((key, _)) = line.split_once(" = ") {
            settings.push((section.clone(), key.to_owned(), about.join(" ")));
            about.clear();
        } else {
            about.clear();
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_listed_with_its_origin() {
        let file = "[limits]\nmax_limit = 7\n";
        let environment = [
            ("DATABASE_URL".to_owned(), "postgres://u:hunter2@h/d".to_owned()),
            ("SWITCHYARD_LIMITS__MAX_FILTERS".to_owned(), "3".to_owned()),
        ];
        let config = Config::from_sources(Some(file), environment).unwrap();
        let listing = config.listing().unwrap();
        let of = |section: &str, key: &str| {
            let setting = listing
                .iter()
                .find(|setting| setting.section == section && setting.key == key)
                .unwrap();
            (setting.value.as_str(), setting.origin.clone())
        };
        assert_eq!(of("limits", "max_limit"), ("7", Origin::File));
        let variable = Origin::Environment("SWITCHYARD_LIMITS__MAX_FILTERS".to_owned());
        assert_eq!(of("limits", "max_filters"), ("3", variable));
        assert_eq!(of("limits", "default_limit"), ("500", Origin::Default));
        let variable = Origin::Environment("DATABASE_URL".to_owned());
        assert_eq!(of("postgres", "url"), ("\"***\"", variable));
        assert_eq!(of("telemetry", "sentry_dsn").0, "\"\"");
        assert!(!format!("{listing:?}").contains("hunter2"));
        let keys = DEFAULTS.parse::<toml::Table>().unwrap();
        let keys: usize = keys
            .values()
            .map(|section| section.as_table().unwrap().len())
            .sum();
        assert_eq!(listing.len(), keys, "each once");
    }
}
