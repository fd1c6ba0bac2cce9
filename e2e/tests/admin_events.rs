//! The Events page: the latest, the found, and what an operator removes.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, EventBuilder, event, note};

use crate::operator::{signed_in, with_operator};

/// Until the relay hears of a ban, a second at most, what it forbids may be accepted.
async fn refused(client: &mut Client, event: impl Fn(u32) -> EventBuilder) {
    for number in 0..200 {
        let ok = client.publish(&event(number).sign()).await;
        if ok.message.starts_with("blocked: ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it is never refused");
}

fn page_of(event: &Value) -> String {
    format!("/events/{}", event["id"].as_str().unwrap())
}

#[tokio::test]
async fn scripts_of_strangers_are_text() {
    let stack = with_operator().await;
    let mut client = stack.client().await;
    let script = "<script>document.title = 'mine'</script><img src=x onerror=\"document.title = 'mine'\">";
    let profile = json!({ "name": script }).to_string();
    client.accepted(&event(0).content(&profile).sign()).await;
    let bad = event(1).content(script).tag(["t", script]).sign();
    client.accepted(&bad).await;
    let browser = signed_in(&stack).await;
    for path in ["/events".to_owned(), page_of(&bad)] {
        browser.until(&path, script).await;
        assert!(browser.text(".person b").await.starts_with("<script>"), "{path}");
        assert!(!browser.page.title().await.unwrap().contains("mine"), "{path}");
    }
    // What comes live is put into the page by a script.
    browser.go("/events").await;
    browser.find(".on").await;
    client.accepted(&note(&format!("later {script}")).sign()).await;
    browser.until_text("#latest", "later <script>").await;
    assert!(browser.text("#latest .person b").await.starts_with("<script>"));
    assert!(!browser.page.title().await.unwrap().contains("mine"));
    browser.close().await;
}

#[tokio::test]
async fn an_event_is_removed_with_a_reason() {
    let stack = with_operator().await;
    let mut client = stack.client().await;
    let bad = note("bad");
    client.accepted(&bad.sign()).await;
    let browser = signed_in(&stack).await;
    let path = page_of(&bad.sign());
    browser.go(&path).await;
    browser.agree_to_everything().await;
    browser.click("button[value=event]").await;
    assert!(browser.text("#p-reason").await.contains("Say why"));
    browser.type_into("[name=reason]", "not nice").await;
    browser.agree_to_everything().await;
    browser.click("button[value=event]").await;
    browser.until(&path, "No event of this id is here").await;
    refused(&mut client, |_| bad.clone()).await;
    browser.until("/access/history", "not nice").await;
    browser.close().await;
}

#[tokio::test]
async fn the_author_of_an_event_is_banned_and_what_they_wrote_stays_unless_the_box_is_ticked() {
    let stack = with_operator().await;
    let mut client = stack.client().await;
    let browser = signed_in(&stack).await;
    for (name, with_all) in [("mallory", false), ("trudy", true)] {
        let (bad, other) = (
            note("bad").by(name).sign(),
            note("other").by(name).in_seconds(-1).sign(),
        );
        client.accepted(&bad).await;
        client.accepted(&other).await;
        browser.go(&page_of(&bad)).await;
        browser.agree_to_everything().await;
        browser.click("button[value=author]").await;
        assert!(browser.text("#p-reason").await.contains("Say why"));
        let reason = format!("{name} is not nice");
        browser.type_into("[name=reason]", &reason).await;
        if with_all {
            browser.find("[name=without_events]").await.click().await.unwrap();
        }
        browser.agree_to_everything().await;
        browser.click("button[value=author]").await;
        assert!(browser.text(".flash.good").await.contains("The author is banned"));
        refused(&mut client, |n| note(&n.to_string()).by(name)).await;
        browser.until("/access/banned", &reason).await;
        browser.until("/access/history", &reason).await;
        if with_all {
            browser
                .until(&page_of(&other), "No event of this id is here")
                .await;
        } else {
            browser.until(&page_of(&other), "other").await;
        }
    }
    browser.close().await;
}

#[tokio::test]
async fn words_find_an_event_and_lead_to_it() {
    let stack = with_operator().await;
    let mut client = stack.client().await;
    let wanted = note("A purple elephant crosses the Rhône.").sign();
    client.accepted(&wanted).await;
    client.accepted(&note("A purple mouse stays.").sign()).await;
    let browser = signed_in(&stack).await;
    browser.go("/events").await;
    browser.type_into("[name=q]", "rhone elephant").await;
    browser.click("form[role=search] button").await;
    // An event becomes searchable after its OK: the search is asked again and again.
    let path = browser.path().await;
    browser.until(&path, "1 found").await;
    assert!(browser.text("article").await.contains("purple elephant"));
    browser.click("article a.when").await;
    assert_eq!(browser.path().await, page_of(&wanted));
    assert_eq!(
        browser.text(".said").await,
        "A purple elephant crosses the Rhône."
    );
    browser.go("/events?q=giraffe").await;
    assert!(browser.text("main").await.contains("Nothing like this is here."));
    browser.close().await;
}
