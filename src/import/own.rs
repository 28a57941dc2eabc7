//! What a route answers itself, before it is text: `redirect` and `reply`. Knows the keys of the
//! configuration; nothing of nginx.

use super::toml::{line, quoted};

/// What a route answers itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    /// `redirect` and `status`
    Redirect {
        /// `status`
        status: u16,
        /// `redirect`
        to: String,
    },
    /// `reply`
    Reply {
        /// `status`
        status: u16,
        /// `body`
        body: Option<String>,
        /// `content_type`
        content_type: Option<String>,
    },
}

impl Own {
    /// Whether it only keeps people out.
    pub fn refuses(&self) -> bool {
        matches!(self, Self::Reply { status: 400.., .. })
    }

    /// Writes the keys of the route.
    pub fn render(&self, text: &mut String) {
        match self {
            Self::Redirect { status, to } => {
                line(text, "redirect", &quoted(to));
                if *status != 301 {
                    line(text, "status", &status.to_string());
                }
            }
            Self::Reply { status, body, content_type } => {
                let mut keys = vec![format!("status = {status}")];
                keys.extend(body.iter().map(|it| format!("body = {}", quoted(it))));
                keys.extend(content_type.iter().map(|it| format!("content_type = {}", quoted(it))));
                line(text, "reply", &format!("{{ {} }}", keys.join(", ")));
            }
        }
    }
}
