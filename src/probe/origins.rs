//! After a 403: the same handshake with the other Origins that phones are known to send, so that an
//! Origin rule is known rather than guessed.

use std::net::SocketAddr;

use hyper::header::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite};

use super::face::{Face, ORIGIN};
use super::plan::Plan;
use super::report::Trial;
use super::tls::Client;
use super::{http, reach};

/// What iOS mini games send.
const MINI_GAME: &str = "weapp://wechat-game-runtime";

/// Tries each on a connection of its own.
pub async fn try_others(plan: &Plan, client: &Client, address: SocketAddr) -> Vec<Trial> {
    let own = plan.target.own_origin();
    let others = [Some(ORIGIN), Some(own.as_str()), Some(MINI_GAME), None];
    let mut trials = Vec::new();
    for origin in others {
        let value = origin.and_then(|it| HeaderValue::from_str(it).ok());
        if value == plan.face.origin {
            continue;
        }
        let face = Face { origin: value, ..plan.face.clone() };
        let status = status(plan, &face, client, address).await;
        trials.push(Trial { origin: origin.map(str::to_owned), status });
    }
    trials
}

async fn status(plan: &Plan, face: &Face, client: &Client, address: SocketAddr) -> Option<u16> {
    let tcp = reach::again(address, &plan.waits).await.ok()?;
    if !plan.target.secure {
        return answer(plan, face, tcp).await;
    }
    let (_, stream) = client.shake(plan, tcp).await;
    answer(plan, face, stream.ok()?).await
}

async fn answer(
    plan: &Plan,
    face: &Face,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) -> Option<u16> {
    let answered = http::shake(&mut stream, &plan.target, face, &plan.waits).await.ok()?;
    answered.handshake.status
}
