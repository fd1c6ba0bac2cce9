//! What docs/metrics.md and docs/grafana.json name is what the processes export, nothing more and nothing less.

use std::{collections::BTreeSet, time::Duration};

use testkit::{Process, Stack};

const DOCS: &str = include_str!("../../docs/metrics.md");
const DASHBOARD: &str = include_str!("../../docs/grafana.json");

/// The metrics that a process exports.
async fn exported(process: &Process) -> BTreeSet<String> {
    let metrics = process.metrics().await;
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect()
}

/// The metrics that the table has for a kind of process.
fn documented(kind: &str) -> BTreeSet<String> {
    let rows = DOCS.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.trim_end_matches('`');
        (cells.next()? == kind && cells.count() == 3).then(|| name.to_owned())
    });
    rows.collect()
}

/// The metrics in the queries of the dashboard, without the endings that Prometheus knows histograms by.
fn on_the_dashboard() -> BTreeSet<String> {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut names = BTreeSet::new();
    for target in targets {
        let expression = target["expr"].as_str().unwrap();
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let families = ["relay_", "worker_", "queue_", "jobs_", "postgres_", "redis_"];
        let metrics = words.filter(|word| families.iter().any(|family| word.starts_with(family)));
        names.extend(metrics.map(|name| name.trim_end_matches("_bucket").to_owned()));
        assert!(!names.is_empty(), "{expression}");
    }
    names
}

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_one_is_there() {
    let stack = Stack::builder().admin().start().await;
    let mut all = BTreeSet::new();
    let processes = [
        ("relay-ws", &stack.relays[0]),
        ("worker", &stack.workers[0]),
        ("admin", stack.admin.as_ref().unwrap()),
    ];
    for (kind, process) in processes {
        let documented = documented(kind);
        assert!(documented.len() > 3, "{kind}: {documented:?}");
        // Some are there when they have been measured first, within seconds.
        let complete = async {
            while !documented.is_subset(&exported(process).await) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let complete = tokio::time::timeout(Duration::from_secs(20), complete).await;
        let exported = exported(process).await;
        assert!(
            complete.is_ok(),
            "{kind} does not export {:?}",
            &documented - &exported
        );
        let missing = &exported - &documented;
        assert!(
            missing.is_empty(),
            "not in docs/metrics.md, of {kind}: {missing:?}"
        );
        all.extend(exported);
    }
    let unknown = &on_the_dashboard() - &all;
    assert!(
        unknown.is_empty(),
        "on the dashboard and nowhere else: {unknown:?}"
    );
}
