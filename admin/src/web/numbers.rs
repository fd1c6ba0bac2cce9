//! Rates and durations as people read them.

/// `0`, `0.4`, `12`, `3.4 k`, `1.2 M`
pub fn compact(value: f64) -> String {
    match value {
        _ if value < 0.05 => "0".to_owned(),
        _ if value < 9.95 => {
            let text = format!("{value:.1}");
            text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
        }
        _ if value < 999.5 => format!("{value:.0}"),
        _ if value < 99_950.0 => format!("{:.1} k", value / 1e3),
        _ if value < 999_500.0 => format!("{:.0} k", value / 1e3),
        _ => format!("{:.1} M", value / 1e6),
    }
}

/// Seconds: `0`, `90 µs`, `1.2 ms`, `45 ms`, `2.5 s`, `3 min`
pub fn duration(seconds: f64) -> String {
    match seconds {
        _ if seconds <= 0.0 => "0".to_owned(),
        _ if seconds < 0.000_999_5 => format!("{:.0} µs", seconds * 1e6),
        _ if seconds < 0.009_95 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 0.999_5 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        _ if seconds < 172_800.0 => format!("{:.0} h", seconds / 3600.0),
        _ => format!("{:.0} d", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        for (value, text) in [
            (0.0, "0"),
            (0.4, "0.4"),
            (5.0, "5"),
            (12.4, "12"),
            (3_412.0, "3.4 k"),
            (123_456.0, "123 k"),
            (2_500_000.0, "2.5 M"),
        ] {
            assert_eq!(compact(value), text);
        }
    }

    #[test]
    fn durations() {
        for (value, text) in [
            (0.000_09, "90 µs"),
            (0.001_2, "1.2 ms"),
            (0.045, "45 ms"),
            (2.5, "2.5 s"),
            (59.6, "60 s"),
            (180.0, "3 min"),
            (90_000.0, "25 h"),
        ] {
            assert_eq!(duration(value), text);
        }
    }
}
