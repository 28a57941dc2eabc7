//! What this gateway can prove to a CA just now: the files of http-01 and the certificates of tls-alpn-01 for
//! orders under way. Knows no order, no listener and no other room.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;

/// Everything that can be proven now: one entry for each name that is being proven. Listeners look into it.
#[derive(Default)]
pub struct Challenges(Mutex<Open>);

#[derive(Default)]
struct Open {
    /// By token (RFC 8555 section 8.3): what the file says.
    files: BTreeMap<String, String>,
    /// By lower-case name (RFC 8737 section 3): what is shown of it.
    names: BTreeMap<String, Arc<ServerConfig>>,
}

/// Can be proven until this is dropped.
#[must_use]
pub struct Shown {
    challenges: Arc<Challenges>,
    what: What,
}

enum What {
    File(String),
    Name(String),
}

impl Challenges {
    /// The content of the file that a CA asks for by `token`.
    pub fn file(&self, token: &str) -> Option<String> {
        self.open().files.get(token).cloned()
    }

    /// How to shake hands with a CA that asks for `name` with ALPN `acme-tls/1`.
    pub fn name(&self, name: &str) -> Option<Arc<ServerConfig>> {
        self.open().names.get(&name.to_ascii_lowercase()).cloned()
    }

    /// Lets a CA find `content` under `token`.
    pub fn show_file(self: &Arc<Self>, token: &str, content: &str) -> Shown {
        self.open().files.insert(token.to_owned(), content.to_owned());
        Shown { challenges: Arc::clone(self), what: What::File(token.to_owned()) }
    }

    /// Lets a CA that asks for `name` see what `tls` shows.
    pub fn show_name(self: &Arc<Self>, name: &str, tls: Arc<ServerConfig>) -> Shown {
        let name = name.to_ascii_lowercase();
        self.open().names.insert(name.clone(), tls);
        Shown { challenges: Arc::clone(self), what: What::Name(name) }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let mut open = self.challenges.open();
        match &self.what {
            What::File(token) => drop(open.files.remove(token)),
            What::Name(name) => drop(open.names.remove(name)),
        }
    }
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.open();
        let (files, names) = (open.files.len(), open.names.len());
        f.debug_struct("Challenges").field("files", &files).field("names", &names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_for_as_long_as_its_order_lasts() {
        let challenges = Arc::<Challenges>::default();
        let one = challenges.show_file("one", "one.thumb");
        let other = challenges.show_file("other", "other.thumb");
        assert_eq!(challenges.file("one").as_deref(), Some("one.thumb"));
        drop(one);
        assert_eq!(challenges.file("one"), None);
        assert_eq!(challenges.file("other").as_deref(), Some("other.thumb"));
        drop(other);
    }
}
