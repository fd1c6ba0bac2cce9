//! The operator's pages beside a relay that works: what they show is what happens.

use std::time::Duration;

use fred::{
    interfaces::{ClientLike, StreamsInterface},
    prelude::{Builder, Config},
};
use serde_json::{Value, json};
use testkit::{Stack, event, note, redis_url};

use crate::http::{Stream, get, get_with, post};

/// Somebody who has signed in.
struct Operator {
    address: String,
    cookie: String,
}

impl Operator {
    /// The first one, by the link in the log.
    async fn first(stack: &Stack) -> Self {
        let admin = stack.admin.as_ref().unwrap();
        let token = eventually("a set-up link", async || {
            let log = admin.log();
            let (_, after) = log.split_once("/set-up?token=")?;
            let token = after.get(..64)?;
            Some(token.to_owned())
        })
        .await;
        let address = stack.admin_address().to_owned();
        let page = get(&address, &format!("/set-up?token={token}")).await;
        let csrf = csrf(&page.body);
        let password = "password=correct+horse+battery&again=correct+horse+battery";
        let form = format!("csrf={csrf}&token={token}&name=olga&{password}");
        let answer = post(&address, "/set-up", &page.cookies.join("; "), &form).await;
        let session = answer
            .cookies
            .iter()
            .find(|cookie| cookie.starts_with("switchyard_session="));
        let cookie = session.unwrap_or_else(|| panic!("{answer:?}")).clone();
        Self { address, cookie }
    }

    async fn page(&self, path: &str) -> String {
        let answer = get_with(&self.address, path, &self.cookie).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    async fn live(&self, path: &str) -> Stream {
        Stream::open(&self.address, path, &self.cookie).await
    }

    async fn post(&self, path: &str, fields: &str) {
        let csrf = csrf(&self.page("/account").await);
        let answer = post(
            &self.address,
            path,
            &self.cookie,
            &format!("csrf={csrf}&{fields}"),
        )
        .await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
    }
}

fn csrf(page: &str) -> String {
    let (_, after) = page
        .split_once(r#"name="csrf" value=""#)
        .unwrap_or_else(|| panic!("{page}"));
    after.split('"').next().unwrap().to_owned()
}

async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(30), looking).await;
    found.unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// The figure beside a chart.
fn figure(page: &str, title: &str) -> Option<String> {
    let (_, after) = page.rsplit_once(&format!("<h2>{title}</h2>"))?;
    let (_, after) = after.split_once("<b>")?;
    Some(after.split_once("</b>")?.0.to_owned())
}

#[tokio::test]
async fn live_figures_move() {
    let stack = Stack::builder().relays(2).workers(2).admin().start().await;
    let operator = Operator::first(&stack).await;
    let (mut one, mut other) = (stack.client_of(0).await, stack.client_of(1).await);
    other.req("all", &[json!({})]).await;
    let mut live = operator.live("/overview/live").await;
    let events: Vec<Value> = (0..50).map(|n| note(&n.to_string()).sign()).collect();
    for event in &events {
        one.accepted(event).await;
    }
    let is_counted = |heard: &str| {
        let stored = figure(heard, "Events stored").is_some_and(|figure| figure != "0");
        let delivered = figure(heard, "Live deliveries").is_some_and(|figure| figure != "0");
        stored && delivered && figure(heard, "Connections").as_deref() == Some("2")
    };
    live.until(is_counted).await;
    let page = operator.page("/overview").await;
    let processes = page.matches("<b>relay-ws</b>").count() + page.matches("<b>worker</b>").count();
    assert_eq!(processes, 4, "each process tells of itself");
}

#[tokio::test]
async fn the_hour_outlives_admin() {
    let mut stack = Stack::builder().admin().start().await;
    let operator = Operator::first(&stack).await;
    let mut client = stack.client().await;
    for n in 0..20 {
        client.accepted(&note(&n.to_string()).sign()).await;
    }
    let is_counted = async |operator: &Operator| {
        let page = operator.page("/overview").await;
        // The line of ingest latencies is drawn where events were stored.
        let (_, ingest) = page.split_once("<h2>Ingest</h2>")?;
        ingest
            .split("</section>")
            .next()?
            .contains(r#"one" d="M"#)
            .then_some(())
    };
    eventually("the events are counted", async || is_counted(&operator).await).await;
    let admin = stack.admin.as_mut().unwrap();
    admin.kill();
    admin.restart().await;
    eventually("they are counted still", async || is_counted(&operator).await).await;
}

#[tokio::test]
async fn new_events_come_live_and_scripts_in_them_are_text() {
    let stack = Stack::builder().admin().start().await;
    let operator = Operator::first(&stack).await;
    let mut client = stack.client().await;
    let name = json!({"name": "<script>alert('name')</script>"}).to_string();
    client.accepted(&event(0).content(&name).sign()).await;
    let mut live = operator.live("/events/live").await;
    let script = note("<script>alert('content')</script>").sign();
    client.accepted(&script).await;
    let id = script["id"].as_str().unwrap().to_owned();
    let heard = live.until(|heard| heard.contains(&id)).await;
    assert!(
        heard.contains("alert(&#39;content&#39;)") && heard.contains("alert(&#39;name&#39;)"),
        "{heard}"
    );
    assert!(!heard.contains("<script>"), "{heard}");
    for path in ["/events", &format!("/events/{id}")] {
        let page = operator.page(path).await;
        assert!(
            page.contains("alert(&#39;content&#39;)") && !page.contains("<script>alert"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_dead_job_is_retried() {
    let stack = Stack::builder().admin().start().await;
    let operator = Operator::first(&stack).await;
    let redis = Builder::from_config(Config::from_url(&redis_url()).unwrap())
        .build()
        .unwrap();
    redis.init().await.unwrap();
    let (queue, job) = (stack.key("queue:nostr:import"), r#"{"v":99,"events":[]}"#);
    let _: String = redis.xadd(queue, false, None, "*", ("job", job)).await.unwrap();
    let path = "/queues/nostr:import";
    let dead = async || {
        let page = operator.page(&format!("{path}?show=dead")).await;
        let (_, after) = page.split_once(&format!("{path}/dead/"))?;
        let (_, after) = page
            .split_once(r#"name="id" value=""#)
            .filter(|_| !after.is_empty())?;
        Some(after.split('"').next()?.to_owned())
    };
    let id = eventually("it is dead", dead).await;
    assert!(
        operator
            .page(&format!("{path}/dead/{id}"))
            .await
            .contains("job version 99")
    );
    operator
        .post(&format!("{path}/dead/retry"), &format!("id={id}"))
        .await;
    let again = eventually("it has died again", async || {
        dead().await.filter(|again| *again != id)
    })
    .await;
    operator
        .post(&format!("{path}/dead/drop"), &format!("id={again}"))
        .await;
    assert!(
        operator
            .page(&format!("{path}?show=dead"))
            .await
            .contains("Nothing was given up.")
    );
}

#[tokio::test]
async fn workers_are_shown_with_their_heartbeat() {
    let mut stack = Stack::builder().workers(2).admin().start().await;
    let operator = Operator::first(&stack).await;
    let beating = async || operator.page("/queues").await.matches(r#"badge good">"#).count();
    eventually("both live", async || (beating().await == 2).then_some(())).await;
    stack.workers[0].freeze();
    eventually("one is silent", async || (beating().await == 1).then_some(())).await;
    stack.workers[0].kill();
}
