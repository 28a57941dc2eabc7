//! In which form a client wants to be told of an error: proactive negotiation (RFC 9110 section
//! 12.5.1) between three media types. Knows the Accept field only.

use hyper::header::{ACCEPT, HeaderMap};

/// A form of an error answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `text/plain`: for whoever has no preference.
    #[default]
    Plain,
    /// `text/html`
    Html,
    /// `application/json`
    Json,
}

/// Most media ranges that are looked at; what stands behind them is as if it were not there.
const MOST_RANGES: usize = 32;

/// Each form with its type and subtype.
const FORMS: [(Form, &str, &str); 3] = [
    (Form::Plain, "text", "plain"),
    (Form::Html, "text", "html"),
    (Form::Json, "application", "json"),
];

/// The form of the highest quality. Among equals the one that is named more exactly, then the one
/// that is named first; plain text where nothing is asked for, or nothing that there is.
pub fn form(headers: &HeaderMap) -> Form {
    let ranges: Vec<Range<'_>> = headers
        .get_all(ACCEPT)
        .into_iter()
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','))
        .take(MOST_RANGES)
        .filter_map(range)
        .collect();
    let mut best = (Form::Plain, Rank::default());
    for (form, kind, subtype) in FORMS {
        let rank = rank(&ranges, kind, subtype);
        if rank > best.1 {
            best = (form, rank);
        }
    }
    best.0
}

/// `text/*;q=0.8`
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// In thousandths.
    quality: u16,
}

/// How much a form is wanted, the more important part first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    quality: u16,
    exactness: u8,
    /// How many ranges stand behind the one that names it.
    earliness: usize,
}

/// The most exact range for a type says how much it is wanted, whatever wider ones say.
fn rank(ranges: &[Range<'_>], kind: &str, subtype: &str) -> Rank {
    let exactness = |it: &Range<'_>| match (it.kind, it.subtype) {
        ("*", "*") => Some(1),
        (k, "*") if k.eq_ignore_ascii_case(kind) => Some(2),
        (k, s) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => Some(3),
        _ => None,
    };
    let named = ranges.iter().enumerate().filter_map(|(place, it)| {
        let exactness = exactness(it)?;
        // Where all are wanted alike, the order in which this file lists them says nothing.
        let earliness = if exactness == 3 { ranges.len() - place } else { 0 };
        Some(Rank { quality: it.quality, exactness, earliness })
    });
    let rank = named.max_by_key(|it| (it.exactness, it.earliness)).unwrap_or_default();
    if rank.quality == 0 { Rank::default() } else { rank }
}

/// One item of the field; `None` for what is no media range.
fn range(item: &str) -> Option<Range<'_>> {
    let mut pieces = item.split(';').map(str::trim);
    let (kind, subtype) = pieces.next()?.split_once('/')?;
    let mut quality = 1000;
    for parameter in pieces {
        if let Some((name, value)) = parameter.split_once('=')
            && name.eq_ignore_ascii_case("q")
        {
            quality = weight(value)?;
            break;
        }
    }
    (!kind.is_empty() && !subtype.is_empty()).then_some(Range { kind, subtype, quality })
}

/// `0` to `1` with at most three digits (RFC 9110 section 12.4.2), in thousandths.
fn weight(text: &str) -> Option<u16> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    if digits.len() > 3 || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{digits:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn asked(fields: &[&'static str]) -> Form {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(ACCEPT, HeaderValue::from_static(field));
        }
        form(&headers)
    }

    #[test]
    fn browsers_get_a_page_programs_what_they_ask_for_and_the_rest_text() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let cases = [
            (browser, Form::Html),
            ("*/*", Form::Plain),
            ("", Form::Plain),
            ("application/json", Form::Json),
            ("APPLICATION/JSON; charset=utf-8", Form::Json),
            ("application/json, text/plain, */*", Form::Json),
            ("application/json, text/javascript, */*; q=0.01", Form::Json),
            ("text/plain, application/json", Form::Plain),
            ("image/avif,image/webp,*/*;q=0.8", Form::Plain),
            ("text/*", Form::Plain),
            ("image/png", Form::Plain),
        ];
        for (field, form) in cases {
            assert_eq!(asked(&[field]), form, "{field}");
        }
        assert_eq!(asked(&[]), Form::Plain);
    }

    #[test]
    fn quality_counts_before_exactness_and_exactness_before_order() {
        let cases = [
            ("text/html;q=0.5, application/json;q=0.6", Form::Json),
            ("text/html;q=0.5, */*", Form::Plain),
            ("text/*;q=0.3, text/html;q=0.7, */*;q=0.5", Form::Html),
            ("text/*, application/json", Form::Json),
            ("text/html;level=1;q=0.4, application/json;q=0.401", Form::Json),
            ("application/json;Q=1.000, text/html", Form::Json),
        ];
        for (field, form) in cases {
            assert_eq!(asked(&[field]), form, "{field}");
        }
    }

    #[test]
    fn zero_means_not_at_all_and_nonsense_means_nothing() {
        let cases = [
            ("text/plain;q=0, */*;q=0.1", Form::Html),
            ("text/html;q=0", Form::Plain),
            ("*/*;q=0", Form::Plain),
            ("text/html;q=0.0, application/json;q=0.001", Form::Json),
            ("text/html;q=2, application/json;q=0.1", Form::Json),
            ("text/html;q=0.1234, application/json;q=0.1", Form::Json),
            ("text/html;q=-1, text", Form::Plain),
            (";;;,,,/,q=1", Form::Plain),
        ];
        for (field, form) in cases {
            assert_eq!(asked(&[field]), form, "{field}");
        }
    }

    #[test]
    fn the_lines_of_a_field_are_one_list() {
        assert_eq!(asked(&["text/html;q=0.2", "application/json"]), Form::Json);
    }
}
