//! How servers are chosen.

use std::sync::Arc;

use super::*;
use crate::config::model::{self, HashOn, Located, ServerAddress};
use crate::upstream::server::{Server, Target};

const HASH: Balance = Balance::Hash(HashOn::ClientIp);

fn members(weights: &[u32]) -> Vec<Member> {
    let member = |(at, weight): (usize, &u32)| {
        let target = Target::Tcp(format!("10.0.0.{}:80", at + 1).parse().expect("an address"));
        let address = ServerAddress::Unix("/a".into());
        let address = Located { value: address, spot: 0..0 };
        let written = model::Server { address, tls: false, weight: *weight, backup: false };
        Member::new(Arc::new(Server::new(target, None)), &written)
    };
    weights.iter().enumerate().map(member).collect()
}

fn pick(balance: &Balance, members: &[Member], key: Option<u64>, turn: &Turn) -> usize {
    let all: Vec<&Member> = members.iter().collect();
    choose(balance, &all, key, turn).expect("there are some")
}

#[test]
fn nothing_is_chosen_among_none() {
    for balance in [HASH, Balance::LeastConnections, Balance::RandomTwo, Balance::RoundRobin] {
        assert_eq!(choose(&balance, &[], Some(1), &Turn::default()), None);
    }
}

#[test]
fn the_least_busy_for_its_weight_is_next() {
    let members = members(&[1, 3]);
    let turn = Turn::default();
    let mut leases = Vec::new();
    for _ in 0..40 {
        let place = pick(&Balance::LeastConnections, &members, None, &turn);
        leases.push(members[place].server.lease(true));
    }
    assert_eq!((members[0].server.live(), members[1].server.live()), (10, 30));
    leases.clear();
    assert_eq!(members[1].server.live(), 0);
}

#[test]
fn equals_are_chosen_by_lot() {
    let members = members(&[1, 1, 1]);
    let mut hits = [0; 3];
    for _ in 0..300 {
        hits[pick(&Balance::LeastConnections, &members, None, &Turn::default())] += 1;
    }
    assert!(hits.iter().all(|it| *it > 50), "{hits:?}");
}

#[test]
fn a_round_gives_each_its_weight_and_spreads_it() {
    let members = members(&[5, 1, 1]);
    let turn = Turn::default();
    let round: Vec<usize> =
        (0..7).map(|_| pick(&Balance::RoundRobin, &members, None, &turn)).collect();
    assert_eq!(round, [0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn of_two_the_less_busy_is_taken() {
    let members = members(&[1, 1]);
    let _busy = members[0].server.lease(true);
    for _ in 0..50 {
        assert_eq!(pick(&Balance::RandomTwo, &members, None, &Turn::default()), 1);
    }
    assert_eq!(pick(&Balance::RandomTwo, &members[..1], None, &Turn::default()), 0);
}

#[test]
fn a_key_has_one_server_whoever_asks_and_in_whatever_order() {
    let here = members(&[1, 1, 1]);
    let there: Vec<Member> = members(&[1, 1, 1]).into_iter().rev().collect();
    for key in 0..200 {
        let a = pick(&HASH, &here, Some(key), &Turn::default());
        let b = pick(&HASH, &there, Some(key), &Turn::default());
        assert_eq!(here[a].server.name, there[b].server.name);
    }
}

#[test]
fn keys_spread_by_weight() {
    let members = members(&[1, 3]);
    let hits = (0..4000).filter(|key| pick(&HASH, &members, Some(*key), &Turn::default()) == 1);
    let hits = hits.count();
    assert!((2850..3150).contains(&hits), "{hits} of 4000");
}

#[test]
fn when_a_server_goes_only_its_own_keys_move() {
    let all = members(&[1, 1, 1, 1]);
    for key in 0..500 {
        let before = pick(&HASH, &all, Some(key), &Turn::default());
        let after = pick(&HASH, &all[..3], Some(key), &Turn::default());
        assert!(before == 3 || before == after, "key {key} moved from {before} to {after}");
    }
}

#[test]
fn without_a_key_it_goes_where_the_least_is_going_on() {
    let members = members(&[1, 1]);
    let _busy = members[1].server.lease(true);
    for _ in 0..20 {
        assert_eq!(pick(&HASH, &members, None, &Turn::default()), 0);
    }
}

#[test]
fn the_hash_is_the_same_in_every_version() {
    // A gateway of an older version must send a client to the same server.
    let members = members(&[1, 1, 1, 1, 1]);
    let places: Vec<usize> =
        (0..12).map(|key| pick(&HASH, &members, Some(key), &Turn::default())).collect();
    assert_eq!(places, EXPECTED);
}

const EXPECTED: [usize; 12] = [0, 4, 1, 3, 3, 0, 3, 2, 4, 3, 1, 2];
