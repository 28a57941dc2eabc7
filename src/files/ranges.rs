//! The Range field (RFC 9110 section 14.1.2), read as nginx reads it. Pure.

use std::ops::Range;

/// More ranges than any player or download manager asks for at a time.
const MOST: usize = 32;

/// What a Range field asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Everything: another unit, too many ranges, or more in all than there is.
    Whole,
    /// These bytes, in this order; never empty, and none beyond the end.
    Parts(Vec<Range<u64>>),
    /// 416: nothing of it is there, or it cannot be read.
    Unsatisfiable,
}

/// Reads the field for a file of `size` bytes.
pub fn wanted(value: &str, size: u64) -> Wanted {
    let unit = value.get(..UNIT.len()).filter(|it| it.eq_ignore_ascii_case(UNIT));
    if unit.is_none() || value.len() == UNIT.len() {
        return Wanted::Whole;
    }
    let (mut parts, mut total) = (Vec::new(), 0_u64);
    for item in value[UNIT.len()..].split(',') {
        let Some(range) = range(item.trim_matches([' ', '\t']), size) else {
            return Wanted::Unsatisfiable;
        };
        if range.start < range.end {
            total = total.saturating_add(range.end - range.start);
            parts.push(range);
        } else if range.start == 0 {
            return Wanted::Whole;
        }
    }
    match parts.len() {
        0 => Wanted::Unsatisfiable,
        // Asked for twice, the same bytes would cost more than the file.
        1..=MOST if total <= size => Wanted::Parts(parts),
        _ => Wanted::Whole,
    }
}

const UNIT: &str = "bytes=";

/// One range, cut to what is there; empty when nothing is. `None` when it is none.
fn range(item: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = item.split_once('-')?;
    let (first, last) = (first.trim_end(), last.trim_start());
    match (first, last) {
        ("", last) => Some(size.saturating_sub(number(last)?)..size),
        (first, "") => Some(number(first)?..size),
        (first, last) => Some(number(first)?..number(last)?.saturating_add(1).min(size)),
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "one range is what most ask for")]
    fn what_is_asked_for_is_cut_to_what_is_there() {
        let table: [(&str, &[Range<u64>]); 12] = [
            ("bytes=0-0", &[0..1]),
            ("bytes=0-9", &[0..10]),
            ("BYTES=2-5", &[2..6]),
            ("bytes=5-", &[5..10]),
            ("bytes=5-99", &[5..10]),
            ("bytes=-3", &[7..10]),
            ("bytes=-99", &[0..10]),
            ("bytes=0-1,8-9", &[0..2, 8..10]),
            ("bytes=8-9, 0-1", &[8..10, 0..2]),
            ("bytes=0-1,99-", &[0..2]),
            ("bytes= 1 - 2 ", &[1..3]),
            ("bytes=0-5,4-7", &[0..6, 4..8]),
        ];
        for (value, expected) in table {
            assert_eq!(wanted(value, 10), Wanted::Parts(expected.to_vec()), "{value}");
        }
    }

    #[test]
    fn what_is_not_there_is_refused_and_what_is_foreign_ignored() {
        for value in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=5-4", "bytes=,", "bytes=a-b"] {
            assert_eq!(wanted(value, 10), Wanted::Unsatisfiable, "{value}");
        }
        for value in ["bytes=1", "bytes=--1", "bytes=1-2-3", "bytes=99999999999999999999-"] {
            assert_eq!(wanted(value, 10), Wanted::Unsatisfiable, "{value}");
        }
        for value in ["", "lines=0-1", "bytes", "bytes=", "bytes 0-1", "é"] {
            assert_eq!(wanted(value, 10), Wanted::Whole, "{value}");
        }
        assert_eq!(wanted("bytes=0-", 0), Wanted::Whole, "of an empty file");
        assert_eq!(wanted("bytes=1-", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn asking_for_more_than_there_is_gives_the_whole() {
        assert_eq!(wanted("bytes=0-9,0-9", 10), Wanted::Whole);
        let many = (0..100).map(|it| format!("{it}-{it}")).collect::<Vec<_>>().join(",");
        assert_eq!(wanted(&format!("bytes={many}"), 1000), Wanted::Whole);
    }
}
