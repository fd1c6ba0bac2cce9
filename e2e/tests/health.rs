//! What watches the processes: whether they live, whether they can work, and their metrics.

use testkit::{HttpAnswer, Stack, request};

async fn get(address: &str, path: &str) -> HttpAnswer {
    request(address, "GET", path, &[], "").await
}

#[tokio::test]
async fn every_process_tells_of_its_health_on_an_address_of_its_own() {
    let stack = Stack::builder().admin().start().await;
    let public = [stack.address().to_owned(), stack.admin_address().to_owned()];
    let processes = stack.relays.iter().chain(&stack.workers).chain(&stack.admin);
    for process in processes {
        for path in ["/health/live", "/health/ready", "/metrics"] {
            assert_eq!(get(&process.health, path).await.status, 200, "{path}");
        }
        assert!(!public.contains(&process.health));
    }
    for address in public {
        assert_ne!(
            get(&address, "/metrics").await.status,
            200,
            "metrics are not for the public"
        );
    }
}

#[tokio::test]
async fn a_process_without_postgres_lives_and_is_not_ready() {
    let stack = Stack::builder().admin().start().await;
    stack.database.shut().await;
    for process in stack.workers.iter().chain(&stack.admin) {
        assert_eq!(get(&process.health, "/health/live").await.status, 200);
        let ready = get(&process.health, "/health/ready").await;
        assert_eq!(ready.status, 503);
        assert!(!ready.body.contains("postgres://"), "no secrets: {}", ready.body);
    }
    assert_eq!(get(&stack.relays[0].health, "/health/ready").await.status, 200);
    stack.database.open().await;
}
