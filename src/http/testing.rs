//! What the tests of this room share.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// `name: value` lines; a name may come several times.
pub(super) fn fields(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.lines().map(str::trim).filter(|it| !it.is_empty()) {
        let (name, value) = line.split_once(':').expect("name: value");
        let name = HeaderName::from_bytes(name.as_bytes()).expect(line);
        headers.append(name, HeaderValue::from_str(value.trim()).expect(line));
    }
    headers
}
