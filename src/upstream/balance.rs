//! Which of several servers is next. Knows counts, weights and keys; not how a server is reached
//! or whether it is up.

use std::sync::{Mutex, PoisonError};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::member::Member;
use crate::config::model::Balance;

/// Where a pool stands in its round, by the servers' identities.
#[derive(Debug, Default)]
pub(super) struct Turn(Mutex<Vec<(u64, i64)>>);

/// Picks the place of one of `among`, all of which could be used; `None` when there is none.
///
/// `key` is what the request is hashed by. Without one it goes where the least is going on: a key
/// that is not there must not send everybody to the same server.
pub(super) fn choose(
    balance: &Balance,
    among: &[&Member],
    key: Option<u64>,
    turn: &Turn,
) -> Option<usize> {
    match (balance, key) {
        (Balance::Hash(_), Some(key)) => highest(among, |it| score(key, it)),
        (Balance::RoundRobin, _) => turn.next(among),
        (Balance::RandomTwo, _) => two(among),
        (Balance::LeastConnections | Balance::Hash(_), _) => least(among),
    }
}

/// What a request is hashed by, as a number: the same in every version of every gateway.
pub fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The fewest sockets for its weight; one of several by lot, so that gateways that start together
/// do not all begin with the same server.
fn least(among: &[&Member]) -> Option<usize> {
    let mut best: Option<(usize, u64)> = None;
    let mut equal = 1;
    for (place, member) in among.iter().enumerate() {
        let live = member.server.live();
        let order = match best {
            None => std::cmp::Ordering::Less,
            Some((other, its)) => busier(live, member.weight, its, among[other].weight),
        };
        match order {
            std::cmp::Ordering::Less => (best, equal) = (Some((place, live)), 1),
            std::cmp::Ordering::Greater => {}
            std::cmp::Ordering::Equal => {
                equal += 1;
                if rand::random_range(0..equal) == 0 {
                    best = Some((place, live));
                }
            }
        }
    }
    best.map(|(place, _)| place)
}

/// Compares how busy two servers would be with one more.
fn busier(live: u64, weight: u32, other: u64, other_weight: u32) -> std::cmp::Ordering {
    let load = |live: u64, weight: u32| u128::from(live + 1) * u128::from(weight);
    load(live, other_weight).cmp(&load(other, weight))
}

/// The less busy of two different ones drawn by weight.
fn two(among: &[&Member]) -> Option<usize> {
    let first = draw(among, None)?;
    let Some(second) = draw(among, Some(first)) else { return Some(first) };
    let (a, b) = (among[first], among[second]);
    let order = busier(a.server.live(), a.weight, b.server.live(), b.weight);
    Some(if order.is_gt() { second } else { first })
}

fn draw(among: &[&Member], without: Option<usize>) -> Option<usize> {
    let others = || among.iter().enumerate().filter(|(place, _)| Some(*place) != without);
    let total: u64 = others().map(|(_, it)| u64::from(it.weight)).sum();
    if total == 0 {
        return None;
    }
    let mut left = rand::random_range(0..total);
    for (place, member) in others() {
        match left.checked_sub(member.weight.into()) {
            None => return Some(place),
            Some(rest) => left = rest,
        }
    }
    None
}

impl Turn {
    /// Smooth weighted round robin: everybody gains its weight, the richest is next and pays what
    /// all have gained. The heavier come more often and never in a row without need.
    fn next(&self, among: &[&Member]) -> Option<usize> {
        let mut credits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        credits.retain(|(of, _)| among.iter().any(|it| it.server.identity == *of));
        let total: i64 = among.iter().map(|it| i64::from(it.weight)).sum();
        let mut next: Option<(usize, usize, i64)> = None;
        for (place, member) in among.iter().enumerate() {
            let of = member.server.identity;
            let at = credits.iter().position(|it| it.0 == of).unwrap_or_else(|| {
                credits.push((of, 0));
                credits.len() - 1
            });
            let Some((_, credit)) = credits.get_mut(at) else { continue };
            *credit += i64::from(member.weight);
            if next.is_none_or(|(_, _, most)| *credit > most) {
                next = Some((place, at, *credit));
            }
        }
        let (place, at, _) = next?;
        if let Some((_, credit)) = credits.get_mut(at) {
            *credit -= total;
        }
        Some(place)
    }
}

/// Weighted rendezvous hashing (highest random weight): each server draws a number from the key and
/// its own identity, and the highest wins. Nothing is shared between gateways, and when a server
/// goes only its own clients move.
fn score(key: u64, member: &Member) -> f64 {
    let drawn = xxh3_64_with_seed(&key.to_le_bytes(), member.server.identity);
    // From 0 to 1, neither included: 52 bits are exact in a float.
    let uniform = ((drawn >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    -f64::from(member.weight) / uniform.ln()
}

fn highest(among: &[&Member], score: impl Fn(&Member) -> f64) -> Option<usize> {
    let scores = among.iter().map(|it| score(it)).enumerate();
    scores.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(place, _)| place)
}

#[cfg(test)]
#[path = "balance_tests.rs"]
mod tests;
