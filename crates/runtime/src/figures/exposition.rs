//! Reading what the metrics of this process are: the text that Prometheus gets.

use std::collections::HashMap;

/// What a series counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// Grows as long as the process lives.
    Count,
    /// Goes up and down.
    Level,
}

/// One series at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample<'t> {
    /// The metric that it belongs to.
    pub metric: &'t str,
    /// Its field in a slot.
    pub field: String,
    pub nature: Nature,
    pub value: f64,
}

/// The counters, gauges and histogram buckets of the metrics that are `kept`. Sums of histograms and summaries are left out.
pub(super) fn samples<'t>(text: &'t str, kept: impl Fn(&str) -> bool) -> Vec<Sample<'t>> {
    let mut samples = Vec::new();
    let mut kind = ("", "");
    // Buckets count what lies below their bound, those before them included.
    let mut below: HashMap<String, f64> = HashMap::new();
    for line in text.lines() {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            kind = told.split_once(' ').unwrap_or_default();
            continue;
        }
        let (metric, nature) = match kind {
            (metric, "counter" | "histogram") => (metric, Nature::Count),
            (metric, "gauge") => (metric, Nature::Level),
            _ => continue,
        };
        if line.starts_with('#') || !kept(metric) {
            continue;
        }
        let Some((series, value)) = line.rsplit_once(' ') else {
            continue;
        };
        let Ok(value) = value.parse::<f64>() else { continue };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let (values, bound) = label_values(labels.trim_end_matches('}'));
        let field = match values.as_str() {
            "" => metric.to_owned(),
            values => format!("{metric}{{{values}}}"),
        };
        let (field, value) = match (kind.1, name.strip_prefix(metric), bound) {
            ("histogram", Some("_bucket"), Some(bound)) => {
                let before = below.insert(field.clone(), value).unwrap_or_default();
                (format!("{field}<{bound}"), value - before)
            }
            ("histogram", ..) => continue,
            _ => (field, value),
        };
        samples.push(Sample {
            metric,
            field,
            nature,
            value,
        });
    }
    samples
}

/// The values of the labels with commas between them, and that of `le` apart. Our values hold no quotes and no commas.
fn label_values(labels: &str) -> (String, Option<&str>) {
    let mut values = String::new();
    let mut bound = None;
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=').unwrap_or((label, ""));
        let value = value.trim_matches('"');
        if name == "le" {
            bound = Some(value);
            continue;
        }
        if !values.is_empty() {
            values.push(',');
        }
        values.push_str(value);
    }
    (values, bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP jobs_total Jobs
# TYPE jobs_total counter
jobs_total{queue="nostr:event",result="done"} 12
jobs_total{queue="nostr:req",result="dead"} 1

# TYPE other_total counter
other_total 9
# TYPE relay_connections gauge
relay_connections 3
# TYPE worker_batch_events summary
worker_batch_events{quantile="0.5"} 1
worker_batch_events_sum 1
# TYPE worker_commit_seconds histogram
worker_commit_seconds_bucket{queue="a",le="0.001"} 2
worker_commit_seconds_bucket{queue="a",le="0.005"} 5
worker_commit_seconds_bucket{queue="a",le="+Inf"} 6
worker_commit_seconds_sum{queue="a"} 0.5
worker_commit_seconds_count{queue="a"} 6
"#;

    #[test]
    fn fields_are_compact_and_buckets_hold_what_fell_into_them() {
        let samples = samples(TEXT, |metric| metric != "other_total");
        let read: Vec<_> = samples
            .iter()
            .map(|sample| (sample.field.as_str(), sample.nature, sample.value))
            .collect();
        assert_eq!(
            read,
            [
                ("jobs_total{nostr:event,done}", Nature::Count, 12.0),
                ("jobs_total{nostr:req,dead}", Nature::Count, 1.0),
                ("relay_connections", Nature::Level, 3.0),
                ("worker_commit_seconds{a}<0.001", Nature::Count, 2.0),
                ("worker_commit_seconds{a}<0.005", Nature::Count, 3.0),
                ("worker_commit_seconds{a}<+Inf", Nature::Count, 1.0),
            ]
        );
    }
}
