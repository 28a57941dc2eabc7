//! How many sockets and requests are on a route at a time: `limits.connections`. The counts of a route
//! outlive a reload, for what it counts does too.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The places of one route.
#[derive(Debug, Default)]
pub struct Places(AtomicUsize);

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Places>);

/// The places of every route, by site and path.
#[derive(Debug, Default)]
pub struct AllPlaces(HashMap<(String, String), Arc<Places>>);

impl Places {
    /// Takes one; `None` when `most` are taken. Counts without a limit too: a reload may set one.
    pub fn enter(self: &Arc<Self>, most: Option<usize>) -> Option<Place> {
        let before = self.0.fetch_add(1, Ordering::AcqRel);
        // Dropped again where it is one too many.
        let place = Place(Arc::clone(self));
        most.is_none_or(|most| before < most).then_some(place)
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl AllPlaces {
    /// Those of `path` at `site`: as in `previous`, or new ones.
    pub fn of(&mut self, site: &str, path: &str, previous: Option<&Self>) -> Arc<Places> {
        let key = (site.to_owned(), path.to_owned());
        let known = previous.and_then(|it| it.0.get(&key)).cloned().unwrap_or_default();
        Arc::clone(self.0.entry(key).or_insert(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back_and_outlive_a_reload() {
        let mut before = AllPlaces::default();
        let places = before.of("a.test", "/", None);
        let kept = [places.enter(Some(2)), places.enter(Some(2))];
        assert!(kept.iter().all(Option::is_some) && places.enter(Some(2)).is_none());
        assert_eq!(places.taken(), 2, "who was refused has taken none");
        let mut after = AllPlaces::default();
        let again = after.of("a.test", "/", Some(&before));
        assert!(again.enter(Some(2)).is_none() && again.enter(None).is_some());
        assert_eq!(after.of("a.test", "/other", Some(&before)).taken(), 0);
        drop(kept);
        assert_eq!(again.taken(), 0);
    }
}
