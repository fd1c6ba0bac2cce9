//! What an event says, by kind, in about the proportions of a public relay.

use rand::{Rng, rngs::StdRng};

use super::{
    author::hex,
    history::History,
    words::{ciphertext, text},
};

/// An event before it is signed.
pub struct Body {
    pub kind: u16,
    pub tags: Vec<Vec<String>>,
    pub content: String,
}

/// Kinds and how many of a thousand events they are.
const MIX: [(u16, u32); 10] = [
    (1, 420),
    (7, 250),
    (6, 70),
    (1_059, 80),
    (9_735, 50),
    (0, 40),
    (10_002, 40),
    (3, 25),
    (30_023, 10),
    (30_078, 15),
];

pub fn random(random: &mut StdRng, history: &History, author: usize) -> Body {
    let mut left = random.random_range(0..MIX.iter().map(|(_, share)| share).sum());
    let kind = MIX
        .iter()
        .find(|(_, share)| {
            let found = left < *share;
            left = left.saturating_sub(*share);
            found
        })
        .map_or(1, |(kind, _)| *kind);
    let (tags, content) = match kind {
        0 => (vec![], metadata(random)),
        3 => (contacts(random, history), String::new()),
        6 => (refer(random, history), text(random, 500)),
        7 => (
            refer(random, history),
            ["+", "❤️", "🤙", "-"][random.random_range(0..4)].to_owned(),
        ),
        1_059 => (vec![person(random, history)], gift(random)),
        9_735 => zap(random, history),
        10_002 => (relays(random), String::new()),
        30_023 => article(random, history),
        30_078 => (
            vec![tag(["d", &format!("app-{}", random.random_range(0..5))])],
            text(random, 300),
        ),
        _ => note(random, history, author),
    };
    Body { kind, tags, content }
}

fn note(random: &mut StdRng, history: &History, author: usize) -> (Vec<Vec<String>>, String) {
    // Two of five are replies.
    let mut tags = if random.random_ratio(2, 5) {
        refer(random, history)
    } else {
        vec![]
    };
    for _ in 0..random.random_range(0..3_u32).saturating_sub(1) {
        tags.push(tag(["t", &history.hashtag(random)]));
    }
    if random.random_ratio(1, 20) {
        tags.push(tag(["p", history.pubkey(author)]));
    }
    // Most are short, some are long: the square of a uniform number.
    let length = 30.0 + 700.0 * random.random::<f64>().powi(2);
    (tags, text(random, length as usize))
}

/// The `e` and `p` tags of a reply, a repost or a reaction.
fn refer(random: &mut StdRng, history: &History) -> Vec<Vec<String>> {
    let Some(note) = history.note(random) else {
        return vec![person(random, history)];
    };
    let relay = "wss://relay.example.com";
    let mut tags = vec![
        tag(["e", &note.id, relay, "root"]),
        tag(["p", history.pubkey(note.author)]),
    ];
    if random.random_ratio(1, 3) {
        tags.push(person(random, history));
    }
    tags
}

fn person(random: &mut StdRng, history: &History) -> Vec<String> {
    tag(["p", history.pubkey(history.author(random))])
}

/// From ten to eight hundred follows, 180 on average.
fn contacts(random: &mut StdRng, history: &History) -> Vec<Vec<String>> {
    let count = (10.0 * (random.random::<f64>() * 4.4).exp()) as usize;
    (0..count).map(|_| person(random, history)).collect()
}

fn metadata(random: &mut StdRng) -> String {
    let about = text(random, 150);
    let picture = format!("https://example.com/{}.jpg", hex(&random.random::<[u8; 16]>()));
    serde_json::json!({
        "name": hex(&random.random::<[u8; 4]>()), "about": about, "picture": picture, "banner": picture,
        "nip05": "name@example.com", "lud16": "name@example.com",
    })
    .to_string()
}

fn gift(random: &mut StdRng) -> String {
    let length = random.random_range(800..2_000);
    ciphertext(random, length)
}

fn zap(random: &mut StdRng, history: &History) -> (Vec<Vec<String>>, String) {
    let mut tags = refer(random, history);
    let request = serde_json::json!({
        "id": hex(&random.random::<[u8; 32]>()), "pubkey": history.pubkey(history.author(random)),
        "created_at": 1_700_000_000, "kind": 9_734, "tags": &tags, "content": "",
        "sig": hex(&[random.random::<[u8; 32]>(), random.random()].concat()),
    });
    tags.push(tag(["P", history.pubkey(history.author(random))]));
    tags.push(tag([
        "bolt11",
        &format!("lnbc210n1{}", hex(&random.random::<[u8; 32]>()).repeat(3)),
    ]));
    tags.push(tag(["description", &request.to_string()]));
    (tags, String::new())
}

fn relays(random: &mut StdRng) -> Vec<Vec<String>> {
    (0..random.random_range(3..9))
        .map(|_| {
            tag([
                "r",
                &format!("wss://relay{}.example.com", random.random_range(0..200)),
            ])
        })
        .collect()
}

fn article(random: &mut StdRng, history: &History) -> (Vec<Vec<String>>, String) {
    let tags = vec![
        tag(["d", &format!("article-{}", random.random_range(0..20))]),
        tag(["title", &text(random, 50)]),
        tag(["t", &history.hashtag(random)]),
        tag(["t", &history.hashtag(random)]),
    ];
    let length = random.random_range(2_000..8_000);
    (tags, text(random, length))
}

fn tag<const N: usize>(strings: [&str; N]) -> Vec<String> {
    strings.map(str::to_owned).into()
}
