//! The Overview page: figures of all processes.

use serde_json::json;
use testkit::{Stack, note};

use crate::operator::{Operator, signed_in, with_operator};

/// The figure beside a chart.
fn figure<'p>(page: &'p str, title: &str) -> Option<&'p str> {
    let (_, after) = page.rsplit_once(&format!("<h2>{title}</h2>"))?;
    let (_, after) = after.split_once("<b>")?;
    Some(after.split_once("</b>")?.0)
}

#[tokio::test]
async fn live_figures_move() {
    let stack = Stack::builder().relays(2).workers(2).admin().start().await;
    let operator = Operator::of(&stack).await;
    let (mut one, mut other) = (stack.client_of(0).await, stack.client_of(1).await);
    other.req("all", &[json!({})]).await;
    let is_counted = |heard: &str| {
        let counts = |title| figure(heard, title).is_some_and(|figure| figure != "0");
        counts("Events stored") && counts("Live deliveries") && figure(heard, "Connections") == Some("2")
    };
    let publishing = async {
        for n in 0..50 {
            one.accepted(&note(&n.to_string()).sign()).await;
        }
    };
    tokio::join!(operator.hears("/overview/live", is_counted), publishing);
    let page = operator.page("/overview").await;
    let processes = page.matches("<b>relay-ws</b>").count() + page.matches("<b>worker</b>").count();
    assert_eq!(processes, 4, "each process tells of itself");
}

#[tokio::test]
async fn the_hour_outlives_admin() {
    let mut stack = Stack::builder().admin().start().await;
    let operator = Operator::of(&stack).await;
    let mut client = stack.client().await;
    for n in 0..20 {
        client.accepted(&note(&n.to_string()).sign()).await;
    }
    let is_counted = |page: &str| {
        // The line of ingest latencies is drawn where events were stored.
        let ingest = page
            .split_once("<h2>Ingest</h2>")
            .and_then(|(_, after)| after.split("</section>").next());
        ingest.is_some_and(|ingest| ingest.contains(r#"one" d="M"#))
    };
    operator.until("/overview", is_counted).await;
    let admin = stack.admin.as_mut().unwrap();
    admin.kill();
    admin.restart().await;
    operator.until("/overview", is_counted).await;
}

#[tokio::test]
async fn the_overview_moves_by_itself() {
    let stack = with_operator().await;
    let browser = signed_in(&stack).await;
    browser.go("/overview").await;
    let _clients = [stack.client().await, stack.client().await, stack.client().await];
    browser.until_text("#charts", "Connections\n3").await;
    browser.close().await;
}
