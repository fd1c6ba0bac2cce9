//! Who is connected: list, one connection, and the end of some of them.

use std::net::IpAddr;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::Html,
    routing::{get, post},
};
use protocol::PublicKey;
use pubsub::{Address, Channel, Command, Connected, ConnectedClients, ConnectionId};
use runtime::clock::unix_millis;
use serde::Deserialize;
use store::NewAuditEntry;

use crate::{
    App,
    operator::session::SignedIn,
    people::{Person, people},
    web::{Ago, Frame, Moment, PageError, Paging, Posted, Then, bytes, grouped, render},
};

/// Connections on a page.
const PER_PAGE: usize = 50;

/// 3502: closed by an admin.
const CLOSED: &str = r#"[3502,"closed by an operator"]"#;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/connections", get(list))
        .route("/connections/close", post(close))
        .route("/connections/{id}", get(one))
}

/// A column to sort by: its name in the URL, its title, whether its cells are numbers.
type Column = (&'static str, &'static str, bool);

const COLUMNS: [Column; 7] = [
    ("address", "Address", false),
    ("level", "Level", false),
    ("start", "Connected", false),
    ("subscriptions", "Subs", true),
    ("requests", "Requests", true),
    ("in", "In", true),
    ("out", "Out", true),
];

#[derive(Template)]
#[template(path = "connections/page.html")]
struct List {
    frame: Frame,
    asked: Asked,
    rows: Vec<Row>,
    paging: Paging,
    found: usize,
    all: usize,
    processes: usize,
}

#[derive(Template)]
#[template(path = "connections/one.html")]
struct One {
    frame: Frame,
    row: Row,
    subscriptions: Vec<(String, String)>,
}

/// A connection as it is shown.
struct Row {
    it: Connected,
    person: Option<Person>,
    age: Ago,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    page: String,
}

impl Asked {
    /// The column, and whether the largest comes first.
    fn order(&self) -> (&str, bool) {
        match self.sort.strip_prefix('-') {
            Some(column) => (column, true),
            None if self.sort.is_empty() => ("start", true),
            None => (&self.sort, false),
        }
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    /// Empty, or how this column is sorted now.
    fn sorted(&self, column: &str) -> &'static str {
        match self.order() {
            (by, true) if by == column => "descending",
            (by, false) if by == column => "ascending",
            _ => "",
        }
    }

    /// Where a click on the title of a column leads.
    fn sort_link(&self, column: &str) -> String {
        let sort = if self.sorted(column) == "descending" {
            ""
        } else {
            "-"
        };
        format!("/connections?q={}&sort={sort}{column}", encoded(&self.q))
    }

    fn page_link(&self) -> String {
        format!(
            "/connections?q={}&sort={}&",
            encoded(&self.q),
            encoded(&self.sort)
        )
    }
}

/// Who has proven a key, by name.
async fn introduce(app: &App, rows: &mut [Row]) -> Result<(), PageError> {
    let keys: Vec<PublicKey> = rows.iter().filter_map(Row::key).collect();
    let people = people(app, &keys).await?;
    for row in rows {
        row.person = row.key().and_then(|key| people.get(&key).cloned());
    }
    Ok(())
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

impl Row {
    fn new(it: Connected, now_ms: u64) -> Self {
        let age = i64::try_from((now_ms / 1000).saturating_sub(it.start)).unwrap_or_default();
        Self {
            person: None,
            age: Ago(age),
            it,
        }
    }

    fn key(&self) -> Option<PublicKey> {
        self.it.pubkey.parse().ok()
    }

    /// The start of what is random in it.
    fn short_id(&self) -> &str {
        self.it.id.as_str().get(8..16).unwrap_or_default()
    }

    fn process(&self) -> String {
        self.it.id.process().to_string()
    }

    fn level(&self) -> &'static str {
        ["anonymous", "key", "registered", "subscriber", "trusted"]
            .get(usize::from(self.it.level))
            .unwrap_or(&"?")
    }

    fn level_badge(&self) -> &'static str {
        ["", "accent", "accent", "good", "good"]
            .get(usize::from(self.it.level))
            .unwrap_or(&"")
    }

    fn start(&self) -> Moment {
        Moment(i64::try_from(self.it.start).unwrap_or_default())
    }
}

async fn list(
    State(app): State<App>,
    frame: Frame,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, PageError> {
    let now = unix_millis();
    let clients = ConnectedClients::new(app.data.clone(), app.keys.clone());
    let connected = clients.all().await?;
    let all = connected.len();
    let mut processes: Vec<_> = connected.iter().map(|it| it.id.process()).collect();
    processes.sort_unstable();
    processes.dedup();
    let mut found = search(connected, &asked.q);
    let by_subscriptions = asked.order().0 == "subscriptions";
    if by_subscriptions {
        clients.count_subscriptions(&mut found).await?;
    }
    sort(&mut found, asked.order());
    let paging = Paging::new(asked.page.parse().unwrap_or(1), found.len(), PER_PAGE);
    let mut shown: Vec<Connected> = found.drain(paging.range()).collect();
    if !by_subscriptions {
        clients.count_subscriptions(&mut shown).await?;
    }
    let mut rows: Vec<Row> = shown.into_iter().map(|it| Row::new(it, now)).collect();
    introduce(&app, &mut rows).await?;
    render(&List {
        rows,
        found: paging.total,
        processes: processes.len(),
        frame,
        asked,
        paging,
        all,
    })
}

/// By id, address or key, or by any part of them.
fn search(connected: Vec<Connected>, query: &str) -> Vec<Connected> {
    let query = query.trim();
    if query.is_empty() {
        return connected;
    }
    let key = PublicKey::read(query).map(|key| key.to_string()).ok();
    let wanted = query.to_lowercase();
    let is_meant = |it: &Connected| match &key {
        Some(key) => it.pubkey == *key,
        None => {
            it.id.as_str().starts_with(&wanted)
                || it.address.contains(&wanted)
                || it.pubkey.starts_with(&wanted)
        }
    };
    connected.into_iter().filter(is_meant).collect()
}

fn sort(connected: &mut [Connected], (column, descending): (&str, bool)) {
    match column {
        "address" => connected.sort_by_cached_key(|it| it.address.parse::<IpAddr>().ok()),
        "level" => connected.sort_unstable_by_key(|it| it.level),
        "subscriptions" => connected.sort_unstable_by_key(|it| it.subscriptions),
        "requests" => connected.sort_unstable_by_key(|it| it.requests),
        "in" => connected.sort_unstable_by_key(|it| it.incoming),
        "out" => connected.sort_unstable_by_key(|it| it.outgoing),
        _ => connected.sort_unstable_by_key(|it| (it.start, it.id)),
    }
    if descending {
        connected.reverse();
    }
}

async fn one(
    State(app): State<App>,
    frame: Frame,
    Path(id): Path<String>,
) -> Result<Html<String>, PageError> {
    let id: ConnectionId = id.parse().map_err(|_| PageError::NotFound)?;
    let clients = ConnectedClients::new(app.data.clone(), app.keys.clone());
    let now = unix_millis();
    let it = clients.one(id).await?.ok_or(PageError::NotFound)?;
    let subscriptions = clients.subscriptions(id).await?;
    let mut rows = [Row::new(it, now)];
    introduce(&app, &mut rows).await?;
    let [row] = rows;
    render(&One {
        frame,
        row,
        subscriptions,
    })
}

#[derive(Deserialize)]
struct Meant {
    /// `id`, `address` or `pubkey`
    by: String,
    value: String,
}

async fn close(
    State(app): State<App>,
    me: SignedIn,
    Posted(meant): Posted<Meant>,
) -> Result<Then, PageError> {
    let connected = ConnectedClients::new(app.data.clone(), app.keys.clone())
        .all()
        .await?;
    let is_meant = |it: &&Connected| match meant.by.as_str() {
        "id" => it.id.as_str() == meant.value,
        "address" => it.address == meant.value,
        "pubkey" => !meant.value.is_empty() && it.pubkey == meant.value,
        _ => false,
    };
    let mut closed = 0_usize;
    for connection in connected.iter().filter(is_meant) {
        let channel = Channel {
            address: Address::Connection(connection.id),
            subscription: None,
            command: Command::Terminate,
        };
        app.publisher.publish(&channel, CLOSED.to_owned()).await?;
        closed += 1;
    }
    if closed == 0 {
        return Ok(Then::failed(
            "/connections",
            "Nobody like that is connected any more.",
        ));
    }
    app.store
        .note(NewAuditEntry {
            operator: &me.operator.name,
            act: "connections.close",
            target: &format!("{} {}", meant.by, meant.value),
            new: &format!("{closed} closed"),
            ..NewAuditEntry::default()
        })
        .await?;
    let said = if closed == 1 {
        "The connection is closed.".to_owned()
    } else {
        format!("{closed} connections are closed.")
    };
    Ok(Then::done("/connections", said))
}
