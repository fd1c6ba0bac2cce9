//! What matches a search, before anything is ranked: the newest, and not without bound.

use sqlx::Row;

use super::{Searching, failed, marks, marks::Window, tsquery::TsQuery};
use crate::{
    Store, StoreError,
    filter_sql::{Args, Driver, FilterQuery, Wanted, has_tags},
    rarest::Counted,
};

impl Store {
    /// Sequence numbers of events that match, the newest `at_most`.
    pub(super) async fn candidates(
        &self,
        searching: &Searching,
        wanted: &Wanted<'_>,
        query: &TsQuery,
        at_most: usize,
        now: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let (since, until) = (wanted.since(), wanted.until());
        let whole = Window {
            marks: Vec::new(),
            since,
            until,
            except: None,
        };
        let (source, windows) = if wanted.filter.ids.is_some() {
            (Source::Ids, vec![whole])
        } else if let Some(tag) = self.rare_tag(wanted).await? {
            (Source::Tag(tag), vec![whole])
        } else {
            (Source::Words, marks::windows(since, until, now))
        };
        let mut found = Vec::new();
        for window in windows {
            let statement = source.select(wanted, query, &window, at_most - found.len());
            let rows = statement
                .bind()
                .fetch_all(&searching.searches)
                .await
                .and_then(|rows| {
                    rows.iter()
                        .map(|row| row.try_get::<i64, _>(0))
                        .collect::<Result<Vec<_>, _>>()
                });
            found.extend(rows.map_err(failed)?);
            if found.len() >= at_most {
                break;
            }
        }
        Ok(found)
    }

    /// A tag that so few events have that each can be looked at.
    async fn rare_tag(&self, wanted: &Wanted<'_>) -> Result<Option<usize>, StoreError> {
        let drivers: Vec<Driver> = (0..wanted.filter.tags.len()).map(Driver::Tag).collect();
        if drivers.is_empty() {
            return Ok(None);
        }
        let counted = &mut Counted::default();
        let rarest = self.rarest(wanted, &drivers, wanted.since(), counted).await?;
        Ok(match rarest.driver {
            Driver::Tag(tag) if rarest.is_bounded => Some(tag),
            _ => None,
        })
    }
}

/// By which index the candidates are found.
enum Source {
    /// `events_id`.
    Ids,
    /// `searchable_tags_by_tag`, by this one of the filter's tags.
    Tag(usize),
    /// `searchable_contents_by_word`.
    Words,
}

impl Source {
    fn select(&self, wanted: &Wanted<'_>, query: &TsQuery, window: &Window, at_most: usize) -> FilterQuery {
        let mut args = Args::default();
        let words = args.text(query.marked(&window.marks));
        let mut conditions = vec![
            format!("s.words @@ {words}::tsquery"),
            format!("s.created_at >= {}", args.int(window.since)),
            format!("s.created_at <= {}", args.int(window.until)),
        ];
        if let Some((from, to)) = window.except {
            let (from, to) = (args.int(from), args.int(to));
            conditions.push(format!("NOT s.created_at BETWEEN {from} AND {to}"));
        }
        let from = match self {
            Self::Words => {
                conditions.extend(has_tags(wanted, "s.event", &mut args));
                "searchable_contents s".to_owned()
            }
            Self::Ids => {
                conditions.extend(args.ids(wanted).map(|ids| format!("e.id = ANY ({ids})")));
                conditions.extend(has_tags(wanted, "e.seq", &mut args));
                "events e JOIN searchable_contents s ON s.event = e.seq".to_owned()
            }
            Self::Tag(place) => {
                let tag = args.tag(&wanted.filter.tags[*place]);
                conditions.extend(has_tags(wanted, "t.event", &mut args));
                format!(
                    "(SELECT DISTINCT event FROM searchable_tags WHERE tag = ANY ({tag})) t \
                     JOIN searchable_contents s ON s.event = t.event"
                )
            }
        };
        let n = args.int(i64::try_from(at_most).unwrap_or(i64::MAX));
        FilterQuery {
            sql: format!(
                "SELECT s.event FROM {from} WHERE {} ORDER BY s.created_at DESC, s.event DESC LIMIT {n}",
                conditions.join(" AND ")
            ),
            args: args.list,
        }
    }
}
