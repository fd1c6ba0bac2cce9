//! NIP-45: COUNT, and HyperLogLog values that relays merge.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::{Client, Keys, Stack, event, note};

async fn count(client: &mut Client, filters: &[Value]) -> Value {
    let mut message = vec![json!("COUNT"), json!("c")];
    message.extend_from_slice(filters);
    client.send(Value::Array(message)).await;
    let mut answer = client.expect("COUNT").await;
    assert_eq!(answer[1], "c");
    answer[2].take()
}

/// The text of the NIP once more, with hex characters and bits as text.
fn registers(first_value: &str, authors: &[String]) -> Vec<u8> {
    let is_hex = |text: &str| {
        text.len() == 64
            && text
                .chars()
                .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
    };
    let target = match first_value.split(':').collect::<Vec<_>>()[..] {
        [value] if is_hex(value) => value.to_owned(),
        [_, pubkey, ..] if is_hex(pubkey) => pubkey.to_owned(),
        _ => format!("{:x}", Sha256::digest(first_value)),
    };
    let offset = 8 + usize::from_str_radix(&target[32..33], 16).unwrap();
    let mut registers = vec![0; 256];
    for author in authors {
        let byte = |at: usize| u8::from_str_radix(&author[2 * at..2 * at + 2], 16).unwrap();
        let bits: String = (offset + 1..32).map(|at| format!("{:08b}", byte(at))).collect();
        let rank = 1 + bits.find('1').unwrap_or(bits.len()) as u8;
        let register = &mut registers[usize::from(byte(offset))];
        *register = rank.max(*register);
    }
    registers
}

fn of_hex(hll: &Value) -> Vec<u8> {
    let text = hll.as_str().expect("an hll");
    assert_eq!(text.len(), 512);
    (0..256)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// The usual estimate from registers, with the correction for few.
fn estimate(registers: &[u8]) -> f64 {
    let (m, zeros) = (
        registers.len() as f64,
        registers.iter().filter(|rank| **rank == 0).count() as f64,
    );
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m
        / registers
            .iter()
            .map(|rank| 0.5_f64.powi((*rank).into()))
            .sum::<f64>();
    if raw <= 2.5 * m && zeros > 0.0 {
        m * (m / zeros).ln()
    } else {
        raw
    }
}

fn person(number: usize) -> String {
    format!("person {number}")
}

fn pubkeys(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| Keys::of(&person(number)).pubkey()).collect()
}

/// A reaction to `target` by each of these people.
async fn react(client: &mut Client, target: &str, numbers: std::ops::Range<usize>) {
    let reactions: Vec<Value> = numbers
        .map(|number| event(7).by(&person(number)).tag(["e", target]).sign())
        .collect();
    for reaction in &reactions {
        client.send(json!(["EVENT", reaction])).await;
    }
    for reaction in &reactions {
        assert!(client.ok_for(reaction).await.accepted);
    }
}

#[tokio::test]
async fn registers_of_two_relays_merge_to_those_of_all_authors() {
    let (here, there) = tokio::join!(Stack::start(), Stack::start());
    let (mut one, mut two) = (here.client().await, there.client().await);
    let target = note("liked").sign()["id"].as_str().unwrap().to_owned();
    react(&mut one, &target, 0..200).await;
    react(&mut two, &target, 120..320).await;
    let filter = json!({"kinds": [7], "#e": [target]});
    let (here, there) = (
        count(&mut one, std::slice::from_ref(&filter)).await,
        count(&mut two, &[filter]).await,
    );
    assert_eq!((&here["count"], &there["count"]), (&json!(200), &json!(200)));
    let (here, there) = (of_hex(&here["hll"]), of_hex(&there["hll"]));
    assert_eq!(here, registers(&target, &pubkeys(0..200)));
    assert_eq!(there, registers(&target, &pubkeys(120..320)));
    let merged: Vec<u8> = here.iter().zip(&there).map(|(a, b)| *a.max(b)).collect();
    assert_eq!(merged, registers(&target, &pubkeys(0..320)));
    // 256 registers err by 6.5 % as a rule.
    let estimate = estimate(&merged);
    assert!((estimate - 320.0).abs() < 0.2 * 320.0, "{estimate}");
}

#[tokio::test]
async fn the_offset_comes_from_the_first_value_of_the_first_tag() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let alice = Keys::of("alice").pubkey();
    let address = format!("30023:{alice}:a:b");
    for number in 0..30 {
        let tagged = note("x")
            .by(&person(number))
            .tag(["t", "nostr"])
            .tag(["a", &address])
            .tag(["p", &alice]);
        client.accepted(&tagged.sign()).await;
    }
    let authors = pubkeys(0..30);
    let mut shown = Vec::new();
    for (filter, first) in [
        (r##"{"#t":["nostr"]}"##.to_owned(), "nostr"),
        (r##"{"#t":["satoshi","nostr"]}"##.to_owned(), "satoshi"),
        (r##"{"#t":["nostr","satoshi"]}"##.to_owned(), "nostr"),
        (format!(r##"{{"#a":["{address}"]}}"##), &*address),
        (format!(r##"{{"#p":["{alice}"],"kinds":[1]}}"##), &*alice),
        (
            format!(r##"{{"#p":["{alice}"],"#a":["{address}"],"#t":["nostr"]}}"##),
            &*alice,
        ),
        (format!(r##"{{"#t":["nostr"],"#p":["{alice}"]}}"##), "nostr"),
    ] {
        // As text: the order of the keys matters.
        client.send(format!(r#"["COUNT","c",{filter}]"#)).await;
        let answer = client.expect("COUNT").await;
        assert_eq!(answer[2]["count"], 30, "{filter}");
        assert_eq!(of_hex(&answer[2]["hll"]), registers(first, &authors), "{filter}");
        shown.push(answer[2]["hll"].clone());
    }
    assert_ne!(shown[0], shown[1], "another first value, other registers");
}

#[tokio::test]
async fn only_what_is_counted_has_authors() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let tagged = |name: &str, content: &str| note(content).by(name).tag(["t", "x"]);
    client.accepted(&tagged("alice", "1").sign()).await;
    client.accepted(&tagged("alice", "2").sign()).await;
    let gone = tagged("bob", "3").sign();
    client.accepted(&gone).await;
    client
        .accepted(&event(5).by("bob").tag(["e", gone["id"].as_str().unwrap()]).sign())
        .await;
    let end = (std::time::SystemTime::now() + std::time::Duration::from_secs(2))
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    client
        .accepted(&tagged("carol", "4").tag(["expiration", &end.to_string()]).sign())
        .await;
    let filter = json!({"#t": ["x"]});
    loop {
        let answer = count(&mut client, std::slice::from_ref(&filter)).await;
        let authors: Vec<String> = ["alice", "carol"][..answer["count"].as_u64().unwrap() as usize - 1]
            .iter()
            .map(|name| Keys::of(name).pubkey())
            .collect();
        assert_eq!(of_hex(&answer["hll"]), registers("x", &authors));
        if answer["count"] == 2 {
            break;
        }
    }
    let nothing = count(&mut client, &[json!({"#t": ["nothing"]})]).await;
    assert_eq!(
        (nothing["count"].as_u64(), of_hex(&nothing["hll"])),
        (Some(0), vec![0; 256])
    );
    for without in [
        vec![json!({"kinds": [1]})],
        vec![json!({"#t": []})],
        vec![json!({"#t": ["x"]}), json!({"#t": ["x"], "kinds": [1]})],
    ] {
        let answer = count(&mut client, &without).await;
        assert_eq!(
            answer.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["count"],
            "{without:?}"
        );
    }
}

#[tokio::test]
async fn filters_are_counted_together_each_event_once() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    for n in 0..6 {
        let tag = ["x", "y", "z"][n % 3];
        client
            .accepted(&note(&n.to_string()).tag(["t", tag]).tag(["t", "w"]).sign())
            .await;
    }
    for (filters, expected) in [
        (vec![json!({"kinds": [1]}), json!({"#t": ["x"]})], 6),
        (
            vec![
                json!({"#t": ["x"]}),
                json!({"#t": ["y"]}),
                json!({"#t": ["x", "w"], "limit": 1}),
            ],
            6,
        ),
        (vec![json!({"#t": ["x", "w"]})], 6),
        (vec![json!({"#t": ["x"]}), json!({"#t": ["y"]})], 4),
    ] {
        assert_eq!(
            count(&mut client, &filters).await["count"],
            expected,
            "{filters:?}"
        );
    }
}

#[tokio::test]
async fn a_count_that_costs_too_much_is_an_estimate() {
    let stack = Stack::builder()
        .set("LIMITS__COUNT_MAX_COST", 20)
        // Else what has tags is counted: see `privacy.rs`.
        .set("PRIVACY__DIRECT_MESSAGES", false)
        .set("PRIVACY__GIFT_WRAPS", false)
        .start()
        .await;
    let mut client = stack.client().await;
    let notes: Vec<Value> = (0..2000)
        .map(|n| note(&n.to_string()).tag(["t", "x"]).sign())
        .collect();
    for note in &notes {
        client.send(json!(["EVENT", note])).await;
    }
    for note in &notes {
        client.ok_for(note).await;
    }
    // Statistics: otherwise it guesses.
    stack.database.run("ANALYZE").await;
    for filter in [json!({"kinds": [1]}), json!({"#t": ["x"]}), json!({})] {
        let about = count(&mut client, &[filter]).await;
        assert_eq!(about["approximate"], true, "{about}");
        let number = about["count"].as_u64().unwrap();
        assert!((1000..=4000).contains(&number), "{about}");
        assert_eq!(about.get("hll"), None, "there is nothing to make it from");
    }
    let few = count(&mut client, &[json!({"#t": ["rare"]})]).await;
    assert_eq!(
        (few.get("approximate"), &few["count"]),
        (None, &json!(0)),
        "cheap ones are exact"
    );
}

#[tokio::test]
async fn a_refused_count_is_closed() {
    let stack = Stack::builder().set("AUTH__MIN_LEVEL_COUNT", 1).start().await;
    let mut client = stack.client().await;
    client.send(json!(["COUNT", "c", {"kinds": [1]}])).await;
    let closed = client.expect("CLOSED").await;
    assert_eq!(closed[1], "c");
    assert!(
        closed[2].as_str().unwrap().starts_with("auth-required: "),
        "{closed}"
    );
}
