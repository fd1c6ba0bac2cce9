//! The queues and their jobs.

use axum::http::StatusCode;
use queue::Queue;

use crate::fixture::Admin;

impl Admin {
    /// As a worker would have given it up.
    async fn bury(&self, error: &str, job: &str) {
        let dead = self.redis.key("queue:nostr:import:dead");
        let fields = [
            &dead,
            "*",
            "job",
            job,
            "error",
            error,
            "attempts",
            "5",
            "id",
            "1700000000000-0",
        ];
        self.redis.order("XADD", &fields).await;
    }
}

#[tokio::test]
async fn every_queue_is_listed_and_has_a_page() {
    let admin = Admin::start().await;
    let page = admin.page("/queues").await;
    for queue in Queue::ALL {
        assert!(page.contains(&format!(r#"href="/queues/{queue}""#)), "{queue}");
        assert!(
            admin
                .page(&format!("/queues/{queue}"))
                .await
                .contains("Nothing waits")
        );
    }
    assert!(page.contains("No worker is there"));
    assert_eq!(
        admin.get("/queues/nostr:nothing").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_job_is_shown_with_its_payload() {
    let admin = Admin::start().await;
    let json = r#"{"v":1,"events":[{"content":"<script>alert(1)</script>"}]}"#;
    let id = admin
        .producer
        .push_json(Queue::Import, json.to_owned())
        .await
        .unwrap();
    let list = admin.page("/queues/nostr:import").await;
    assert!(list.contains(&format!("/queues/nostr:import/jobs/{id}")) && list.contains("waiting"));
    let page = admin.page(&format!("/queues/nostr:import/jobs/{id}")).await;
    assert!(page.contains("&#34;v&#34;: 1"), "pretty: {page}");
    assert!(!list.contains("<script>alert") && !page.contains("<script>alert"));
    assert_eq!(
        admin.get("/queues/nostr:import/jobs/1-0").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        admin.get("/queues/nostr:import/jobs/%24").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn long_queues_have_pages() {
    let admin = Admin::start().await;
    for n in 0..30 {
        admin
            .producer
            .push_json(Queue::Import, format!(r#"{{"n":{n}}}"#))
            .await
            .unwrap();
    }
    let first = admin.page("/queues/nostr:import").await;
    assert!(first.contains("{&#34;n&#34;:24}") && !first.contains("{&#34;n&#34;:25}"));
    let (_, next) = first.split_once("/queues/nostr:import?from=").unwrap();
    let next = next.split('"').next().unwrap();
    let second = admin.page(&format!("/queues/nostr:import?from={next}")).await;
    assert!(second.contains("{&#34;n&#34;:25}") && !second.contains("Next page"));
}

#[tokio::test]
async fn a_dead_job_is_retried_or_dropped_and_it_is_noted() {
    let admin = Admin::start().await;
    admin
        .bury("cannot succeed: <b>no</b>", r#"{"v":1,"events":[]}"#)
        .await;
    admin.bury("other", r#"{"v":2}"#).await;
    let page = admin.page("/queues/nostr:import?show=dead").await;
    assert!(page.contains("cannot succeed: &#60;b&#62;no"), "{page}");
    let letters = admin.producer.dead_letters(Queue::Import, 10).await.unwrap();
    let path = "/queues/nostr:import/dead";
    assert!(
        admin
            .page(&format!("{path}/{}", letters[0].id))
            .await
            .contains("given up")
    );

    let answer = admin
        .post(&format!("{path}/retry"), &format!("id={}", letters[1].id))
        .await;
    assert_eq!(answer.location, "/queues/nostr:import?show=dead");
    let jobs = admin.producer.jobs(Queue::Import, None, 10).await.unwrap();
    assert_eq!(jobs[0].job, r#"{"v":1,"events":[]}"#);
    admin
        .post(&format!("{path}/drop"), &format!("up_to={}", letters[0].id))
        .await;
    assert!(
        admin
            .producer
            .dead_letters(Queue::Import, 10)
            .await
            .unwrap()
            .is_empty()
    );

    let log = admin.store.audit_log("queues", None, 10).await.unwrap();
    let noted: Vec<_> = log
        .iter()
        .map(|entry| (entry.operator.as_str(), entry.act.as_str()))
        .collect();
    assert_eq!(noted, [("olga", "queues.drop"), ("olga", "queues.retry")]);
}

#[tokio::test]
async fn a_form_from_elsewhere_changes_nothing() {
    let admin = Admin::start().await;
    admin.bury("why", "{}").await;
    let id = admin
        .producer
        .dead_letters(Queue::Import, 1)
        .await
        .unwrap()
        .remove(0)
        .id;
    let form = format!("csrf=0000&id={id}");
    let answer = admin.post_with("/queues/nostr:import/dead/drop", &form).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(
        admin.producer.dead_letters(Queue::Import, 1).await.unwrap().len(),
        1
    );
}
