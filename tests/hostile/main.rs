//! The hostile corpus, case by case, against wsgate: real sockets, TLS, and a backend that writes down
//! what reaches it. One test for each group; a failure names every case that does not hold.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "how tests fail")]
#![allow(clippy::disallowed_methods, reason = "the backend runs beside the cases")]
#![allow(missing_docs, reason = "tests are sentences")]

#[allow(dead_code, reason = "each of the two binaries uses its part")]
mod corpus;
mod recorder;
#[allow(dead_code, reason = "each of the two binaries uses its part")]
mod subject;
#[allow(dead_code, reason = "each of the two binaries uses its part")]
mod trial;
mod trusting;

use recorder::Recorder;
use subject::{Kind, Subject};

/// The name of the usual site.
pub const HOST: &str = "game.example.test";

/// A valid key and the answer that it asks for (RFC 6455 section 1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

async fn hold_to(name: &str) {
    let group = corpus::group(name);
    let recorder = Recorder::start().await;
    let gateway = Subject::start(&Kind::Wsgate, name, recorder.address);
    let mut wrong = Vec::new();
    for case in &group.cases {
        let outcome = trial::run(case, gateway.address, &recorder).await;
        let complaints = outcome.complaints_of_wsgate(case);
        if !complaints.is_empty() {
            let said =
                String::from_utf8_lossy(&outcome.received).chars().take(300).collect::<String>();
            wrong.push(format!("{}: {}\n    it said {said:?}", case.name, complaints.join("; ")));
        }
    }
    let (count, about) = (group.cases.len(), &group.about);
    assert!(wrong.is_empty(), "{about}\n{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

macro_rules! groups {
    ($($test:ident => $name:literal,)+) => {
        $(#[tokio::test]
        async fn $test() {
            hold_to($name).await;
        })+

        #[test]
        fn every_group_is_tried_and_there_are_at_least_150_cases() {
            let groups = corpus::groups();
            let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, [$($name),+]);
            let count: usize = groups.iter().map(|(_, it)| it.cases.len()).sum();
            assert!(count >= 150, "only {count}");
            for (name, group) in &groups {
                let mut cases: Vec<&str> = group.cases.iter().map(|it| it.name.as_str()).collect();
                cases.sort_unstable();
                let all = cases.len();
                cases.dedup();
                assert_eq!(cases.len(), all, "{name}: two cases of one name");
            }
        }
    };
}

groups! {
    answers_of_backends_have_one_meaning => "answers",
    frames_keep_the_rules => "frames",
    handshakes_are_whole_and_a_failed_one_leaves_no_tunnel => "handshakes",
    names_are_on_the_whitelist_and_agree => "names",
    origins_are_compared_whole => "origins",
    paths_have_one_meaning => "paths",
    requests_have_one_meaning => "smuggling",
}
