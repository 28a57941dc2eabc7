//! What the conditions of a request make of it, in the order of RFC 9110 section 13.2.2. Pure.

use std::time::{Duration, SystemTime};

use hyper::header::{
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};

/// What a client may compare with.
#[derive(Clone, Debug)]
pub struct Validators {
    /// As it is sent: `"x"`, or `W/"x"` for what was compressed on the way.
    pub etag: String,
    /// In whole seconds; `None` where the date cannot be written.
    pub modified: Option<SystemTime>,
}

/// What the conditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request is to be answered.
    Go,
    /// 304: the client has it already.
    NotModified,
    /// 412: it is not what the client thought.
    Failed,
}

/// The last second that a date of HTTP can name: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

impl Validators {
    /// Those of a file, in nginx' form: both servers say the same of the same file.
    pub fn new(mtime: i64, size: u64, is_weak: bool) -> Self {
        let weak = if is_weak { "W/" } else { "" };
        let seconds = u64::try_from(mtime).ok().filter(|it| *it <= LAST_SECOND);
        Self {
            etag: format!("{weak}\"{mtime:x}-{size:x}\""),
            modified: seconds.map(|it| SystemTime::UNIX_EPOCH + Duration::from_secs(it)),
        }
    }

    /// Last-Modified.
    pub fn last_modified(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(httpdate::fmt_http_date(self.modified?)).ok()
    }

    /// Judges a GET or HEAD.
    pub fn judge(&self, headers: &HeaderMap) -> Verdict {
        let unchanged = |name: &HeaderName| Some(self.modified? <= date(headers, name)?);
        let goes_on = match tags(headers, &IF_MATCH) {
            Some(list) => self.is_in(&list, Compared::Strongly),
            None => unchanged(&IF_UNMODIFIED_SINCE).unwrap_or(true),
        };
        if !goes_on {
            return Verdict::Failed;
        }
        let is_known = match tags(headers, &IF_NONE_MATCH) {
            Some(list) => self.is_in(&list, Compared::Weakly),
            None => unchanged(&IF_MODIFIED_SINCE).unwrap_or(false),
        };
        if is_known { Verdict::NotModified } else { Verdict::Go }
    }

    /// Whether a Range still holds (RFC 9110 section 13.1.5): no If-Range, or one that names exactly
    /// this.
    pub fn holds_range(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(IF_RANGE) else { return true };
        let text = value.to_str().unwrap_or_default().trim();
        if text.ends_with('"') {
            return !text.starts_with("W/") && text == self.etag;
        }
        self.modified.is_some() && date(headers, &IF_RANGE) == self.modified
    }

    fn is_in(&self, list: &str, compared: Compared) -> bool {
        if list.trim() == "*" {
            return true;
        }
        let mine = Tag::of(&self.etag);
        Tags(list).any(|other| match compared {
            Compared::Weakly => other.opaque == mine.opaque,
            Compared::Strongly => !other.weak && !mine.weak && other.opaque == mine.opaque,
        })
    }
}

#[derive(Clone, Copy)]
enum Compared {
    Strongly,
    Weakly,
}

/// One entity tag (RFC 9110 section 8.8.3).
struct Tag<'a> {
    weak: bool,
    opaque: &'a str,
}

impl<'a> Tag<'a> {
    fn of(text: &'a str) -> Self {
        let opaque = text.strip_prefix("W/").unwrap_or(text);
        Self { weak: opaque.len() < text.len(), opaque: opaque.trim_matches('"') }
    }
}

/// The tags of a list; ends at the first that is none.
struct Tags<'a>(&'a str);

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        let rest = self.0.trim_start_matches([' ', '\t', ',']);
        let weak = rest.starts_with("W/");
        let quoted = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (opaque, behind) = quoted.split_once('"')?;
        self.0 = behind;
        Some(Tag { weak, opaque })
    }
}

/// Every line of the field as one list; `None` when there is none.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<_> = headers.get_all(name).iter().map(|it| it.to_str().unwrap_or("")).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// A date; one that cannot be read is none (RFC 9110 section 13.1.3).
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const TAG: &str = "\"2ebc98a1-2a\"";
    const MTIME: i64 = 784_111_777;

    fn headers(fields: &[(&HeaderName, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&HeaderName, &str)| {
            ((*name).clone(), value.parse().expect("a value"))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in fields.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    fn judged(fields: &[(&HeaderName, &str)]) -> Verdict {
        Validators::new(MTIME, 42, false).judge(&headers(fields))
    }

    #[test]
    fn a_tag_is_made_of_time_and_size() {
        let file = Validators::new(MTIME, 42, false);
        assert_eq!(
            (file.etag.as_str(), file.last_modified().expect("a date")),
            (TAG, AT.parse().expect("a value"))
        );
        assert_eq!(Validators::new(MTIME, 42, true).etag, format!("W/{TAG}"));
    }

    #[test]
    fn a_date_that_http_cannot_write_is_left_out() {
        for mtime in [-1, i64::MIN, 253_402_300_800, i64::MAX] {
            assert!(Validators::new(mtime, 0, false).last_modified().is_none(), "{mtime}");
        }
        let last = Validators::new(253_402_300_799, 0, false).last_modified().expect("a date");
        assert_eq!(last, "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn each_condition_alone() {
        use Verdict::{Failed, Go, NotModified};
        let (weak, list) = (format!("W/{TAG}"), format!("\"a,b\", W/\"c\" , {TAG}"));
        let table = [
            (&IF_NONE_MATCH, TAG, NotModified),
            (&IF_NONE_MATCH, &weak, NotModified),
            (&IF_NONE_MATCH, &list, NotModified),
            (&IF_NONE_MATCH, "*", NotModified),
            (&IF_NONE_MATCH, "\"other\"", Go),
            (&IF_NONE_MATCH, "2ebc98a1-2a", Go),
            (&IF_NONE_MATCH, "", Go),
            (&IF_MATCH, TAG, Go),
            (&IF_MATCH, "*", Go),
            (&IF_MATCH, &list, Go),
            (&IF_MATCH, &weak, Failed),
            (&IF_MATCH, "\"other\"", Failed),
            (&IF_MATCH, "", Failed),
            (&IF_MODIFIED_SINCE, AT, NotModified),
            (&IF_MODIFIED_SINCE, AFTER, NotModified),
            (&IF_MODIFIED_SINCE, BEFORE, Go),
            (&IF_MODIFIED_SINCE, "yesterday", Go),
            (&IF_UNMODIFIED_SINCE, AT, Go),
            (&IF_UNMODIFIED_SINCE, AFTER, Go),
            (&IF_UNMODIFIED_SINCE, BEFORE, Failed),
            (&IF_UNMODIFIED_SINCE, "yesterday", Go),
        ];
        for (name, value, expected) in table {
            assert_eq!(judged(&[(name, value)]), expected, "{name}: {value}");
        }
    }

    #[test]
    fn a_tag_has_the_word_before_a_date() {
        let none = |tag, date| judged(&[(&IF_NONE_MATCH, tag), (&IF_MODIFIED_SINCE, date)]);
        assert_eq!(none(TAG, BEFORE), Verdict::NotModified);
        assert_eq!(none("\"other\"", AFTER), Verdict::Go);
        let only = |tag, date| judged(&[(&IF_MATCH, tag), (&IF_UNMODIFIED_SINCE, date)]);
        assert_eq!(only(TAG, BEFORE), Verdict::Go);
        assert_eq!(only("\"other\"", AFTER), Verdict::Failed);
        let both = judged(&[(&IF_MATCH, "\"other\""), (&IF_NONE_MATCH, TAG)]);
        assert_eq!(both, Verdict::Failed);
    }

    #[test]
    fn several_lines_are_one_list() {
        assert_eq!(
            judged(&[(&IF_NONE_MATCH, "\"a\""), (&IF_NONE_MATCH, TAG)]),
            Verdict::NotModified
        );
    }

    #[test]
    fn a_range_holds_for_exactly_what_it_was_asked_of() {
        let holds = |weak, value| {
            Validators::new(MTIME, 42, weak).holds_range(&headers(&[(&IF_RANGE, value)]))
        };
        assert!(holds(false, TAG) && holds(false, AT));
        for value in ["\"other\"", BEFORE, AFTER, "W/\"2ebc98a1-2a\"", "yesterday", ""] {
            assert!(!holds(false, value), "{value}");
        }
        assert!(!holds(true, "W/\"2ebc98a1-2a\""), "a weak tag promises no bytes");
        assert!(Validators::new(MTIME, 42, false).holds_range(&HeaderMap::new()));
    }
}
