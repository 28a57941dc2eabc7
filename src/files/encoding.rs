//! Which encodings a client takes (RFC 9110 section 12.5.3). Knows no files.

use hyper::header::{ACCEPT_ENCODING, HeaderMap};

/// An encoding that files are sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// `br`
    Brotli,
    /// `gzip`
    Gzip,
}

impl Coding {
    /// Its name in Content-Encoding.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// What stands behind the name of a file that was compressed beforehand.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
        }
    }
}

/// The encodings that the client takes, the one that it wants most first; br where it wants both
/// alike. What cannot be read is taken for a no.
pub fn accepted(headers: &HeaderMap) -> Vec<Coding> {
    let mut wishes = Wishes::default();
    for value in headers.get_all(ACCEPT_ENCODING) {
        for item in value.to_str().unwrap_or_default().split(',') {
            wishes.hear(item);
        }
    }
    wishes.in_order()
}

/// Weights in thousandths.
#[derive(Default)]
struct Wishes {
    brotli: Option<u16>,
    gzip: Option<u16>,
    others: Option<u16>,
}

impl Wishes {
    fn hear(&mut self, item: &str) {
        let (name, parameters) = item.split_once(';').unwrap_or((item, "q=1"));
        let Some(weight) = weight(parameters) else { return };
        match name.trim().to_ascii_lowercase().as_str() {
            "br" => self.brotli = Some(weight),
            "gzip" | "x-gzip" => self.gzip = Some(weight),
            "*" => self.others = Some(weight),
            _ => {}
        }
    }

    fn in_order(&self) -> Vec<Coding> {
        let of = |it: Option<u16>| it.or(self.others).unwrap_or(0);
        let mut wanted = vec![(of(self.brotli), Coding::Brotli), (of(self.gzip), Coding::Gzip)];
        wanted.retain(|(weight, _)| *weight > 0);
        // Stable: br stays before gzip where the two weigh the same.
        wanted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        wanted.into_iter().map(|(_, coding)| coding).collect()
    }
}

/// `q=0.8` in thousandths (RFC 9110 section 12.4.2).
fn weight(parameters: &str) -> Option<u16> {
    let (name, value) = parameters.split_once('=')?;
    let value: f32 = value.trim().parse().ok()?;
    let right = name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&value);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    right.then_some((value * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Vec<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, value.parse().expect("a value"));
        accepted(&headers).into_iter().map(Coding::name).collect()
    }

    #[test]
    fn the_client_chooses_and_br_wins_a_draw() {
        let table: [(&str, &[&str]); 14] = [
            ("gzip, deflate, br, zstd", &["br", "gzip"]),
            ("gzip", &["gzip"]),
            ("GZIP", &["gzip"]),
            ("br;q=0.5, gzip;q=0.8", &["gzip", "br"]),
            ("br;q=0, gzip", &["gzip"]),
            ("gzip;q=0.000", &[]),
            ("*", &["br", "gzip"]),
            ("*;q=0", &[]),
            ("br;q=0, *", &["gzip"]),
            ("identity", &[]),
            ("", &[]),
            ("gzip ; q = 0.4", &["gzip"]),
            ("gzip;q=2", &[]),
            ("gzip;q=NaN, br;level=1", &[]),
        ];
        for (value, expected) in table {
            assert_eq!(of(value), expected, "{value}");
        }
        assert!(accepted(&HeaderMap::new()).is_empty());
    }
}
