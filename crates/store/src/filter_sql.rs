//! A filter as SQL. Keys first: an index yields the sequence numbers in their order, and only what is sent is read.
//!
//! An index serves equality on its first columns and the order of the last. Where a filter has several values (authors,
//! kinds, tags) each combination is a slot: a scan of its own, bounded by the limit. Most slots have little to give, so
//! each is first asked for a few; the n-th newest of these bounds from below what the result can hold, and only slots
//! that may have more above that bound are asked again. So quiet authors cost a look, and none is walked to its end.

use protocol::Filter;

use crate::{batch::signed, keys::tag_key};

/// What a slot is made of, and which table is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Driver {
    Ids,
    Tags,
    Authors,
    Kinds,
    Time,
}

/// A statement with its arguments.
#[derive(Debug)]
pub(crate) struct FilterQuery {
    pub sql: String,
    pub args: Vec<Arg>,
}

/// An argument.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    Int(i64),
    Ints(Vec<i64>),
    Kinds(Vec<i32>),
    Bytes(Vec<Vec<u8>>),
}

/// Slots that are asked for the whole limit at once: a second look would cost more.
const FEW_SLOTS: usize = 4;

impl FilterQuery {
    /// The newest `limit` events that match. Tags are matched by 64 bits.
    pub fn newest(filter: &Filter, limit: i64) -> Self {
        let mut builder = Builder::default();
        let driver = Driver::of(filter);
        if driver == Driver::Ids {
            return builder.by_id(filter, limit);
        }
        let slots = builder.slots(driver, filter);
        let scan = builder.scan(driver, filter);
        let n = builder.arg(Arg::Int(limit));
        let keys = match slots {
            None => format!("{} ORDER BY created_at DESC, id_head LIMIT {n}", scan.above("")),
            Some((source, count)) if count <= FEW_SLOTS => format!(
                "SELECT DISTINCT k.seq, k.created_at, k.id_head FROM ({source}) s CROSS JOIN LATERAL \
                 ({} ORDER BY created_at DESC, id_head LIMIT {n}) k \
                 ORDER BY created_at DESC, id_head LIMIT {n}",
                scan.above(""),
            ),
            Some((source, count)) => {
                let first_look = (4 * limit / i64::try_from(count).unwrap_or(i64::MAX) + 2).min(limit);
                let m = builder.arg(Arg::Int(first_look));
                twice(&source, &scan, &n, &m)
            }
        };
        let sql = format!(
            "WITH keys AS MATERIALIZED ({keys}) \
             SELECT e.id, e.created_at, e.expires_at, e.raw FROM keys JOIN events e ON e.seq = keys.seq"
        );
        FilterQuery {
            sql,
            args: builder.args,
        }
    }

    /// The sequence numbers of everything that matches and is not expired at `now`.
    pub fn all(filter: &Filter, now: u64) -> Self {
        let mut builder = Builder::default();
        let now = builder.arg(Arg::Int(signed(now)));
        let mut conditions = builder.window(filter);
        conditions.push(format!("(expires_at IS NULL OR expires_at > {now})"));
        if let Some(ids) = &filter.ids {
            let ids = builder.arg(Arg::Bytes(ids.iter().map(|id| id.as_bytes().to_vec()).collect()));
            conditions.push(format!("id = ANY ({ids}::bytea[])"));
        }
        conditions.extend(
            builder
                .kinds(filter)
                .map(|kinds| format!("kind = ANY ({kinds}::int4[])")),
        );
        conditions.extend(builder.authors(filter));
        for tag in &filter.tags {
            let keys = tag
                .values
                .iter()
                .map(|value| tag_key(tag.letter, value))
                .collect();
            let keys = builder.arg(Arg::Ints(keys));
            conditions.push(format!(
                "seq IN (SELECT event FROM searchable_tags WHERE tag = ANY ({keys}::bigint[]))"
            ));
        }
        FilterQuery {
            sql: format!("SELECT seq FROM events WHERE {}", conditions.join(" AND ")),
            args: builder.args,
        }
    }
}

impl Driver {
    fn of(filter: &Filter) -> Self {
        if filter.ids.is_some() {
            Self::Ids
        } else if !filter.tags.is_empty() {
            Self::Tags
        } else if filter.authors.is_some() {
            Self::Authors
        } else if filter.kinds.is_some() {
            Self::Kinds
        } else {
            Self::Time
        }
    }
}

/// A scan of an index, as a SELECT that wants its lower bound, order and limit yet.
struct Scan {
    select: String,
    since: String,
}

impl Scan {
    /// With the lower bound of the filter, or a higher one.
    fn above(&self, bound: &str) -> String {
        let since = if bound.is_empty() { &self.since } else { bound };
        format!("{} AND created_at >= {since}", self.select)
    }
}

fn twice(slots: &str, scan: &Scan, n: &str, m: &str) -> String {
    let (few, more) = (scan.above(""), scan.above("cut.at"));
    format!(
        "WITH slots AS MATERIALIZED (SELECT row_number() OVER () AS slot, s.* FROM ({slots}) s), \
         few AS MATERIALIZED (SELECT s.slot, k.* FROM slots s CROSS JOIN LATERAL \
         ({few} ORDER BY created_at DESC, id_head LIMIT {m}) k), \
         cut AS MATERIALIZED (SELECT coalesce((SELECT created_at FROM (SELECT DISTINCT seq, created_at FROM few) d \
         ORDER BY created_at DESC OFFSET {n} - 1 LIMIT 1), {since}) AS at), \
         more AS (SELECT k.* FROM (SELECT slot FROM few GROUP BY slot \
         HAVING count(*) >= {m} AND min(created_at) >= (SELECT at FROM cut)) again \
         JOIN slots s USING (slot) CROSS JOIN cut CROSS JOIN LATERAL \
         ({more} ORDER BY created_at DESC, id_head LIMIT {n}) k) \
         SELECT seq, created_at, id_head FROM few UNION SELECT seq, created_at, id_head FROM more \
         ORDER BY created_at DESC, id_head LIMIT {n}",
        since = scan.since,
    )
}

#[derive(Default)]
struct Builder {
    args: Vec<Arg>,
}

impl Builder {
    fn arg(&mut self, arg: Arg) -> String {
        self.args.push(arg);
        format!("${}", self.args.len())
    }

    fn kinds(&mut self, filter: &Filter) -> Option<String> {
        let kinds = filter.kinds.as_ref()?;
        Some(self.arg(Arg::Kinds(kinds.iter().copied().map(i32::from).collect())))
    }

    fn pubkeys(&mut self, filter: &Filter) -> Option<String> {
        let authors = filter.authors.as_ref()?;
        Some(self.arg(Arg::Bytes(
            authors.iter().map(|author| author.as_bytes().to_vec()).collect(),
        )))
    }

    fn authors(&mut self, filter: &Filter) -> Option<String> {
        let pubkeys = self.pubkeys(filter)?;
        Some(format!(
            "author = ANY (ARRAY(SELECT id FROM authors WHERE pubkey = ANY ({pubkeys}::bytea[])))"
        ))
    }

    /// Where the slots come from, and how many there are at least. `None`: there is one, and it has no columns.
    fn slots(&mut self, driver: Driver, filter: &Filter) -> Option<(String, usize)> {
        let kinds = filter.kinds.as_ref().map_or(1, Vec::len);
        match driver {
            Driver::Ids | Driver::Time => None,
            Driver::Kinds => {
                let list = self.kinds(filter)?;
                Some((format!("SELECT unnest({list}::int4[]) AS s_kind"), kinds))
            }
            Driver::Authors => {
                let pubkeys = self.pubkeys(filter)?;
                let count = kinds * filter.authors.as_ref().map_or(0, Vec::len);
                let authors =
                    format!("SELECT id AS s_author FROM authors WHERE pubkey = ANY ({pubkeys}::bytea[])");
                Some((
                    self.with_kinds(&authors, "events", "author = p.s_author", filter),
                    count,
                ))
            }
            Driver::Tags => {
                let tag = filter.tags.iter().min_by_key(|tag| tag.values.len())?;
                let keys = self.arg(Arg::Ints(
                    tag.values
                        .iter()
                        .map(|value| tag_key(tag.letter, value))
                        .collect(),
                ));
                let tags = format!("SELECT unnest({keys}::bigint[]) AS s_tag");
                let slots = self.with_kinds(&tags, "searchable_tags", "tag = p.s_tag", filter);
                Some((slots, kinds * tag.values.len()))
            }
        }
    }

    /// Each value with each kind of the filter; without kinds in the filter, with each kind that it has events of, found
    /// by jumping from one to the next in the index.
    fn with_kinds(&mut self, values: &str, table: &str, is_value: &str, filter: &Filter) -> String {
        match self.kinds(filter) {
            Some(list) => {
                format!("SELECT p.*, k AS s_kind FROM ({values}) p CROSS JOIN unnest({list}::int4[]) k")
            }
            None => format!(
                "SELECT p.*, j.kind AS s_kind FROM ({values}) p CROSS JOIN LATERAL (WITH RECURSIVE jump AS (\
                 (SELECT kind FROM {table} WHERE {is_value} ORDER BY kind LIMIT 1) UNION ALL \
                 SELECT (SELECT t.kind FROM {table} t WHERE t.{is_value} AND t.kind > jump.kind ORDER BY t.kind LIMIT 1) \
                 FROM jump WHERE jump.kind IS NOT NULL) SELECT kind FROM jump WHERE kind IS NOT NULL) j"
            ),
        }
    }

    fn window(&mut self, filter: &Filter) -> Vec<String> {
        let since = self.arg(Arg::Int(signed(filter.since.unwrap_or(0))));
        let until = self.arg(Arg::Int(filter.until.map_or(i64::MAX, signed)));
        vec![format!("created_at >= {since}"), format!("created_at <= {until}")]
    }

    fn scan(&mut self, driver: Driver, filter: &Filter) -> Scan {
        let since = self.arg(Arg::Int(signed(filter.since.unwrap_or(0))));
        let until = self.arg(Arg::Int(filter.until.map_or(i64::MAX, signed)));
        let mut conditions = vec![format!("created_at <= {until}")];
        let (table, seq) = match driver {
            Driver::Tags => ("searchable_tags x", "x.event"),
            _ => ("events x", "x.seq"),
        };
        match driver {
            Driver::Ids | Driver::Time => {}
            Driver::Kinds => conditions.push("x.kind = s.s_kind".to_owned()),
            Driver::Authors => conditions.push("x.author = s.s_author AND x.kind = s.s_kind".to_owned()),
            Driver::Tags => {
                conditions.push("x.tag = s.s_tag AND x.kind = s.s_kind".to_owned());
                conditions.extend(self.authors(filter));
                conditions.extend(self.other_tags(filter));
            }
        }
        let select = format!(
            "SELECT {seq} AS seq, x.created_at, x.id_head FROM {table} WHERE {}",
            conditions.join(" AND ")
        );
        Scan { select, since }
    }

    /// The tags that do not drive: a look at one entry of the index each.
    fn other_tags(&mut self, filter: &Filter) -> Vec<String> {
        let Some(driving) = filter.tags.iter().min_by_key(|tag| tag.values.len()) else {
            return Vec::new();
        };
        let others = filter.tags.iter().filter(|tag| tag.letter != driving.letter);
        others
            .map(|tag| {
                let keys = tag.values.iter().map(|value| tag_key(tag.letter, value)).collect();
                let keys = self.arg(Arg::Ints(keys));
                format!(
                    "EXISTS (SELECT FROM searchable_tags o WHERE o.tag = ANY ({keys}::bigint[]) AND o.kind = x.kind \
                     AND o.created_at = x.created_at AND o.id_head = x.id_head AND o.event = x.event)"
                )
            })
            .collect()
    }

    /// The list bounds the work; everything else is a condition on the few rows.
    fn by_id(mut self, filter: &Filter, limit: i64) -> FilterQuery {
        let ids = filter
            .ids
            .iter()
            .flatten()
            .map(|id| id.as_bytes().to_vec())
            .collect();
        let ids = self.arg(Arg::Bytes(ids));
        let mut conditions = vec![format!("e.id = ANY ({ids}::bytea[])")];
        conditions.extend(self.window(filter));
        conditions.extend(
            self.kinds(filter)
                .map(|kinds| format!("kind = ANY ({kinds}::int4[])")),
        );
        conditions.extend(self.authors(filter));
        for tag in &filter.tags {
            let keys = tag
                .values
                .iter()
                .map(|value| tag_key(tag.letter, value))
                .collect();
            let keys = self.arg(Arg::Ints(keys));
            conditions.push(format!("e.tags && {keys}::bigint[]"));
        }
        let n = self.arg(Arg::Int(limit));
        let sql = format!(
            "SELECT e.id, e.created_at, e.expires_at, e.raw FROM events e WHERE {} \
             ORDER BY e.created_at DESC, e.id LIMIT {n}",
            conditions.join(" AND ")
        );
        FilterQuery { sql, args: self.args }
    }
}
