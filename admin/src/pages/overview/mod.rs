//! How the relay is: figures of the last hour, its processes, its servers. It moves by itself.

mod figures;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use futures::{StreamExt, stream};
use queue::Queue;
use runtime::{figures::ProcessRecord, redis::RedisVitals};
use store::{PostgresVitals, TableSize};

use crate::{
    App,
    hour::{Hour, QueuePoint},
    web::{Ago, Chart, Frame, Moved, PageError, bytes, duration, grouped, live, render},
};

/// Tables that are shown, the largest.
const TABLES: usize = 10;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/overview", get(show))
        .route("/overview/live", get(moving))
}

#[derive(Template)]
#[template(path = "overview/page.html")]
struct Page {
    frame: Frame,
    charts: String,
    state: String,
}

#[derive(Template)]
#[template(path = "overview/charts.html")]
struct Charts {
    charts: Vec<Chart>,
}

#[derive(Template)]
#[template(path = "overview/state.html")]
struct Now {
    hour: Arc<Hour>,
}

async fn show(State(app): State<App>, frame: Frame) -> Result<Response, PageError> {
    let hour = app.hours.borrow().clone();
    let page = Page {
        charts: charts(&hour)?,
        state: state(hour)?,
        frame,
    };
    Ok(render(&page)?.into_response())
}

async fn moving(State(app): State<App>) -> Response {
    let hours = app.hours.clone();
    let moved = stream::unfold(hours, |mut hours| async move {
        // An error would mean that the keeper has ended: so has this process.
        hours.changed().await.ok()?;
        let hour = hours.borrow_and_update().clone();
        let parts = [
            charts(&hour).map(|html| Moved::Part("charts", html)),
            state(hour).map(|html| Moved::Part("state", html)),
        ];
        let parts: Vec<Moved> = parts.into_iter().flatten().collect();
        Some((stream::iter(parts), hours))
    });
    live(moved.flatten(), app.stopping.clone())
}

fn charts(hour: &Hour) -> Result<String, PageError> {
    let charts = figures::charts(hour);
    Ok(Charts { charts }.render()?)
}

fn state(hour: Arc<Hour>) -> Result<String, PageError> {
    Ok(Now { hour }.render()?)
}

impl Now {
    fn queues(&self) -> Vec<(Queue, QueuePoint, f64)> {
        let newest = self.hour.newest().map(|point| point.queues).unwrap_or_default();
        let minute = self.hour.last(60);
        let done = |at: usize| minute.iter().map(|point| point.queues[at].done).sum();
        Queue::ALL
            .into_iter()
            .enumerate()
            .map(|(at, queue)| (queue, newest[at], done(at)))
            .collect()
    }

    fn is_alive(&self, process: &ProcessRecord) -> bool {
        process.is_alive(self.hour.now_ms)
    }

    fn since(&self, ms: u64) -> Ago {
        Ago((self.hour.now_ms.saturating_sub(ms) / 1000) as i64)
    }

    fn postgres(&self) -> Option<&PostgresVitals> {
        self.hour.postgres.as_ref()?.as_ref().ok()
    }

    fn postgres_problem(&self) -> &str {
        match &self.hour.postgres {
            Some(Err(problem)) => problem,
            _ => "",
        }
    }

    /// The largest tables.
    fn tables(&self) -> &[TableSize] {
        let shown = self.hour.tables.len().min(TABLES);
        &self.hour.tables[..shown]
    }

    /// How many tables are smaller than those, and how large they are together.
    fn smaller(&self) -> (usize, u64) {
        let smaller = &self.hour.tables[self.tables().len()..];
        let size = |table: &TableSize| table.table_bytes + table.index_bytes;
        (smaller.len(), smaller.iter().map(size).sum())
    }

    /// Thousandths of the largest table, for its bar.
    fn share(&self, table: &TableSize) -> u64 {
        let size = |table: &TableSize| table.table_bytes + table.index_bytes;
        let largest = self.hour.tables.iter().map(size).max().unwrap_or_default();
        size(table) * 1000 / largest.max(1)
    }
}

/// A server whose state wants a look, in a word; empty when all is well.
fn redis_warning(redis: &RedisVitals) -> &'static str {
    if redis.persistence_failed {
        "cannot write to its disk"
    } else if redis.master_is_up == Some(false) {
        "does not hear its master"
    } else if redis.eviction_policy != "noeviction" {
        "may throw jobs away: set maxmemory-policy to noeviction"
    } else if redis.max_bytes > 0 && redis.used_bytes * 10 > redis.max_bytes * 9 {
        "memory is nearly full"
    } else if !redis.append_only {
        "forgets jobs when it restarts: set appendonly to yes"
    } else {
        ""
    }
}

fn postgres_warning(postgres: &PostgresVitals) -> &'static str {
    if postgres.is_replica {
        "is a replica: nothing can be written"
    } else if postgres.connections * 10 > postgres.max_connections * 9 {
        "nearly all connections are used"
    } else if postgres.oldest_transaction_s > 600 {
        "a transaction has been open for long: vacuum waits for it"
    } else {
        ""
    }
}

fn seconds(count: &u64) -> String {
    duration(*count as f64)
}

/// `12.3 %`
fn per_mille(share: u64) -> String {
    format!("{}.{} %", share / 10, share % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wants_a_look_is_said() {
        let well = RedisVitals {
            eviction_policy: "noeviction".to_owned(),
            append_only: true,
            ..RedisVitals::default()
        };
        assert_eq!(redis_warning(&well), "");
        let full = RedisVitals {
            used_bytes: 95,
            max_bytes: 100,
            ..well.clone()
        };
        assert!(redis_warning(&full).contains("full"));
        let careless = RedisVitals {
            eviction_policy: "allkeys-lru".to_owned(),
            ..well
        };
        assert!(redis_warning(&careless).contains("noeviction"));
        assert_eq!(per_mille(987), "98.7 %");
    }
}
