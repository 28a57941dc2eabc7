//! Two small charts, in SVG, from measured figures. Knows nothing of how they came about.

/// Bars of one thing that was measured, one for each contender.
pub struct Group {
    pub title: String,
    /// The value and how it is written; `None` where it could not be measured.
    pub bars: Vec<Option<(f64, String)>>,
}

const WIDTH: f64 = 640.0;
const LEFT: f64 = 76.0;
const BAR: f64 = 15.0;
const GAP: f64 = 4.0;
const HEAD: f64 = 34.0;
const GROUP_HEAD: f64 = 22.0;

/// Room behind a bar for what is written there.
const LABEL: f64 = 120.0;

/// Readable on light and on dark pages.
const INK: &str = "#808890";
const OURS: &str = "#2a9d5c";
const THEIRS: &str = "#9aa5b1";

/// Horizontal bars; each group has a scale of its own, from 0 to its longest bar.
pub fn bars(title: &str, names: &[String], groups: &[Group]) -> String {
    let rows = names.len() as f64;
    let each = GROUP_HEAD + rows * (BAR + GAP) + GAP;
    let height = HEAD + groups.len() as f64 * each;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"{INK}\">\n\
         <title>{title}</title>\n\
         <text x=\"0\" y=\"18\" font-size=\"14\" font-weight=\"600\">{title}</text>\n"
    );
    for (at, group) in groups.iter().enumerate() {
        out += &one(group, names, HEAD + at as f64 * each);
    }
    out + "</svg>\n"
}

fn one(group: &Group, names: &[String], top: f64) -> String {
    let longest = group.bars.iter().flatten().map(|it| it.0).fold(f64::MIN_POSITIVE, f64::max);
    let mut out = format!("<text x=\"0\" y=\"{}\">{}</text>\n", top + 14.0, group.title);
    for (at, (name, bar)) in names.iter().zip(&group.bars).enumerate() {
        let y = top + GROUP_HEAD + at as f64 * (BAR + GAP);
        let text = y + BAR - 3.5;
        let (length, label) = match bar {
            Some((value, label)) => (value / longest * (WIDTH - LEFT - LABEL), label.as_str()),
            None => (0.0, "not measured"),
        };
        let ours = name.starts_with("wsgate");
        let (fill, weight) = if ours { (OURS, 600) } else { (THEIRS, 400) };
        out += &format!(
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\" font-weight=\"{weight}\">{name}</text>\n\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{fill}\"/>\n\
             <text x=\"{:.1}\" y=\"{text}\" font-weight=\"{weight}\">{label}</text>\n",
            LEFT - 8.0,
            LEFT + length + 6.0,
        );
    }
    out
}
