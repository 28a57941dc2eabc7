//! One record per request or socket: it collects what is known, and its drop writes the one
//! access line and counts the one end. Nothing can end without a record, and none twice.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::books::Books;
use super::line::{Kind, Line};
use super::metrics::Present;
use crate::life::{By, Cause, End, Stage};

/// What is known so far of something that has not ended yet.
pub struct Record {
    books: Arc<Books>,
    begun: Instant,
    end: Option<End>,
    dismissed: bool,
    /// Words for the line when nothing else is to be said.
    pub remark: Option<&'static str>,
    /// Counts it somewhere for as long as it lives.
    pub present: Option<Present>,
    /// How far it has come: the stage of an end that nobody announced.
    pub stage: Stage,
    /// The line as it would be written now; `end`, `time` and `millis` are filled in at the end.
    pub line: Line,
}

impl Record {
    /// A record that begins now.
    pub fn new(books: &Arc<Books>, kind: Kind, stage: Stage) -> Self {
        Self {
            books: Arc::clone(books),
            begun: Instant::now(),
            end: None,
            dismissed: false,
            remark: None,
            present: None,
            stage,
            line: Line { kind, ..Line::default() },
        }
    }

    /// It has begun earlier.
    pub fn since(mut self, begun: Instant) -> Self {
        self.begun = begun;
        self
    }

    /// The books that it will be closed in.
    pub fn books(&self) -> &Arc<Books> {
        &self.books
    }

    /// Says how it ended. The first word counts: what follows is a consequence.
    pub fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// As [`Record::end`], at the stage it has come to.
    pub fn end_here(&mut self, by: By, cause: Cause) {
        self.end(End::new(by, self.stage, cause));
    }

    /// What was said so far.
    pub fn ended(&self) -> Option<End> {
        self.end
    }

    /// Nothing has ended: what follows has a record of its own.
    pub fn dismiss(mut self) {
        self.dismissed = true;
    }

    /// More words for the line; the first ones count.
    pub fn detail(&mut self, words: impl std::fmt::Display) {
        if self.line.detail.is_empty() {
            self.line.detail = words.to_string();
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.dismissed {
            return;
        }
        // Dropped without a word: its future was, because we made a mistake, we cut it, or the client
        // went away.
        let (by, cause) = match (std::thread::panicking(), self.books.cutting()) {
            (true, _) => (By::Gateway, Cause::Panicked),
            (false, true) => (By::Gateway, Cause::Stopped),
            (false, false) => (By::Client, Cause::Fin),
        };
        if let Some(words) = self.remark {
            self.detail(words);
        }
        let mut line = std::mem::take(&mut self.line);
        line.end = self.end.unwrap_or(End::new(by, self.stage, cause));
        line.time = SystemTime::now();
        line.millis = self.begun.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        self.books.close(line);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::observe::access::Access;

    fn books() -> (Arc<Books>, Arc<Mutex<Vec<End>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&seen);
        let books = Books::new(Access::off())
            .heard_by(move |line| heard.lock().expect("not poisoned").push(line.end));
        (Arc::new(books), seen)
    }

    #[test]
    fn the_first_word_about_the_end_counts() {
        let (books, seen) = books();
        let mut record = Record::new(&books, Kind::Socket, Stage::Relay);
        record.end_here(By::Client, Cause::Close(1000));
        record.end_here(By::Backend, Cause::Reset);
        drop(record);
        let expected = End::new(By::Client, Stage::Relay, Cause::Close(1000));
        assert_eq!(*seen.lock().expect("not poisoned"), [expected]);
        assert_eq!(books.metrics.ends(Cause::Close(1000)), 1);
        assert_eq!(books.metrics.ends(Cause::Reset), 0);
    }

    #[test]
    fn what_is_dropped_without_a_word_is_blamed_on_who_dropped_it() {
        let (books, seen) = books();
        drop(Record::new(&books, Kind::Request, Stage::Connect));
        let slip = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _record = Record::new(&books, Kind::Request, Stage::Handshake);
            panic!("a mistake");
        }));
        slip.expect_err("it panics");
        books.cut();
        drop(Record::new(&books, Kind::Request, Stage::Exchange));
        let expected = [
            End::new(By::Client, Stage::Connect, Cause::Fin),
            End::new(By::Gateway, Stage::Handshake, Cause::Panicked),
            End::new(By::Gateway, Stage::Exchange, Cause::Stopped),
        ];
        assert_eq!(*seen.lock().expect("not poisoned"), expected);
    }
}
