//! What the lists hold.

use protocol::PublicKey;
use store::{Part, Ruled, Verdict};

use super::tab::Tab;
use crate::{
    App,
    people::people,
    web::{Moment, PageError},
};

/// Reported events on the page.
const REPORTED: u32 = 200;

/// An entry.
pub struct Row {
    /// What its buttons send.
    pub key: String,
    /// The first cell: a key, an id, a number.
    pub what: String,
    /// Beside it: a name.
    pub more: String,
    /// Where it is looked at; empty: nowhere.
    pub link: String,
    /// The other two cells.
    pub cells: [String; 2],
}

impl Row {
    fn of_key(key: PublicKey, cells: [String; 2]) -> Self {
        Self {
            key: key.to_string(),
            link: format!("/events?q={}", key.npub()),
            what: key.npub(),
            more: String::new(),
            cells,
        }
    }
}

/// Puts the names of keys beside them, as far as their profiles are here.
async fn introduce(app: &App, rows: &mut [Row]) -> Result<(), PageError> {
    let key = |row: &Row| {
        row.key
            .parse::<PublicKey>()
            .ok()
            .filter(|_| row.what.starts_with("npub1"))
    };
    let keys: Vec<PublicKey> = rows.iter().filter_map(key).collect();
    let people = people(app, &keys).await?;
    for row in rows {
        if let Some(person) = key(row).and_then(|key| people.get(&key)) {
            row.more.clone_from(&person.name);
        }
    }
    Ok(())
}

/// A part of a list, and how many entries it has in all.
pub async fn rows(app: &App, tab: Tab, part: Part) -> Result<(Vec<Row>, i64), PageError> {
    let (mut rows, total) = listed(app, tab, part).await?;
    introduce(app, &mut rows).await?;
    Ok((rows, total))
}

async fn listed(app: &App, tab: Tab, part: Part) -> Result<(Vec<Row>, i64), PageError> {
    let store = &app.store;
    Ok(match tab {
        Tab::Trusted => {
            let (trusted, total) = store.trusted(part).await?;
            let rows = trusted.into_iter();
            let row = |it: store::TrustedAuthor| Row::of_key(it.pubkey, [it.note, Moment(it.since).day()]);
            (rows.map(row).collect(), total)
        }
        Tab::Subscribers => subscribers(app, part).await?,
        Tab::Names => {
            let (names, total) = store.names(part).await?;
            let row =
                |it: store::Name| Row::of_key(it.pubkey, [it.name.unwrap_or_default(), it.relays.join(" ")]);
            (names.into_iter().map(row).collect(), total)
        }
        Tab::Banned => keys(store.pubkey_rulings(Verdict::Banned, part).await?),
        Tab::Allowed => keys(store.pubkey_rulings(Verdict::Allowed, part).await?),
        Tab::Events => {
            let (rulings, total) = store.event_rulings(Verdict::Banned, part).await?;
            (rulings.into_iter().map(plain).collect(), total)
        }
        Tab::Reported => reported(app).await?,
        Tab::BannedKinds => all(store.kind_rulings(Verdict::Banned).await?, part),
        Tab::AllowedKinds => all(store.kind_rulings(Verdict::Allowed).await?, part),
        Tab::Addresses => all(store.blocked_addresses().await?, part),
        Tab::Roles => roles(app).await?,
    })
}

async fn subscribers(app: &App, part: Part) -> Result<(Vec<Row>, i64), PageError> {
    let now = i64::try_from(runtime::clock::unix_millis() / 1000).unwrap_or_default();
    let (subscribers, total) = app.store.subscribers(part).await?;
    let row = |it: store::Subscriber| {
        let left = if it.until > now {
            format!("{} days left", (it.until - now + 86_399) / 86_400)
        } else {
            "ended".to_owned()
        };
        Row::of_key(it.pubkey, [Moment(it.until).to_string(), left])
    };
    Ok((subscribers.into_iter().map(row).collect(), total))
}

async fn reported(app: &App) -> Result<(Vec<Row>, i64), PageError> {
    let reported = app.store.events_needing_moderation(REPORTED).await?;
    let row = |it: store::Reported| {
        let report: serde_json::Value = serde_json::from_slice(&it.report).unwrap_or_default();
        let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
        let by = text("pubkey")
            .parse::<PublicKey>()
            .map(|key| key.npub())
            .unwrap_or_default();
        Row {
            key: it.id.to_string(),
            what: it.id.to_string(),
            more: String::new(),
            link: format!("/events/{}", it.id),
            cells: [text("content"), by],
        }
    };
    let rows: Vec<Row> = reported.into_iter().map(row).collect();
    let total = i64::try_from(rows.len()).unwrap_or_default();
    Ok((rows, total))
}

async fn roles(app: &App) -> Result<(Vec<Row>, i64), PageError> {
    let roles = app.store.roles().await?;
    let row = |(role, members): (store::Role, i64)| Row {
        key: role.id.clone(),
        what: role.id,
        more: role.label,
        link: String::new(),
        cells: [role.description, members.to_string()],
    };
    let rows: Vec<Row> = roles.into_iter().map(row).collect();
    let total = i64::try_from(rows.len()).unwrap_or_default();
    Ok((rows, total))
}

fn keys((rulings, total): (Vec<Ruled<PublicKey>>, i64)) -> (Vec<Row>, i64) {
    let row = |it: Ruled<PublicKey>| {
        let by = by(&it);
        Row::of_key(it.what, [it.reason, by])
    };
    (rulings.into_iter().map(row).collect(), total)
}

/// A list that is short enough to come whole.
fn all<T: ToString>(rulings: Vec<Ruled<T>>, part: Part) -> (Vec<Row>, i64) {
    let total = i64::try_from(rulings.len()).unwrap_or_default();
    let (offset, limit) = (
        part.offset.unsigned_abs() as usize,
        part.limit.unsigned_abs() as usize,
    );
    (
        rulings.into_iter().skip(offset).take(limit).map(plain).collect(),
        total,
    )
}

fn plain<T: ToString>(it: Ruled<T>) -> Row {
    let (what, by) = (it.what.to_string(), by(&it));
    Row {
        key: what.clone(),
        what,
        more: String::new(),
        link: String::new(),
        cells: [it.reason, by],
    }
}

fn by<T>(it: &Ruled<T>) -> String {
    format!("{}, {}", it.operator, Moment(it.at).day())
}
