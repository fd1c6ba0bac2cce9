//! Small charts of an hour, drawn on the server as SVG: no script, no style in the page.

use std::fmt::Write;

/// Points of a line: half a minute each.
pub const POINTS: usize = 120;

/// Height of the drawing, in its own units; one unit of width is one point.
const HEIGHT: f64 = 40.0;

/// A line to be drawn: a value for each point, oldest first; `None` where nobody measured.
#[derive(Debug, Clone)]
pub struct Series {
    /// What it is; empty when the chart has only this line.
    pub name: &'static str,
    /// Its last value, as text.
    pub last: String,
    /// Its values.
    pub values: Vec<Option<f64>>,
}

/// A chart.
#[derive(Debug, Clone)]
pub struct Chart {
    /// What it shows.
    pub title: &'static str,
    /// The figure beside it.
    pub figure: String,
    /// A word about the figure.
    pub note: String,
    /// The value at its upper edge, as text.
    pub top: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A drawn line.
#[derive(Debug, Clone)]
pub struct Line {
    /// `one`, `two`, `three`: its colour.
    pub class: &'static str,
    /// What it is.
    pub name: &'static str,
    /// Its last value.
    pub last: String,
    /// `d` of its path.
    pub path: String,
    /// `d` of what lies below it; empty for all but a single line.
    pub area: String,
}

impl Chart {
    /// Draws lines on one scale from zero to a round number above all of them. `text` writes a value.
    pub fn draw(
        title: &'static str,
        figure: String,
        note: impl Into<String>,
        series: Vec<Series>,
        text: impl Fn(f64) -> String,
    ) -> Self {
        let values = series.iter().flat_map(|series| series.values.iter().flatten());
        let top = round_above(values.copied().fold(0.0, f64::max));
        let alone = series.len() == 1;
        let classes = ["one", "two", "three"].into_iter().cycle();
        let lines = series.into_iter().zip(classes).map(|(series, class)| {
            let (path, area) = draw(&series.values, top);
            Line {
                class,
                name: series.name,
                last: series.last,
                path,
                area: if alone { area } else { String::new() },
            }
        });
        Self {
            title,
            figure,
            note: note.into(),
            top: text(top),
            lines: lines.collect(),
        }
    }
}

/// 1, 2 or 5 times a power of ten.
fn round_above(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    // Against 0.1 + 0.2: a value that is round already stays below its own edge.
    steps
        .into_iter()
        .map(|step| step * power)
        .find(|edge| *edge >= value * 0.9999)
        .unwrap_or(value)
}

fn draw(values: &[Option<f64>], top: f64) -> (String, String) {
    let (mut path, mut area) = (String::new(), String::new());
    let mut began: Option<usize> = None;
    for (x, value) in values.iter().enumerate() {
        let Some(value) = value else {
            dot(&mut path, began, x);
            close(&mut area, &mut began, x);
            continue;
        };
        let y = HEIGHT - (value / top).clamp(0.0, 1.0) * (HEIGHT - 2.0) - 1.0;
        let word = if began.is_some() { 'L' } else { 'M' };
        // Writing to a String cannot fail.
        let _ = write!(path, "{word}{x} {y:.1}");
        if began.is_none() {
            let _ = write!(area, "M{x} {HEIGHT}");
            began = Some(x);
        }
        let _ = write!(area, "L{x} {y:.1}");
    }
    dot(&mut path, began, values.len());
    close(&mut area, &mut began, values.len());
    (path, area)
}

/// A single value would be a line without length, which nobody sees.
fn dot(path: &mut String, began: Option<usize>, end: usize) {
    if began.is_some_and(|began| began + 1 == end) {
        path.push_str("h0");
    }
}

fn close(area: &mut String, began: &mut Option<usize>, x: usize) {
    if began.take().is_some() {
        let _ = write!(area, "L{} {HEIGHT}Z", x.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        for (value, edge) in [
            (0.0, 1.0),
            (0.3, 0.5),
            (1.0, 1.0),
            (1.1, 2.0),
            (70.0, 100.0),
            (2000.0, 2000.0),
        ] {
            assert!(
                (round_above(value) - edge).abs() < 1e-9,
                "{value}: {}",
                round_above(value)
            );
        }
    }

    #[test]
    fn a_gap_is_a_gap() {
        let (path, area) = draw(&[Some(0.0), Some(10.0), None, Some(10.0)], 10.0);
        assert_eq!(path, "M0 39.0L1 1.0M3 1.0h0");
        assert_eq!(area, "M0 40L0 39.0L1 1.0L1 40ZM3 40L3 1.0L3 40Z");
    }
}
