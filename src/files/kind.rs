//! What a file holds, by its name's extension. Never looks inside.

use hyper::header::HeaderValue;

/// The type of a file.
#[derive(Clone, Debug)]
pub struct Kind {
    /// For Content-Type.
    pub content_type: HeaderValue,
    /// Whether it is worth compressing: text, and what is written like text.
    pub is_text: bool,
}

impl Kind {
    /// The type of the file of this name. Text is said to be UTF-8.
    pub fn of(name: &str) -> Self {
        let essence = essence(name);
        let content_type = match essence.starts_with("text/") {
            true => HeaderValue::try_from(format!("{essence}; charset=utf-8")),
            false => HeaderValue::try_from(essence),
        };
        Self {
            content_type: content_type.unwrap_or(HeaderValue::from_static(UNKNOWN)),
            is_text: is_text(essence),
        }
    }
}

const UNKNOWN: &str = "application/octet-stream";

fn essence(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let told = |it: &(&str, &'static str)| extension.eq_ignore_ascii_case(it.0).then_some(it.1);
    match OTHERWISE.iter().find_map(told) {
        Some(essence) => essence,
        None => mime_guess::from_ext(extension).first_raw().unwrap_or(UNKNOWN),
    }
}

/// Where the list of the crate has something else in mind than a web site, or nothing.
const OTHERWISE: &[(&str, &str)] = &[
    ("ts", "video/mp2t"),
    ("map", "application/json"),
    ("m4a", "audio/mp4"),
    ("mjs", "text/javascript"),
];

fn is_text(essence: &str) -> bool {
    let suffixes = ["+json", "+xml"];
    essence.starts_with("text/")
        || suffixes.iter().any(|it| essence.ends_with(it))
        || WRITTEN_LIKE_TEXT.contains(&essence)
}

const WRITTEN_LIKE_TEXT: &[&str] = &[
    "application/javascript",
    "application/json",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/xml",
    "font/otf",
    "font/ttf",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_follows_from_the_extension_and_text_says_its_charset() {
        let table = [
            ("index.html", "text/html; charset=utf-8", true),
            ("a/STYLE.CSS", "text/css; charset=utf-8", true),
            ("app.min.js", "text/javascript; charset=utf-8", true),
            ("module.mjs", "text/javascript; charset=utf-8", true),
            ("data.json", "application/json", true),
            ("app.js.map", "application/json", true),
            ("site.webmanifest", "application/manifest+json", true),
            ("logo.svg", "image/svg+xml", true),
            ("code.wasm", "application/wasm", true),
            ("segment.ts", "video/mp2t", false),
            ("photo.jpg", "image/jpeg", false),
            ("font.woff2", "font/woff2", false),
            ("archive.tar.gz", "application/gzip", false),
            ("LICENSE", "application/octet-stream", false),
            ("odd.extension", "application/octet-stream", false),
        ];
        for (name, content_type, is_text) in table {
            let kind = Kind::of(name);
            assert_eq!(kind.content_type, content_type, "{name}");
            assert_eq!(kind.is_text, is_text, "{name}");
        }
    }
}
