//! compose.yml cannot be run by every test machine; that it and the configuration agree is checked everywhere.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use runtime::config::Config;
use serde::Deserialize;
use serde_norway::Value;

#[derive(Deserialize)]
struct Compose {
    services: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(default)]
    environment: BTreeMap<String, String>,
    image: Option<String>,
    command: Option<Value>,
    healthcheck: Option<Value>,
    #[serde(default)]
    ports: Vec<String>,
    container_name: Option<String>,
}

fn compose() -> Compose {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../compose.yml")).unwrap();
    let mut value: Value = serde_norway::from_str(&text).unwrap();
    value.apply_merge().unwrap();
    serde_norway::from_value(value).unwrap()
}

/// `${NAME:-default}` as compose fills it in when nothing is set.
fn filled_in(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, after) = after.split_once('}').unwrap();
        let (_, default) = variable.split_once(":-").expect("every variable has a default");
        out.push_str(before);
        out.push_str(default);
        rest = after;
    }
    out + rest
}

#[test]
fn every_variable_is_one_that_the_configuration_knows() {
    for (name, service) in compose()
        .services
        .into_iter()
        .filter(|(name, _)| !["postgres", "redis"].contains(&name.as_str()))
    {
        assert!(service.environment.contains_key("REDIS_URL"), "{name}");
        let environment = service
            .environment
            .into_iter()
            .map(|(key, value)| (key, filled_in(&value)));
        let config =
            Config::from_sources(None, environment).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(config.redis.url.expose(), "redis://redis:6379", "{name}");
        assert_eq!(
            config.postgres.url.expose(),
            "postgres://switchyard:switchyard@postgres:5432/switchyard",
            "{name}"
        );
    }
}

/// The ports of this machine in `[address:]here:there`.
fn ports_here(port: &str) -> Vec<u16> {
    let here = port.rsplit(':').nth(1).unwrap();
    let (first, last) = here.split_once('-').unwrap_or((here, here));
    // None named: some free one.
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => (first..=last).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn no_image_runs_as_root() {
    let dockerfile =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Dockerfile")).unwrap();
    let (_, base) = dockerfile.split_once(" AS base\n").unwrap();
    let (base, targets) = base.split_once("\nFROM ").unwrap();
    assert!(base.contains("\nUSER switchyard"));
    for line in targets.lines().filter(|line| line.starts_with("FROM ")) {
        assert!(line.starts_with("FROM base AS "), "{line}");
    }
    assert!(!targets.contains("\nUSER"), "the base's user stays");
}

#[test]
fn services_can_be_scaled_and_are_watched() {
    let services = compose().services;
    for name in ["postgres", "redis", "relay-ws", "worker", "admin"] {
        assert!(services[name].healthcheck.is_some(), "{name} has a health check");
        assert!(
            services[name].container_name.is_none(),
            "{name} may have siblings"
        );
    }
    assert!(
        services["relay-ws"].ports.iter().all(|port| port.contains('-')),
        "a range of ports"
    );
    assert!(services["worker"].ports.is_empty());
    let mut taken = BTreeSet::new();
    for port in services.values().flat_map(|service| &service.ports) {
        assert!(
            ports_here(port).into_iter().all(|number| taken.insert(number)),
            "{port} is taken"
        );
    }
    assert_eq!(services["postgres"].image.as_deref(), Some("postgres:16"));
    assert_eq!(services["redis"].image.as_deref(), Some("redis:7"));
    let redis = filled_in(services["redis"].command.as_ref().unwrap().as_str().unwrap());
    assert!(
        redis.contains("--appendonly yes") && redis.contains("noeviction"),
        "{redis}"
    );
}
