//! Kinds of NIPs that ask no more of a relay than to keep them as their number says, and to find them by their tags.

use serde_json::{Value, json};
use testkit::{EventBuilder, Keys, Stack, event};

/// What is left of two versions of the same author, an older and a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Both,
    TheNewer,
    /// One for each `d` tag.
    TheNewerOfEach,
    Neither,
}
use Keeps::{Both, Neither, TheNewer, TheNewerOfEach};

/// NIP, kind, and how it is kept.
const KINDS: &[(&str, u16, Keeps)] = &[
    ("01 metadata", 0, TheNewer),
    ("10 text note", 1, Both),
    ("01 unassigned", 2, Both),
    ("02 follow list", 3, TheNewer),
    ("04 direct message", 4, Both),
    ("18 repost", 6, Both),
    ("25 reaction", 7, Both),
    ("58 badge award", 8, Both),
    ("18 generic repost", 16, Both),
    ("25 reaction to a website", 17, Both),
    ("28 channel", 40, Both),
    ("28 channel metadata", 41, Both),
    ("28 channel message", 42, Both),
    ("28 hide message", 43, Both),
    ("28 mute user", 44, Both),
    ("03 timestamp", 1040, Both),
    ("94 file metadata", 1063, Both),
    ("22 comment", 1111, Both),
    ("56 report", 1984, Both),
    ("32 label", 1985, Both),
    ("90 job request", 5000, Both),
    ("57 zap", 9735, Both),
    ("01 the last regular one", 9999, Both),
    ("51 mute list", 10_000, TheNewer),
    ("51 pinned notes", 10_001, TheNewer),
    ("65 relay list", 10_002, TheNewer),
    ("51 bookmarks", 10_003, TheNewer),
    ("51 communities", 10_004, TheNewer),
    ("43 relays of a member", 10_010, TheNewer),
    ("51 interests", 10_015, TheNewer),
    ("51 emojis", 10_030, TheNewer),
    ("85 trusted providers", 10_040, TheNewer),
    ("17 relays for messages", 10_050, TheNewer),
    ("66 relay monitor", 10_166, TheNewer),
    ("01 the last replaceable one", 19_999, TheNewer),
    ("01 the first ephemeral one", 20_000, Neither),
    ("46 remote signing", 24_133, Neither),
    ("01 the last ephemeral one", 29_999, Neither),
    ("51 follow sets", 30_000, TheNewerOfEach),
    ("51 bookmark sets", 30_003, TheNewerOfEach),
    ("58 profile badges", 30_008, TheNewerOfEach),
    ("58 badge definition", 30_009, TheNewerOfEach),
    ("23 article", 30_023, TheNewerOfEach),
    ("78 data of an app", 30_078, TheNewerOfEach),
    ("66 relay discovery", 30_166, TheNewerOfEach),
    ("53 live event", 30_311, TheNewerOfEach),
    ("85 assertion about a key", 30_382, TheNewerOfEach),
    ("85 assertion about an event", 30_383, TheNewerOfEach),
    ("85 assertion about an address", 30_384, TheNewerOfEach),
    ("85 assertion about an identifier", 30_385, TheNewerOfEach),
    ("01 the last addressable one", 39_999, TheNewerOfEach),
    ("01 above all ranges", 40_000, Both),
    ("01 the last kind", 65_535, Both),
];

#[tokio::test]
async fn every_kind_is_kept_as_its_number_says() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    // Direct messages are for their parties only.
    client.authenticate("alice").await;
    for (what, kind, keeps) in KINDS {
        let version = |content: &str, at, d| event(*kind).content(content).at(at).tag(["d", d]).sign();
        let versions = [
            version("old x", 1, "x"),
            version("old y", 2, "y"),
            version("new x", 3, "x"),
            version("new y", 4, "y"),
        ];
        for event in &versions {
            client.send(json!(["EVENT", event])).await;
        }
        for event in &versions {
            let ok = client.ok_for(event).await;
            assert_eq!(ok.accepted, *keeps != Neither, "{what}: {ok:?}");
            // Nobody listens to what is not stored.
            assert_eq!(
                ok.message.starts_with("mute: "),
                *keeps == Neither,
                "{what}: {ok:?}"
            );
        }
        let expected: &[&str] = match keeps {
            Both => &["new y", "new x", "old y", "old x"],
            TheNewer => &["new y"],
            TheNewerOfEach => &["new y", "new x"],
            Neither => &[],
        };
        let found = client.req("s", &[json!({"kinds": [kind]})]).await;
        let found: Vec<&str> = found
            .iter()
            .map(|event| event["content"].as_str().unwrap())
            .collect();
        assert_eq!(found, expected, "{what}, kind {kind}");
    }
}

/// An event of each NIP as its text has it, and the filter by which clients look for it.
fn as_clients_do() -> Vec<(&'static str, EventBuilder, Value)> {
    let (bob, id) = (Keys::of("bob").pubkey(), "ab".repeat(32));
    let address = format!("30023:{bob}:article");
    let reply = event(1).tag(["e", &id, "wss://r", "root", &bob]).tag(["p", &bob]);
    let quote = event(1).tag(["q", &address, "wss://r"]);
    let comment = event(1111)
        .tag(["A", &address, "wss://r"])
        .tag(["K", "30023"])
        .tag(["P", &bob])
        .tag(["a", &address, "wss://r"])
        .tag(["e", &id])
        .tag(["k", "30023"])
        .tag(["p", &bob]);
    let website = event(1111)
        .tag(["I", "https://example.com/"])
        .tag(["K", "web"])
        .tag(["i", "https://example.com/"])
        .tag(["k", "web"]);
    vec![
        (
            "02 who follows",
            event(3).tag(["p", &bob, "wss://r", "bob"]),
            json!({"kinds": [3], "#p": [bob]}),
        ),
        (
            "03 of an event",
            event(1040).tag(["e", &id]).tag(["k", "1"]),
            json!({"kinds": [1040], "#e": [id]}),
        ),
        ("10 replies", reply.clone(), json!({"kinds": [1], "#e": [id]})),
        (
            "10 mentions",
            reply.content("2"),
            json!({"kinds": [1], "#p": [bob]}),
        ),
        ("18 quotes", quote, json!({"kinds": [1], "#q": [address]})),
        (
            "18 reposts",
            event(6).tag(["e", &id, "wss://r"]),
            json!({"kinds": [6], "#e": [id]}),
        ),
        (
            "18 generic reposts",
            event(16).tag(["e", &id]).tag(["k", "20"]).tag(["a", &address]),
            json!({"kinds": [16], "#k": ["20"], "#a": [address]}),
        ),
        (
            "22 by the root",
            comment.clone(),
            json!({"kinds": [1111], "#A": [address]}),
        ),
        (
            "22 by the root's author",
            comment.content("2"),
            json!({"kinds": [1111], "#P": [bob], "#K": ["30023"]}),
        ),
        (
            "22 on the web",
            website,
            json!({"kinds": [1111], "#I": ["https://example.com/"]}),
        ),
        (
            "25 reactions",
            event(7).content("+").tag(["e", &id]).tag(["p", &bob]),
            json!({"kinds": [7], "#e": [id]}),
        ),
        (
            "25 to a website",
            event(17).content("+").tag(["r", "https://x.y"]),
            json!({"kinds": [17], "#r": ["https://x.y"]}),
        ),
        (
            "51 sets by name",
            event(30_003).tag(["d", "to read"]),
            json!({"kinds": [30_003], "#d": ["to read"]}),
        ),
        (
            "51 lists with a key",
            event(10_000).tag(["p", &bob]),
            json!({"kinds": [10_000], "#p": [bob]}),
        ),
        (
            "56 of a person",
            event(1984).tag(["p", &bob, "spam"]),
            json!({"kinds": [1984], "#p": [bob]}),
        ),
        (
            "56 of an event",
            event(1984).content("2").tag(["e", &id, "nudity"]),
            json!({"kinds": [1984], "#e": [id]}),
        ),
        (
            "58 awards",
            event(8)
                .tag(["a", &format!("30009:{bob}:brave")])
                .tag(["p", &bob]),
            json!({"kinds": [8], "#a": [format!("30009:{bob}:brave")]}),
        ),
        (
            "58 definition",
            event(30_009).tag(["d", "brave"]),
            json!({"kinds": [30_009], "#d": ["brave"]}),
        ),
    ]
}

#[tokio::test]
async fn clients_find_each_kind_by_the_tags_of_its_nip() {
    let stack = Stack::start().await;
    let (mut writer, mut reader) = (stack.client().await, stack.client().await);
    for (what, builder, filter) in as_clients_do() {
        // Somebody's own: what the examples before have in common must not be found.
        let event = builder.by(what).sign();
        let mut filter = filter;
        filter["authors"] = json!([event["pubkey"]]);
        reader.req("live", std::slice::from_ref(&filter)).await;
        writer.accepted(&event).await;
        assert_eq!(reader.live("live").await, event, "{what}, live");
        reader.send(json!(["CLOSE", "live"])).await;
        assert_eq!(writer.req("s", &[filter]).await, [event], "{what}, stored");
    }
}
