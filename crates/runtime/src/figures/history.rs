//! Reading: the hour, slot by slot.

use std::collections::HashMap;

use fred::{clients::Client, interfaces::HashesInterface};

use super::{ProcessRecord, SLOT_S, SLOTS, processes_key, slot_key, slot_of};
use crate::telemetry::SECONDS;

/// Slots read in one pipeline.
const PAGE: usize = 120;

/// A process that has been silent this long is forgotten.
const FORGOTTEN_MS: u64 = 600_000;

/// The figures could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read the figures")]
pub struct FiguresError(#[from] fred::error::Error);

/// What all processes counted in one slot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slot {
    /// Its start, unix seconds.
    pub start: u64,
    /// By field; what is not there is zero, or was not measured.
    pub values: HashMap<String, f64>,
}

/// Reads what the processes write.
#[derive(Clone)]
pub struct History {
    client: Client,
    namespace: String,
}

impl History {
    /// Through a connected client.
    pub fn new(client: Client, namespace: impl Into<String>) -> Self {
        Self {
            client,
            namespace: namespace.into(),
        }
    }

    /// The complete slots that end at `now_ms` or before and start after `after` (unix seconds), oldest first; at most an
    /// hour of them. A slot in which nobody wrote is there and empty.
    pub async fn slots(&self, after: u64, now_ms: u64) -> Result<Vec<Slot>, FiguresError> {
        let end = slot_of(now_ms);
        let first = end.saturating_sub(SLOTS * SLOT_S).max(after + SLOT_S);
        let starts: Vec<u64> = (first..end).step_by(SLOT_S as usize).collect();
        let mut slots = Vec::with_capacity(starts.len());
        for starts in starts.chunks(PAGE) {
            let pipeline = self.client.pipeline();
            for start in starts {
                let _: () = pipeline.hgetall(slot_key(&self.namespace, *start)).await?;
            }
            let read: Vec<HashMap<String, f64>> = pipeline.all().await?;
            slots.extend(starts.iter().zip(read).map(|(start, values)| Slot {
                start: *start,
                values,
            }));
        }
        Ok(slots)
    }

    /// The processes that told of themselves in the last ten minutes, by kind and start; the older ones are forgotten.
    pub async fn processes(&self, now_ms: u64) -> Result<Vec<ProcessRecord>, FiguresError> {
        let key = processes_key(&self.namespace);
        let all: HashMap<String, String> = self.client.hgetall(&key).await?;
        let (mut known, mut gone) = (Vec::new(), Vec::new());
        for (id, json) in all {
            match serde_json::from_str::<ProcessRecord>(&json) {
                Ok(record) if record.seen_ms + FORGOTTEN_MS > now_ms => {
                    known.push(ProcessRecord { id, ..record });
                }
                _ => gone.push(id),
            }
        }
        if !gone.is_empty() {
            let _: () = self.client.hdel(&key, gone).await?;
        }
        known.sort_by(|a, b| (&a.kind, a.started_ms, &a.id).cmp(&(&b.kind, b.started_ms, &b.id)));
        Ok(known)
    }
}

impl Slot {
    /// A figure; all its series together when it has labels.
    pub fn sum(&self, metric: &str) -> f64 {
        self.values
            .iter()
            .filter(|(field, _)| is_of(field, metric))
            .map(|(_, value)| value)
            .sum()
    }

    /// A series by its field, such as `queue_waiting{nostr:event}`.
    pub fn get(&self, field: &str) -> Option<f64> {
        self.values.get(field).copied()
    }

    /// Adds the buckets of a histogram to `buckets`, by their upper bounds. `series` is a field without its bound.
    pub fn add_buckets(&self, series: &str, buckets: &mut Vec<(f64, f64)>) {
        for (field, count) in &self.values {
            let bound = field
                .strip_prefix(series)
                .and_then(|rest| rest.strip_prefix('<'))
                .and_then(|bound| bound.parse::<f64>().ok());
            let Some(bound) = bound else { continue };
            match buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, sum)) => *sum += count,
                None => buckets.push((bound, *count)),
            }
        }
    }
}

fn is_of(field: &str, metric: &str) -> bool {
    field
        .strip_prefix(metric)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
}

/// The value below which a share of what was counted lies, `of` from 0 to 1: as in Prometheus, evenly spread within its
/// bucket. `None` when nothing was counted.
pub fn quantile(buckets: &mut [(f64, f64)], of: f64) -> Option<f64> {
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = buckets.iter().map(|(_, count)| count).sum();
    if total <= 0.0 {
        return None;
    }
    let mut below = 0.0;
    let (bound, count) = buckets.iter().find(|(_, count)| {
        let is_there = *count > 0.0 && below + count >= total * of;
        if !is_there {
            below += count;
        }
        is_there
    })?;
    // Empty buckets are not written, so the bound below is looked up.
    let lower = SECONDS
        .iter()
        .rev()
        .find(|known| *known < bound)
        .copied()
        .unwrap_or_default();
    // Nothing is known above the highest bound.
    let upper = if bound.is_finite() { *bound } else { lower };
    Some(lower + (upper - lower) * (total * of - below) / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let mut buckets = vec![(0.01, 10.0), (0.001, 90.0), (f64::INFINITY, 0.0)];
        let p50 = quantile(&mut buckets, 0.5).unwrap();
        assert!((p50 - (0.0005 + 0.0005 * 50.0 / 90.0)).abs() < 1e-9, "{p50}");
        let p95 = quantile(&mut buckets, 0.95).unwrap();
        assert!((p95 - 0.0075).abs() < 1e-9, "{p95}");
        assert_eq!(quantile(&mut [(0.1, 0.0)], 0.5), None);
        assert_eq!(
            quantile(&mut [(10.0, 1.0), (f64::INFINITY, 9.0)], 0.99),
            Some(10.0),
            "beyond the highest bound it is the bound"
        );
    }

    #[test]
    fn a_metric_is_not_one_whose_name_begins_alike() {
        let slot = Slot {
            start: 0,
            values: [
                ("jobs{a}", 1.0),
                ("jobs{b}", 2.0),
                ("jobs_total", 4.0),
                ("jobs<0.1", 8.0),
            ]
            .map(|(field, value)| (field.to_owned(), value))
            .into(),
        };
        assert_eq!(slot.sum("jobs"), 3.0);
        assert_eq!(slot.get("jobs{b}"), Some(2.0));
    }
}
