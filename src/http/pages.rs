//! Pages for people: HTML with places to fill in. Knows files and text, neither requests nor what
//! went wrong.

use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::config::model::{Errors, Site, Spot};
use crate::config::{Config, Problem};

/// Largest file of a page.
const PAGE_MAX: u64 = 64 * 1024;

/// The page of a site that has none of its own.
pub static USUAL: LazyLock<Page> = LazyLock::new(|| Page::parse(include_str!("page.html")));

/// What a page is filled in with.
#[derive(Clone, Copy, Debug)]
pub struct Filling<'a> {
    /// `{{status}}`
    pub status: u16,
    /// `{{reason}}`: the phrase of the status.
    pub reason: &'a str,
    /// `{{message}}`: what went wrong, in a line.
    pub message: &'a str,
    /// `{{advice}}`: what a visitor can do.
    pub advice: &'a str,
    /// `{{request_id}}`: as in the access line.
    pub request_id: &'a str,
}

/// A page, cut at its `{{…}}`.
#[derive(Debug)]
pub struct Page(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    Status,
    Reason,
    Message,
    Advice,
    RequestId,
}

/// The pages of a site, the narrowest first.
#[derive(Debug, Default)]
pub struct Pages(Vec<(Errors, Page)>);

/// Why a page cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("error page {}: {why}", path.display())]
pub struct PageError {
    path: PathBuf,
    why: String,
}

impl Pages {
    /// Reads the files of a site.
    ///
    /// # Errors
    /// [`PageError`] for the first that cannot be used.
    pub fn read(site: &Site) -> Result<Self, PageError> {
        let pages = site.error_pages.iter().map(|it| {
            let page = Page::read(&it.file.value);
            let wrong = |why| PageError { path: it.file.value.clone(), why };
            page.map(|page| (it.errors, page)).map_err(wrong)
        });
        pages.collect::<Result<_, _>>().map(Self)
    }

    /// Whether the page for this status is not one of its own.
    pub fn is_usual(&self, status: u16) -> bool {
        !self.0.iter().any(|(errors, _)| errors.has(status))
    }

    /// The page for this status.
    pub fn of(&self, status: u16) -> &Page {
        self.0.iter().find(|(errors, _)| errors.has(status)).map_or(&USUAL, |(_, page)| page)
    }
}

/// Every page of the configuration that cannot be used, at its place in the file.
pub fn inspect_pages(config: &Config) -> Vec<Problem> {
    let files = config.sites.iter().flat_map(|it| &it.error_pages).map(|it| &it.file);
    let problem = |path: &Path, spot: &Spot| {
        let why = Page::read(path).err()?;
        let message = format!("`{}` is no use as an error page: {why}", path.display());
        Some(Problem::error(Some(spot.clone()), message))
    };
    files.filter_map(|it| problem(&it.value, &it.spot)).collect()
}

impl Page {
    fn read(path: &Path) -> Result<Self, String> {
        let file = std::fs::File::open(path).map_err(|it| it.to_string())?;
        let mut bytes = Vec::new();
        file.take(PAGE_MAX + 1).read_to_end(&mut bytes).map_err(|it| it.to_string())?;
        if bytes.len() as u64 > PAGE_MAX {
            return Err("it is larger than 64KiB".to_owned());
        }
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        if text.trim().is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(Self::parse(&text))
    }

    /// Cuts a text at the places that are known; others stay as they are.
    fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let (mut rest, mut from) = (text, 0);
        while let Some(start) = rest[from..].find("{{").map(|it| it + from) {
            let Some(length) = rest[start..].find("}}") else { break };
            let piece = match rest[start + 2..start + length].trim() {
                "status" => Piece::Status,
                "reason" => Piece::Reason,
                "message" => Piece::Message,
                "advice" => Piece::Advice,
                "request_id" => Piece::RequestId,
                _ => {
                    from = start + 2;
                    continue;
                }
            };
            pieces.push(Piece::Text(rest[..start].to_owned()));
            pieces.push(piece);
            rest = &rest[start + length + 2..];
            from = 0;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Self(pieces)
    }

    /// The page with everything filled in, as text that cannot become markup.
    pub fn fill(&self, filling: &Filling<'_>) -> String {
        let mut page = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => page.push_str(text),
                // Writing to a String cannot fail.
                Piece::Status => drop(write!(page, "{}", filling.status)),
                Piece::Reason => escape(&mut page, filling.reason),
                Piece::Message => escape(&mut page, filling.message),
                Piece::Advice => escape(&mut page, filling.advice),
                Piece::RequestId => escape(&mut page, filling.request_id),
            }
        }
        page
    }
}

fn escape(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            other => page.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILLING: Filling<'_> = Filling {
        status: 502,
        reason: "Bad Gateway",
        message: "<script>alert('x')</script>",
        advice: "\"wait\" & see",
        request_id: "00ff",
    };

    #[test]
    fn places_are_filled_in_and_nothing_becomes_markup() {
        let page =
            Page::parse("<b>{{status}} {{ reason }}</b>{{message}}{{advice}}#{{request_id}}");
        let expected = "<b>502 Bad Gateway</b>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;\
                        &quot;wait&quot; &amp; see#00ff";
        assert_eq!(page.fill(&FILLING), expected);
    }

    #[test]
    fn what_is_no_place_stays_as_it_is() {
        for text in ["", "{{", "{{}}", "{{ nope }}", "a{b}c}}", "{{status", "{ {status} }", "{{é}}"]
        {
            assert_eq!(Page::parse(text).fill(&FILLING), text);
        }
        assert_eq!(Page::parse("{{x {{status}}").fill(&FILLING), "{{x 502");
    }

    #[test]
    fn the_usual_page_needs_nothing_from_elsewhere_and_has_every_place() {
        let page = USUAL.fill(&FILLING);
        for word in ["502", "Bad Gateway", "&lt;script&gt;", "&amp; see", "00ff", "color-scheme"] {
            assert!(page.contains(word), "{word}");
        }
        for word in ["http:", "https:", "src=", "url(", "<script", "<link", "{{"] {
            assert!(!page.contains(word), "{word}");
        }
    }
}
