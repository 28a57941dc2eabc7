//! What the room promises its visitors. Knows `room` only.

use serde_json::{Value, json};

use super::*;

const LATER: Duration = Duration::from_secs(1);

fn enter(room: &Arc<Room>) -> Seat {
    room.enter(Instant::now()).expect("there is room")
}

fn join(room: &Arc<Room>, name: &str) -> Seat {
    let mut seat = enter(room);
    seat.say(&json!({"msg_type": "join", "name": name}).to_string(), Instant::now());
    seat
}

/// All that a visitor heard so far.
fn heard(seat: &mut Seat) -> Vec<Value> {
    std::iter::from_fn(|| seat.heard.try_recv().ok())
        .map(|text| serde_json::from_str(&text).expect("every event is JSON"))
        .collect()
}

fn kinds(seat: &mut Seat) -> Vec<String> {
    heard(seat).iter().map(|it| it["msg_type"].as_str().expect("a type").to_owned()).collect()
}

#[test]
fn a_visitor_is_told_their_id_first_and_nothing_of_the_room_until_they_join() {
    let room = Arc::new(Room::default());
    let mut visitor = enter(&room);
    let mut ann = join(&room, "Ann");
    ann.say(r#"{"msg_type":"like"}"#, Instant::now());
    assert_eq!(heard(&mut visitor), [json!({"msg_type": "init", "client_id": 1})]);
    assert_eq!(kinds(&mut ann), ["init", "like", "joined", "online", "like"]);
}

#[test]
fn a_comment_reaches_every_member_and_the_one_who_wrote_it() {
    let room = Arc::new(Room::default());
    let (mut ann, mut bob) = (join(&room, "Ann"), join(&room, "Bob"));
    heard(&mut ann);
    heard(&mut bob);
    ann.say(r#"{"msg_type":"comment","text":" 你好 <b> "}"#, Instant::now());
    let expected =
        json!({"msg_type": "comment", "client_id": 1, "from": "Ann", "text": "你好 <b>"});
    assert_eq!(heard(&mut ann), std::slice::from_ref(&expected));
    assert_eq!(heard(&mut bob), [expected]);
}

#[test]
fn likes_are_counted_for_the_whole_room_and_told_to_who_joins_later() {
    let room = Arc::new(Room::default());
    let mut ann = join(&room, "Ann");
    let mut bob = join(&room, "Bob");
    ann.say(r#"{"msg_type":"like"}"#, Instant::now());
    bob.say(r#"{"msg_type":"like"}"#, Instant::now());
    assert_eq!(heard(&mut ann).last(), Some(&json!({"msg_type": "like", "total": 2})));
    let mut carol = join(&room, "Carol");
    assert!(heard(&mut carol).contains(&json!({"msg_type": "like", "total": 2})));
}

#[test]
fn leaving_is_told_with_the_new_count() {
    let room = Arc::new(Room::default());
    let mut ann = join(&room, "Ann");
    let bob = join(&room, "Bob");
    heard(&mut ann);
    drop(bob);
    let left = json!({"msg_type": "left", "client_id": 2, "name": "Bob"});
    assert_eq!(heard(&mut ann), [left, json!({"msg_type": "online", "count": 1})]);
}

#[test]
fn a_ping_is_answered_even_before_joining() {
    let room = Arc::new(Room::default());
    let mut visitor = enter(&room);
    visitor.say(r#"{"msg_type":"ping"}"#, Instant::now());
    assert_eq!(kinds(&mut visitor), ["init", "pong"]);
}

#[test]
fn what_the_room_does_not_understand_is_refused_and_not_passed_on() {
    let room = Arc::new(Room::default());
    let (mut ann, mut bob) = (join(&room, "Ann"), join(&room, "Bob"));
    heard(&mut bob);
    heard(&mut ann);
    let long = json!({"msg_type": "comment", "text": "x".repeat(COMMENT_LENGTH + 1)}).to_string();
    for text in ["", "[]", r#"{"msg_type":"shout"}"#, r#"{"msg_type":"join","name":"x"}"#, &long] {
        ann.say(text, Instant::now());
    }
    assert_eq!(kinds(&mut ann), ["refused"; 5]);
    assert!(heard(&mut bob).is_empty());
}

#[test]
fn a_comment_before_joining_is_refused() {
    let room = Arc::new(Room::default());
    let mut ann = join(&room, "Ann");
    heard(&mut ann);
    let mut visitor = enter(&room);
    visitor.say(r#"{"msg_type":"comment","text":"hi"}"#, Instant::now());
    assert_eq!(kinds(&mut visitor), ["init", "refused"]);
    assert!(heard(&mut ann).is_empty());
}

#[test]
fn names_are_cut_cleaned_and_never_empty() {
    let room = Arc::new(Room::default());
    let mut ann = join(&room, &format!("\u{7}{}", "a".repeat(NAME_LENGTH + 5)));
    let mut nobody = join(&room, " \n ");
    assert_eq!(heard(&mut ann)[2]["name"], "a".repeat(NAME_LENGTH));
    assert_eq!(heard(&mut nobody)[2]["name"], "guest 2");
}

#[test]
fn who_sends_too_fast_is_refused_until_the_second_is_over() {
    let room = Arc::new(Room::default());
    let start = Instant::now();
    let mut visitor = room.enter(start).expect("there is room");
    for _ in 0..=MESSAGES_PER_SECOND {
        visitor.say(r#"{"msg_type":"ping"}"#, start);
    }
    assert_eq!(kinds(&mut visitor).last().map(String::as_str), Some("refused"));
    visitor.say(r#"{"msg_type":"ping"}"#, start + LATER);
    assert_eq!(kinds(&mut visitor), ["pong"]);
}

#[tokio::test]
async fn who_does_not_listen_is_put_out_and_the_others_are_told() {
    let room = Arc::new(Room::default());
    let (mut ann, mut deaf) = (join(&room, "Ann"), join(&room, "Deaf"));
    let mut now = Instant::now();
    let mut left = Vec::new();
    for _ in 0..=QUEUE {
        now += LATER;
        ann.say(r#"{"msg_type":"like"}"#, now);
        left.extend(heard(&mut ann).into_iter().filter(|it| it["msg_type"] == "left"));
    }
    assert_eq!(left, [json!({"msg_type": "left", "client_id": 2, "name": "Deaf"})]);
    let mut last_words = 0;
    while deaf.next().await.is_some() {
        last_words += 1;
    }
    assert_eq!(last_words, QUEUE, "what was queued is still delivered, then the seat is over");
    drop(deaf);
    assert!(heard(&mut ann).is_empty(), "leaving is told once");
}

#[test]
fn a_full_room_lets_nobody_in_until_someone_leaves() {
    let room = Arc::new(Room::default());
    let mut seats: Vec<Seat> = (0..VISITORS).map(|_| enter(&room)).collect();
    assert!(room.enter(Instant::now()).is_none());
    seats.pop();
    assert!(room.enter(Instant::now()).is_some());
}
