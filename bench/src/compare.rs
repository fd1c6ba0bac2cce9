//! Two reports side by side.

use std::fmt::Write;

use crate::report::{Report, Row, short};

/// A table: the first figure, the second, and the second divided by the first.
pub fn compare(first: &Report, second: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{} → {} (second divided by first)",
        first.label, second.label
    );
    if first.machine.processor != second.machine.processor || first.machine.cores != second.machine.cores {
        let _ = writeln!(
            out,
            "? the machines differ: {:?} and {:?}",
            first.machine, second.machine
        );
    }
    if first.corpus != second.corpus {
        let _ = writeln!(
            out,
            "? the corpora differ: {:?} and {:?}",
            first.corpus, second.corpus
        );
    }
    let _ = writeln!(
        out,
        "{:<34} {:>30} {:>30} {:>30} {:>30}",
        "workload", "per s", "p50 ms", "p99 ms", "µs CPU"
    );
    for row in &first.rows {
        let Some(other) = second.rows.iter().find(|other| other.workload == row.workload) else {
            continue;
        };
        let columns: [fn(&Row) -> f64; 4] = [
            |row| row.rate,
            |row| row.latency.p50,
            |row| row.latency.p99,
            Row::total_cpu_us,
        ];
        let _ = write!(out, "{:<34}", row.workload);
        for column in columns {
            let _ = write!(out, " {:>30}", pair(column(row), column(other)));
        }
        out.push('\n');
        if row.faults != other.faults {
            let _ = writeln!(out, "    ! {:?} → {:?}", row.faults, other.faults);
        }
    }
    out
}

fn pair(first: f64, second: f64) -> String {
    if first == 0.0 || second == 0.0 {
        return format!("{} → {}", short(first), short(second));
    }
    format!("{} → {} ({:.2}×)", short(first), short(second), second / first)
}
