//! The parameters of a request: `name=value` pairs, percent-encoded as forms are. Pure.

/// What stands behind the `?`.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `text`; what is not UTF-8 is replaced.
    pub fn of(text: Option<&str>) -> Self {
        let pairs = text.unwrap_or_default().split('&').filter(|it| !it.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decoded(name), decoded(value)))
                .collect(),
        )
    }

    /// The value of `name`, if there is one that is not empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(its, _)| its == name);
        found.map(|(_, value)| value.as_str()).filter(|it| !it.is_empty())
    }

    /// The first that is not among `known`, is there twice, or says nothing: an empty variable of a
    /// shell must not mean everything.
    pub fn wrong(&self, known: &[&str]) -> Option<String> {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        for (place, name) in names.iter().enumerate() {
            if !known.contains(name) {
                return Some(format!("unknown parameter `{name}`: there are {}", known.join(", ")));
            }
            if names.iter().take(place).any(|it| it == name) {
                return Some(format!("the parameter `{name}` is there twice"));
            }
            if self.value(name).is_none() {
                return Some(format!("the parameter `{name}` is empty"));
            }
        }
        None
    }
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|it| std::str::from_utf8(it).ok());
        let code = hex
            .filter(|it| *byte == b'%' && it.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        out.push(match (code, byte) {
            (Some(code), _) => code,
            (None, b'+') => b' ',
            (None, other) => *other,
        });
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_as_forms_encode_them() {
        let query = Query::of(Some("route=%2Fa%20b&reason=please+come+back&empty=&%=1&q=50%"));
        assert_eq!(query.value("route"), Some("/a b"));
        assert_eq!(query.value("reason"), Some("please come back"));
        assert_eq!(query.value("empty"), None);
        assert_eq!(query.value("q"), Some("50%"));
        assert_eq!(query.value("%"), Some("1"));
        assert_eq!(Query::of(Some("a=%ff")).value("a"), Some("\u{fffd}"));
        assert_eq!(Query::of(None).value("a"), None);
    }

    #[test]
    fn what_nobody_knows_is_named() {
        let query = |text| Query::of(Some(text)).wrong(&["route", "site"]);
        assert_eq!(query("route=a&site=b"), None);
        assert!(query("rout=a").is_some_and(|it| it.contains("`rout`")), "named");
        assert!(query("site=a&site=b").is_some_and(|it| it.contains("twice")), "named");
        for text in ["route=&site=b", "site=b&route", "site=b&route=&"] {
            assert!(query(text).is_some_and(|it| it.contains("`route` is empty")), "{text}");
        }
    }
}
