//! A chart of ratios, drawn as SVG.
//!
//! Each bar begins at one, which is ours. A bar to the right takes more, and a bar to the left takes less.
//! The axis is logarithmic, since the ratios span several orders of magnitude. The colours follow the
//! reader's choice of a light or a dark page.

use std::fmt::Write as _;

use crate::stats::Summary;
use crate::targets::times;

/// One bar.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) kind: Kind,
    /// As a multiple of ours.
    pub(crate) ratio: Summary,
    /// The figure itself.
    pub(crate) value: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Other,
    LowerBound,
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Other => "other",
            Self::LowerBound => "bound",
        }
    }
}

/// Bars under one heading.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

const WIDTH: f64 = 860.0;
const LEFT: f64 = 190.0;
/// Space for the text after the longest bar.
const RIGHT: f64 = 190.0;
const TOP: f64 = 58.0;
const ROW: f64 = 22.0;
const BAR: f64 = 12.0;
const HEADING: f64 = 34.0;
const BOTTOM: f64 = 58.0;

const STYLE: &str = "\
svg { font: 13px system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif; }
.page { fill: #ffffff; } text { fill: #1f2328; } .title { font-weight: 600; font-size: 15px; }
.heading { font-weight: 600; } .faint { fill: #59636e; font-size: 12px; }
.grid { stroke: #d1d9e0; stroke-width: 1; } .one { stroke: #59636e; stroke-width: 1.5; }
.spread { stroke: #1f2328; stroke-width: 1.5; }
.ours { fill: #0969da; } .other { fill: #c4801c; } .bound { fill: #818b98; }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; } text { fill: #f0f6fc; } .faint { fill: #9198a1; }
.grid { stroke: #3d444d; } .one { stroke: #9198a1; } .spread { stroke: #f0f6fc; }
.ours { fill: #4493f8; } .other { fill: #db9a3c; } .bound { fill: #6e7681; }
}";

/// The horizontal axis.
struct Axis {
    /// The powers of ten at its ends.
    from: i32,
    to: i32,
}

impl Axis {
    fn over(panels: &[Panel]) -> Self {
        let all = || panels.iter().flat_map(|panel| &panel.bars);
        let lowest = all().map(|bar| bar.ratio.low.min(1.0)).fold(1.0, f64::min);
        let highest = all().map(|bar| bar.ratio.high.max(1.0)).fold(1.0, f64::max);
        Self {
            from: lowest.max(1e-6).log10().floor() as i32,
            to: (highest.log10().ceil() as i32).max(1),
        }
    }

    fn x(&self, value: f64) -> f64 {
        let width = WIDTH - LEFT - RIGHT;
        let share = (value.log10() - f64::from(self.from)) / f64::from(self.to - self.from);
        LEFT + width * share.clamp(0.0, 1.0)
    }
}

/// The whole picture.
pub(crate) fn draw(title: &str, panels: &[Panel]) -> String {
    let axis = Axis::over(panels);
    let rows: f64 = panels
        .iter()
        .map(|panel| HEADING + ROW * panel.bars.len() as f64)
        .sum();
    let bottom = TOP + rows;
    let height = bottom + BOTTOM;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{0}\">\n<title>{0}</title>\n<style>\n{STYLE}\n</style>\n\
         <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n\
         <text class=\"title\" x=\"16\" y=\"28\">{0}</text>\n",
        escape(title)
    );
    for power in axis.from..=axis.to {
        let value = 10_f64.powi(power);
        let x = axis.x(value);
        let class = if power == 0 { "one" } else { "grid" };
        let _ = writeln!(
            out,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\n\
             <text class=\"faint\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 18.0,
            tick(power),
        );
    }
    let _ = writeln!(
        out,
        "<text class=\"faint\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">times as much as ours \
         (logarithmic); the line on a bar spans the middle half of the samples</text>",
        WIDTH / 2.0,
        bottom + 42.0,
    );
    let mut y = TOP;
    for panel in panels {
        let _ = writeln!(
            out,
            "<text class=\"heading\" x=\"16\" y=\"{:.1}\">{}</text>",
            y + HEADING - 12.0,
            escape(&panel.title)
        );
        y += HEADING;
        for bar in &panel.bars {
            draw_bar(&mut out, &axis, bar, y);
            y += ROW;
        }
    }
    out.push_str("</svg>\n");
    out
}

fn draw_bar(out: &mut String, axis: &Axis, bar: &Bar, y: f64) {
    let (one, end) = (axis.x(1.0), axis.x(bar.ratio.median));
    let (low, high) = (axis.x(bar.ratio.low), axis.x(bar.ratio.high));
    // A bar of ratio one would not be visible.
    let (from, width) = (one.min(end) - 1.5, (end - one).abs() + 3.0);
    let middle = y + ROW / 2.0;
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
         <rect class=\"{}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>",
        LEFT - 12.0,
        middle + 4.5,
        escape(&bar.label),
        bar.kind.class(),
        middle - BAR / 2.0,
    );
    if bar.ratio.count > 1 && high - low > 1.0 {
        let _ = writeln!(
            out,
            "<line class=\"spread\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>"
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\">{} <tspan class=\"faint\">({})</tspan></text>",
        high.max(end).max(one) + 8.0,
        middle + 4.5,
        escape(&times(bar.ratio.median)),
        escape(&bar.value),
    );
}

fn tick(power: i32) -> String {
    if power < 0 {
        format!("1/{}", 10_u64.pow(power.unsigned_abs()))
    } else {
        format!("{} ×", 10_u64.pow(power.unsigned_abs()))
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(ratios: &[f64]) -> Panel {
        let bar = |ratio: &f64| Bar {
            label: "a < b".into(),
            kind: Kind::Other,
            ratio: Summary::of(&[*ratio]).unwrap(),
            value: "7 ms".into(),
        };
        Panel {
            title: "CPU".into(),
            bars: ratios.iter().map(bar).collect(),
        }
    }

    #[test]
    fn the_axis_holds_every_bar() {
        let axis = Axis::over(&[panel(&[0.2, 30.0]), panel(&[1.0, 700.0])]);
        assert_eq!((axis.from, axis.to), (-1, 3));
        assert_eq!(axis.x(0.1), LEFT);
        assert_eq!(axis.x(1000.0), WIDTH - RIGHT);
        assert!(axis.x(1.0) > LEFT);
    }

    #[test]
    fn the_picture_has_its_axis_and_its_labels() {
        let svg = draw("A & B", &[panel(&[1.0, 42.0])]);
        for text in [
            "A &amp; B",
            "a &lt; b",
            ">42 × <",
            "(7 ms)",
            ">100 ×<",
            "logarithmic",
        ] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
    }
}
