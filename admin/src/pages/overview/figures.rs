//! The charts of the hour, and the figures beside them.

use std::sync::Arc;

use runtime::figures::SLOT_S;

use crate::{
    hour::{Hour, Latency, Point, QueuePoint},
    web::{Chart, POINTS, Series, bytes, compact, duration},
};

/// Seconds that a figure of now looks back.
const NOW_S: u64 = 15;

/// Seconds that a latency of now looks back: few events make a poor percentile.
const LATENCY_S: u64 = 60;

/// All charts, in their order.
pub fn charts(hour: &Hour) -> Vec<Chart> {
    let groups = Groups::new(hour);
    let messages = |point: &Point| point.messages;
    vec![
        connections(&groups),
        groups.rate("Messages in", "a second", messages),
        ingested(&groups),
        groups.rate("Live deliveries", "a second", |point| point.deliveries),
        traffic(&groups),
        waiting(&groups),
        groups.latency("Ingest", "p95, from the queue to the commit", |point| {
            &point.ingest
        }),
        groups.latency("Queries", "p95, in memory or Postgres", |point| &point.query),
        servers(&groups),
    ]
}

/// The slots of each point of a line. Points begin at whole half minutes, so what is drawn stays as it is while the hour goes
/// on.
struct Groups<'h> {
    hour: &'h Hour,
    groups: Vec<&'h [Arc<Point>]>,
}

impl<'h> Groups<'h> {
    fn new(hour: &'h Hour) -> Self {
        let seconds = 3600 / POINTS as u64;
        let mut groups: Vec<&[Arc<Point>]> = hour
            .points
            .chunk_by(|a, b| a.start / seconds == b.start / seconds)
            .collect();
        groups.drain(..groups.len().saturating_sub(POINTS));
        Self { hour, groups }
    }

    fn line(&self, value: impl Fn(&[Arc<Point>]) -> Option<f64>) -> Vec<Option<f64>> {
        let is_written = |group: &&[Arc<Point>]| group.iter().any(|point| point.is_written);
        self.groups
            .iter()
            .map(|group| Some(*group).filter(is_written).and_then(&value))
            .collect()
    }

    /// A level: the highest of each group.
    fn level(&self, of: impl Fn(&Point) -> f64) -> Vec<Option<f64>> {
        self.line(|group| group.iter().map(|point| of(point)).reduce(f64::max))
    }

    fn now(&self, of: impl Fn(&Point) -> f64) -> f64 {
        self.hour.newest().map_or(0.0, of)
    }

    /// A second, in each group.
    fn rates(&self, of: impl Fn(&Point) -> f64) -> Vec<Option<f64>> {
        self.line(|group| Some(per_second(group, &of)))
    }

    fn rate_now(&self, of: impl Fn(&Point) -> f64) -> f64 {
        per_second(self.hour.last(NOW_S), &of)
    }

    fn rate(&self, title: &'static str, note: &str, of: impl Fn(&Point) -> f64) -> Chart {
        let series = Series {
            name: "",
            last: String::new(),
            values: self.rates(&of),
        };
        Chart::draw(title, compact(self.rate_now(&of)), note, vec![series], compact)
    }

    fn latency(&self, title: &'static str, note: &str, of: impl Fn(&Point) -> &Latency) -> Chart {
        let share = |group: &[Arc<Point>], share: f64| {
            let mut sum = Latency::default();
            group.iter().for_each(|point| sum.add(of(point)));
            sum.quantile(share)
        };
        let lately = self.hour.last(LATENCY_S);
        let text = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), duration);
        let lines = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)].map(|(name, of)| Series {
            name,
            last: text(share(lately, of)),
            values: self.line(|group| share(group, of)),
        });
        Chart::draw(title, text(share(lately, 0.95)), note, lines.into(), duration)
    }
}

fn connections(groups: &Groups<'_>) -> Chart {
    let line = |name: &'static str, of: fn(&Point) -> f64| Series {
        name,
        last: compact(groups.now(of)),
        values: groups.level(of),
    };
    let lines = vec![
        line("connections", |point| point.connections),
        line("subscriptions", |point| point.subscriptions),
    ];
    let now = compact(groups.now(|point| point.connections));
    Chart::draw("Connections", now, "open now", lines, compact)
}

fn ingested(groups: &Groups<'_>) -> Chart {
    let line = |name: &'static str, of: fn(&Point) -> f64| Series {
        name,
        last: compact(groups.rate_now(of)),
        values: groups.rates(of),
    };
    let lines = vec![
        line("stored", |point| point.stored),
        line("all", |point| point.events),
    ];
    let now = compact(groups.rate_now(|point| point.stored));
    Chart::draw("Events stored", now, "a second", lines, compact)
}

fn traffic(groups: &Groups<'_>) -> Chart {
    let text = |value: f64| format!("{}/s", bytes(value as u64));
    let line = |name: &'static str, of: fn(&Point) -> f64| Series {
        name,
        last: text(groups.rate_now(of)),
        values: groups.rates(of),
    };
    let lines = vec![
        line("out", |point| point.sent_bytes),
        line("in", |point| point.received_bytes),
    ];
    let now = text(groups.rate_now(|point| point.sent_bytes));
    Chart::draw("Traffic", now, "to clients", lines, text)
}

fn waiting(groups: &Groups<'_>) -> Chart {
    let all = |of: fn(&QueuePoint) -> f64| move |point: &Point| point.queues.iter().map(of).sum::<f64>();
    let oldest = groups.now(|point| {
        point
            .queues
            .iter()
            .map(|queue| queue.oldest_ms)
            .fold(0.0, f64::max)
    });
    let lines = [
        ("waiting", all(|queue| queue.waiting)),
        ("running", all(|queue| queue.running)),
    ];
    let lines = lines.map(|(name, of)| Series {
        name,
        last: compact(groups.now(of)),
        values: groups.level(of),
    });
    let now = compact(groups.now(all(|queue| queue.waiting)));
    let note = if oldest > 0.0 {
        format!("jobs wait; the oldest is {} old", duration(oldest / 1000.0))
    } else {
        "jobs wait".to_owned()
    };
    Chart::draw("Queues", now, note, lines.into(), compact)
}

fn servers(groups: &Groups<'_>) -> Chart {
    let highest = |of: fn(&Point) -> Option<f64>| {
        groups.line(|group| group.iter().filter_map(|point| of(point)).reduce(f64::max))
    };
    let text = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), duration);
    let newest = groups.hour.newest();
    let line = |name, of: fn(&Point) -> Option<f64>| Series {
        name,
        last: text(newest.and_then(of)),
        values: highest(of),
    };
    let lines = vec![
        line("Postgres", |point| point.postgres_s),
        line("Redis", |point| point.redis_s),
    ];
    let now = text(newest.and_then(|point| point.postgres_s));
    Chart::draw("Servers", now, "Postgres answers", lines, duration)
}

fn per_second(points: &[Arc<Point>], of: impl Fn(&Point) -> f64) -> f64 {
    let seconds = points.len() as u64 * SLOT_S;
    points.iter().map(|point| of(point)).sum::<f64>() / seconds.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(count: u64) -> Hour {
        let point = |n| {
            Arc::new(Point {
                start: 1_000_000 + n * SLOT_S,
                is_written: true,
                connections: n as f64,
                messages: 50.0,
                ..Point::default()
            })
        };
        Hour {
            points: (0..count).map(point).collect(),
            ..Hour::default()
        }
    }

    #[test]
    fn an_hour_is_a_hundred_and_twenty_points() {
        let hour = hour(720);
        let groups = Groups::new(&hour);
        assert!((119..=120).contains(&groups.groups.len()));
        assert_eq!(groups.rate_now(|point| point.messages), 10.0);
        assert_eq!(groups.now(|point| point.connections), 719.0);
        assert_eq!(charts(&hour).len(), 9);
    }

    #[test]
    fn a_relay_that_has_just_started_has_charts_too() {
        for hour in [Hour::default(), hour(1)] {
            let charts = charts(&hour);
            assert_eq!(charts[6].figure, "–", "nothing was measured");
        }
    }
}
