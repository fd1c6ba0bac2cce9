//! NIP-77: which events does one side have that the other lacks?

use std::collections::BTreeSet;

use negentropy::{Id, Negentropy, NegentropyStorageVector};
use serde_json::{Value, json};
use testkit::{Client, Stack, event, note};

pub type Ids = BTreeSet<String>;

fn id(event: &Value) -> String {
    event["id"].as_str().unwrap().to_owned()
}

pub fn ids(events: &[Value]) -> Ids {
    events.iter().map(id).collect()
}

pub fn notes(numbers: std::ops::Range<u64>) -> Vec<Value> {
    // Several of the same second.
    numbers
        .map(|n| note(&n.to_string()).at(1_700_000_000 + n / 3).sign())
        .collect()
}

pub async fn publish(client: &mut Client, events: &[Value]) {
    for event in events {
        client.send(json!(["EVENT", event])).await;
    }
    for event in events {
        assert!(client.ok_for(event).await.accepted);
    }
}

/// The client's side.
pub struct Side {
    negentropy: Negentropy<'static, NegentropyStorageVector>,
    have: Vec<Id>,
    need: Vec<Id>,
    rounds: usize,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

impl Side {
    pub fn with(events: &[Value]) -> Self {
        let mut storage = NegentropyStorageVector::new();
        for event in events {
            let id = Id::from_slice(&bytes(&id(event))).unwrap();
            storage.insert(event["created_at"].as_u64().unwrap(), id).unwrap();
        }
        storage.seal().unwrap();
        let negentropy = Negentropy::owned(storage, 4096).unwrap();
        Self {
            negentropy,
            have: Vec::new(),
            need: Vec::new(),
            rounds: 0,
        }
    }

    async fn open(&mut self, client: &mut Client, filter: &Value) {
        let first = hex(&self.negentropy.initiate().unwrap());
        client.send(json!(["NEG-OPEN", "sync", filter, first])).await;
    }

    /// Takes an answer; whether there is more to say.
    async fn go_on(&mut self, client: &mut Client) -> bool {
        let answer = client.expect("NEG-MSG").await;
        match self.hear(&answer) {
            Some(next) => {
                client.send(json!(["NEG-MSG", "sync", next])).await;
                true
            }
            None => false,
        }
    }

    /// What there is to say to an answer.
    fn hear(&mut self, answer: &Value) -> Option<String> {
        assert_eq!(answer[1], "sync");
        self.rounds += 1;
        let answer = bytes(answer[2].as_str().unwrap());
        let next = self
            .negentropy
            .reconcile_with_ids(&answer, &mut self.have, &mut self.need);
        next.unwrap().map(|next| hex(&next))
    }

    /// All of it: what only we have, and what only the relay has.
    pub async fn reconcile(mut self, client: &mut Client, filter: &Value) -> (Ids, Ids) {
        self.open(client, filter).await;
        while self.go_on(client).await {}
        client.send(json!(["NEG-CLOSE", "sync"])).await;
        self.result()
    }

    fn result(&self) -> (Ids, Ids) {
        let texts = |ids: &[Id]| ids.iter().map(|id| hex(id.as_bytes())).collect();
        (texts(&self.have), texts(&self.need))
    }
}

#[tokio::test]
async fn both_sides_learn_what_they_lack_whichever_worker_answers() {
    let stack = Stack::builder().workers(2).start().await;
    let mut client = stack.client().await;
    let all = notes(0..1500);
    publish(&mut client, &all[..1200]).await;
    publish(&mut client, &[event(7).sign()]).await;
    let mut side = Side::with(&all[300..]);
    side.open(&mut client, &json!({"kinds": [1]})).await;
    while side.go_on(&mut client).await {}
    assert!(side.rounds > 1, "it took more than one answer");
    let (have, need) = side.result();
    assert_eq!(have, ids(&all[1200..]));
    assert_eq!(need, ids(&all[..300]));
}

#[tokio::test]
async fn a_filter_bounds_what_is_compared() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let mut events = notes(0..90);
    events.push(event(7).at(1_700_000_000).tag(["t", "x"]).sign());
    events.push(
        note("tagged")
            .at(1_700_000_001)
            .tag(["t", "x"])
            .tag(["t", "y"])
            .sign(),
    );
    events.push(
        note("gone")
            .tag(["expiration", "4102444800"])
            .at(1_700_000_002)
            .sign(),
    );
    publish(&mut client, &events).await;
    for (filter, expected) in [
        (json!({}), events.clone()),
        (json!({"kinds": [7]}), vec![events[90].clone()]),
        (json!({"#t": ["x", "y"]}), events[90..92].to_vec()),
        (json!({"ids": [id(&events[5])]}), vec![events[5].clone()]),
        (
            json!({"until": 1_700_000_000, "kinds": [1]}),
            events[..3].to_vec(),
        ),
        (
            json!({"kinds": [1], "until": 1_700_000_029, "since": 1_700_000_003, "limit": 3}),
            events[87..90].to_vec(),
        ),
        (json!({"kinds": []}), vec![]),
        (json!({"authors": ["00".repeat(32)]}), vec![]),
    ] {
        let (have, need) = Side::with(&[]).reconcile(&mut client, &filter).await;
        assert_eq!((have, need), (Ids::new(), ids(&expected)), "{filter}");
    }
}

#[tokio::test]
async fn every_reconciliation_begins_with_what_is_stored_then() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let events = notes(0..60);
    publish(&mut client, &events[..50]).await;
    let need = async |client: &mut Client| Side::with(&[]).reconcile(client, &json!({"kinds": [1]})).await.1;
    assert_eq!(need(&mut client).await, ids(&events[..50]));
    assert_eq!(need(&mut client).await, ids(&events[..50]));
    publish(&mut client, &events[50..]).await;
    assert_eq!(need(&mut client).await, ids(&events));
    let deletion = event(5)
        .tag(["e", &id(&events[0])])
        .tag(["e", &id(&events[59])])
        .sign();
    publish(&mut client, &[deletion]).await;
    assert_eq!(need(&mut client).await, ids(&events[1..59]));
}

#[tokio::test]
async fn a_reconciliation_outlives_the_worker_that_began_it() {
    let mut stack = Stack::start().await;
    let mut client = stack.client().await;
    let all = notes(0..900);
    publish(&mut client, &all[..600]).await;
    let mut side = Side::with(&all[300..]);
    side.open(&mut client, &json!({"kinds": [1]})).await;
    assert!(side.go_on(&mut client).await);
    // Its second message may be in the hands of the worker, or wait: it is answered by the next one either way.
    stack.workers[0].kill();
    stack.workers[0].restart().await;
    while side.go_on(&mut client).await {}
    assert_eq!(side.result(), (ids(&all[600..]), ids(&all[..300])));
}

async fn neg_err(client: &mut Client, message: Value) -> Value {
    client.send(message).await;
    client.expect("NEG-ERR").await
}

#[tokio::test]
async fn what_cannot_be_served_gets_its_reason() {
    let stack = Stack::builder()
        .set("LIMITS__MAX_RECONCILED_EVENTS", 20)
        .set("LIMITS__MAX_RECONCILIATIONS", 2)
        .start()
        .await;
    let mut client = stack.client().await;
    publish(&mut client, &notes(0..21)).await;
    let first = hex(&Side::with(&[]).negentropy.initiate().unwrap());
    let too_big = neg_err(&mut client, json!(["NEG-OPEN", "a", {}, first])).await;
    assert_eq!(
        too_big,
        json!([
            "NEG-ERR",
            "a",
            "blocked: this filter matches more than 20 events, narrow it",
            20
        ])
    );
    // After a NEG-ERR it is closed; a smaller one is welcome.
    let closed = neg_err(&mut client, json!(["NEG-MSG", "a", first])).await;
    assert_eq!(
        closed,
        json!([
            "NEG-ERR",
            "a",
            "closed: there is no open reconciliation of this name"
        ])
    );
    for (message, reason) in [
        (
            json!(["NEG-OPEN", "b", {"search": "words"}, first]),
            "unsupported: ",
        ),
        (json!(["NEG-OPEN", "b", {"unknown": 1}, first]), "unsupported: "),
        (json!(["NEG-OPEN", "b", {}, "6g"]), "invalid: "),
        (json!(["NEG-OPEN", "b", {}]), "invalid: "),
        (json!(["NEG-OPEN", "b", {"limit": 1}, "01"]), "invalid: "),
        (json!(["NEG-OPEN", "b", {"limit": 1}, "61000005"]), "invalid: "),
        (json!(["NEG-MSG", "b", 5]), "invalid: "),
    ] {
        let refused = neg_err(&mut client, message.clone()).await;
        assert!(
            refused[1] == "b" && refused[2].as_str().unwrap().starts_with(reason),
            "{message}: {refused}"
        );
        assert_eq!(refused.as_array().unwrap().len(), 3);
    }
    for name in ["c", "d"] {
        client.send(json!(["NEG-OPEN", name, {"limit": 20}, first])).await;
        assert_eq!(client.expect("NEG-MSG").await[1], name);
    }
    let third = neg_err(&mut client, json!(["NEG-OPEN", "e", {"limit": 1}, first])).await;
    assert_eq!(third[2], "rate-limited: more than 2 reconciliations at a time");
    // In the place of one of them, and after one of them.
    client.send(json!(["NEG-OPEN", "c", {"limit": 1}, first])).await;
    assert_eq!(client.expect("NEG-MSG").await[1], "c");
    client.send(json!(["NEG-CLOSE", "c"])).await;
    client.send(json!(["NEG-OPEN", "e", {"limit": 1}, first])).await;
    assert_eq!(client.expect("NEG-MSG").await[1], "e");
    // A version that we do not speak: the one that we do.
    client.send(json!(["NEG-MSG", "e", "62"])).await;
    assert_eq!(client.expect("NEG-MSG").await, json!(["NEG-MSG", "e", "61"]));
}

#[tokio::test]
async fn no_message_is_longer_than_those_that_clients_may_send() {
    const MOST: usize = 16_384;
    let stack = Stack::builder()
        .set("LIMITS__MAX_MESSAGE_LENGTH", MOST)
        .start()
        .await;
    let mut client = stack.client().await;
    let all = notes(0..1200);
    publish(&mut client, &all).await;
    // A client that sets no limit of its own asks for more than one message can hold.
    let mut side = Side::with(&[]);
    let mut nothing = NegentropyStorageVector::new();
    nothing.seal().unwrap();
    side.negentropy = Negentropy::owned(nothing, 0).unwrap();
    side.open(&mut client, &json!({})).await;
    loop {
        let answer = client.expect("NEG-MSG").await;
        assert!(
            answer.to_string().len() <= MOST,
            "{} bytes",
            answer.to_string().len()
        );
        side.rounds += 1;
        let answer = bytes(answer[2].as_str().unwrap());
        let next = side
            .negentropy
            .reconcile_with_ids(&answer, &mut side.have, &mut side.need)
            .unwrap();
        let Some(next) = next else { break };
        client.send(json!(["NEG-MSG", "sync", hex(&next)])).await;
    }
    assert!(side.rounds > 4, "38 kB of ids take some messages");
    assert_eq!(side.result(), (Ids::new(), ids(&all)));
}

#[tokio::test]
async fn a_silent_client_is_told_that_it_took_too_long() {
    let stack = Stack::builder()
        .set("WEBSOCKET__NEGENTROPY_IDLE_TIMEOUT_S", 1)
        .start()
        .await;
    let mut client = stack.client().await;
    Side::with(&[]).open(&mut client, &json!({})).await;
    client.expect("NEG-MSG").await;
    let closed = client.expect("NEG-ERR").await;
    assert_eq!(
        closed,
        json!(["NEG-ERR", "sync", "closed: you took too long to respond"])
    );
}

#[tokio::test]
async fn reconciliations_and_subscriptions_have_names_of_their_own() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let events = notes(0..5);
    publish(&mut client, &events).await;
    assert_eq!(client.req("sync", &[json!({"kinds": [1]})]).await.len(), 5);
    let (_, need) = Side::with(&events[..2])
        .reconcile(&mut client, &json!({"kinds": [1]}))
        .await;
    assert_eq!(need, ids(&events[2..]));
    let live = note("live").sign();
    client.accepted(&live).await;
    assert_eq!(client.live("sync").await, live, "the REQ of that name goes on");
}

#[tokio::test]
async fn those_who_may_not_read_may_not_reconcile() {
    let stack = Stack::builder().set("AUTH__MIN_LEVEL_REQ", 1).start().await;
    let mut client = stack.client().await;
    let refused = neg_err(&mut client, json!(["NEG-OPEN", "a", {}, "6100"])).await;
    assert!(
        refused[2].as_str().unwrap().starts_with("auth-required: "),
        "{refused}"
    );
}

#[tokio::test]
async fn a_second_reconciliation_of_the_same_name_ends_the_first() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let events = notes(0..5);
    publish(&mut client, &events).await;
    let mut first = Side::with(&[]);
    first.open(&mut client, &json!({"kinds": [7]})).await;
    let mut second = Side::with(&events[..2]);
    second.open(&mut client, &json!({"kinds": [1]})).await;
    // What the first had to say came before, or never: the answer to the second names what lacks.
    let lacking = ids(&events[2..]);
    while second.result().1 != lacking {
        let answer = client.expect("NEG-MSG").await;
        second.hear(&answer);
        assert!(second.rounds <= 2, "{answer}");
    }
    // And there is one reconciliation, not two: it is closed once.
    client.send(json!(["NEG-CLOSE", "sync"])).await;
    let closed = neg_err(&mut client, json!(["NEG-MSG", "sync", "61"])).await;
    assert_eq!(closed[1], "sync");
}

#[tokio::test]
async fn who_speaks_another_version_is_told_ours() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    client.send(json!(["NEG-OPEN", "sync", {}, "62000000"])).await;
    assert_eq!(client.expect("NEG-MSG").await, json!(["NEG-MSG", "sync", "61"]));
}
