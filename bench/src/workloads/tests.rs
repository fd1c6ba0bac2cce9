//! Does the generator count right? Against a relay whose faults are known.

use std::time::Duration;

use super::{
    Shape,
    dummy::{Faults, bench},
    *,
};

#[tokio::test]
async fn every_event_is_sent_once_and_every_ok_is_counted() {
    let bench = bench(Faults::default(), 300).await;
    let row = ingest(&bench, 0..300, 4, 16).await.unwrap();
    assert_eq!((row.accepted, row.refused), (300, 0));
    assert!(row.faults.is_empty(), "{:?}", row.faults);
    assert!(row.usage.servers["dummy"].memory_after > 0);
}

#[tokio::test]
async fn refusals_are_not_counted_as_success() {
    let faults = Faults {
        refuse_each: Some(10),
        ..Faults::default()
    };
    let row = ingest(&bench(faults, 100).await, 0..100, 1, 1).await.unwrap();
    assert_eq!((row.accepted, row.refused), (90, 10));
    assert_eq!(row.faults["refused: blocked: as told"], 10);
}

#[tokio::test]
async fn duplicates_repeat_few_events() {
    let bench = bench(Faults::default(), 50).await;
    let row = duplicates(&bench, 0..50, 400, 2, 10).await.unwrap();
    assert_eq!(row.accepted, 400);
    assert!(row.faults.is_empty(), "{:?}", row.faults);
    assert!(
        duplicates(&bench, 0..50, 400, 8, 10).await.is_err(),
        "too few for so many in flight"
    );
}

#[tokio::test]
async fn requests_are_asked_and_closed() {
    let bench = bench(Faults::default(), 500).await;
    for shape in Shape::ALL {
        let row = requests(&bench, shape, 500, 2, Duration::from_millis(50))
            .await
            .unwrap();
        assert!(
            row.accepted > 10 && row.faults.is_empty(),
            "{shape}: {:?}",
            row.faults
        );
    }
}

#[tokio::test]
async fn events_are_answered_beside_many_subscriptions() {
    let bench = bench(Faults::default(), 60).await;
    let row = bystanders(&bench, 0..60, 250, 1_000.0).await.unwrap();
    assert_eq!(row.accepted, 60);
    assert!(row.faults.is_empty(), "{:?}", row.faults);
}

#[tokio::test]
async fn a_lost_and_a_doubled_delivery_are_noticed() {
    let faults = Faults {
        lose: Some(7),
        double: Some(11),
        ..Faults::default()
    };
    let row = live(&bench(faults, 0).await, 5, 100.0, Duration::from_millis(100))
        .await
        .unwrap();
    assert_eq!(row.accepted, 49);
    assert_eq!(row.faults["deliveries lost"], 1);
    assert_eq!(row.faults["deliveries twice"], 1);
}

#[tokio::test]
async fn a_fan_out_without_fault_has_none() {
    let row = fanout(&bench(Faults::default(), 0).await, 40, 20).await.unwrap();
    assert_eq!(row.accepted, 40 * 20);
    assert!(row.faults.is_empty(), "{:?}", row.faults);
}

#[tokio::test]
async fn idle_connections_are_held() {
    let [open, held] = idle(
        &bench(Faults::default(), 0).await,
        100,
        Duration::from_millis(100),
    )
    .await
    .unwrap();
    assert_eq!((open.accepted, held.accepted), (100, 100));
    assert!(held.faults.is_empty(), "{:?}", held.faults);
}

#[tokio::test]
async fn others_are_measured_alone_and_beside_a_flood() {
    let bench = bench(Faults::default(), 500).await;
    let mut rows = Vec::new();
    let mut tell = |row| {
        rows.push(row);
        Ok(())
    };
    let second = Duration::from_secs(1);
    floods(
        &bench,
        &[Flood::OpensAndCloses, Flood::BadSignatures],
        500,
        second,
        &mut tell,
    )
    .await
    .unwrap();
    assert_eq!(rows.len(), 3);
    // A second of EVENTs, REQs and deliveries, and newcomers.
    for row in &rows[1..] {
        assert_eq!(row.accepted, 3 * 100 + 10, "{}: {:?}", row.workload, row.faults);
        assert!(row.faults.is_empty(), "{}: {:?}", row.workload, row.faults);
        assert!(
            row.facts["attack: did"] > 100.0,
            "{}: {:?}",
            row.workload,
            row.facts
        );
        assert!(row.facts["EVENT p99 × normal"] > 0.0);
        assert!(row.facts["dummy MB peak"] >= row.facts["dummy MB before"]);
    }
}

/// A stall of 300 ms at 200 events a second delays 60 events. The closed loop of one client sees one slow answer; the open
/// loop must see them all.
#[tokio::test]
async fn a_stall_cannot_hide_in_the_open_loop() {
    let faults = Faults {
        stall: Some((50, Duration::from_millis(300))),
        ..Faults::default()
    };
    let closed = ingest(&bench(faults, 100).await, 0..100, 1, 1).await.unwrap();
    assert!(closed.latency.p90 < 100.0, "{:?}", closed.latency);

    let open = ingest_at_rate(&bench(faults, 200).await, 0..200, 1, 200.0)
        .await
        .unwrap();
    assert_eq!(open.accepted, 200);
    assert!(open.latency.p90 > 100.0, "{:?}", open.latency);
    assert!(open.latency.p50 < 100.0, "{:?}", open.latency);
}
