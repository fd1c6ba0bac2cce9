//! The events: the latest, the found, and one.

use axum::http::StatusCode;
use serde_json::json;
use testkit::{Keys, event, note};

use crate::fixture::{Admin, content};

const SCRIPT: &str = "<script>alert('event')</script>";

#[tokio::test]
async fn the_latest_come_with_the_names_of_their_authors() {
    let admin = Admin::start().await;
    let profile = event(0)
        .content(&json!({"name": "<script>alert('name')</script>"}).to_string())
        .verified();
    let note = note(SCRIPT).at(1_700_000_000).verified();
    admin.save(&[&profile, &note]).await;
    admin.latest.add(vec![note.json().to_owned()]).await.unwrap();
    let page = admin.page("/events").await;
    insta::assert_snapshot!(content(&page));
    assert!(!page.contains("<script>alert"), "{page}");
}

#[tokio::test]
async fn an_event_is_found_by_all_that_points_to_it() {
    let admin = Admin::start().await;
    let article = event(30_023).tag(["d", "ipsum"]).content("Lorem").verified();
    admin.save(&[&article]).await;
    let (id, author) = (article.id(), article.event().pubkey);
    let one = format!("/events/{id}");
    assert_eq!(
        admin
            .get(&format!("/events?q={}", id.nevent(author, article.event().kind)))
            .await
            .location,
        one
    );
    assert_eq!(
        admin.get(&format!("/events?q={id}")).await.location,
        one,
        "a hex id"
    );
    let naddr = article.event().address().unwrap().naddr().unwrap();
    for query in [
        author.npub(),
        author.to_string(),
        naddr,
        "%7B%22kinds%22%3A%5B30023%5D%7D".to_owned(),
    ] {
        assert!(
            admin.page(&format!("/events?q={query}")).await.contains(&one),
            "{query}"
        );
    }
    let wrong = admin.get("/events?q=%7B%22kinds%22").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("This is not a filter") && wrong.body.contains("{&#34;kinds&#34;"));
}

#[tokio::test]
async fn long_results_have_pages() {
    let admin = Admin::start().await;
    let notes: Vec<_> = (0..60)
        .map(|n| note(&format!("number {n}.")).at(1000 + n).verified())
        .collect();
    admin.save(&notes.iter().collect::<Vec<_>>()).await;
    let filter = "%7B%22kinds%22%3A%5B1%5D%7D";
    let first = admin.page(&format!("/events?q={filter}")).await;
    assert!(first.contains("number 59.") && !first.contains("number 9."));
    assert!(first.contains("until=1010"), "{first}");
    let second = admin.page(&format!("/events?q={filter}&until=1010")).await;
    assert!(second.contains("number 0.") && !second.contains("Older"));
}

#[tokio::test]
async fn one_event_is_shown_with_what_hangs_on_it() {
    let admin = Admin::start().await;
    let article = event(30_023)
        .tag(["d", "x"])
        .tag(["t", SCRIPT])
        .content(SCRIPT)
        .at(1_700_000_000)
        .verified();
    let id = article.id().to_string();
    let address = format!("30023:{}:x", Keys::of("alice").pubkey());
    let reply = note("a reply")
        .by("bob")
        .tag(["e", &id])
        .at(1_700_000_001)
        .verified();
    let mention = note("a mention")
        .by("carol")
        .tag(["a", &address])
        .at(1_700_000_002)
        .verified();
    let foreign = event(5)
        .by("mallory")
        .tag(["e", &id])
        .content("hide it")
        .at(1_700_000_003)
        .verified();
    admin.save(&[&article, &reply, &mention, &foreign]).await;
    let page = admin.page(&format!("/events/{id}")).await;
    insta::assert_snapshot!(content(&page));
    assert!(!page.contains("<script>alert"));
    for text in ["a reply", "a mention", "hide it", "Asked to be deleted"] {
        assert!(page.contains(text), "{text}");
    }
}

#[tokio::test]
async fn what_is_gone_is_said_to_be_gone() {
    let admin = Admin::start().await;
    let note = note("regretted").at(1000).verified();
    let deletion = event(5).tag(["e", &note.id().to_string()]).at(1001).verified();
    admin.save(&[&note, &deletion]).await;
    let gone = admin.get(&format!("/events/{}", note.id())).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(
        gone.body.contains(&format!("/events/{}", deletion.id())),
        "{}",
        gone.body
    );
    let unknown = admin.get(&format!("/events/{}", "0".repeat(64))).await;
    assert!(unknown.body.contains("No event of this id is here"));
    assert_eq!(admin.get("/events/nonsense").await.status, StatusCode::NOT_FOUND);
}
