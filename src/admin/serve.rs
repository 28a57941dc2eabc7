//! One connection to the admin listener: plain HTTP/1.1 within bounds, in one future.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::Office;
use super::answer::answer;
use crate::drain::Phase;
use crate::life::{Timer, within};
use crate::stream::Socket;

/// For a request head, and for the silence between two requests: a scrape a minute keeps its
/// connection.
const HEAD: Duration = Duration::from_secs(90);

/// After this long a connection ends with the answer that it is at.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// For the last answer to be taken.
const LAST: Duration = Duration::from_secs(30);

/// Most bytes of a request head.
const HEAD_SIZE: usize = 16 * 1024;

/// Most fields of a request head.
const FIELDS: usize = 64;

/// Answers the requests of one connection until it ends, or until the gateway is cut.
pub async fn serve(socket: Socket, office: Office) {
    let mut drain = office.drain.clone();
    let service = service_fn(|request: Request<Incoming>| {
        let answered = answer(&office, &request);
        async move { Ok::<_, Infallible>(answered) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder.max_buf_size(HEAD_SIZE).max_headers(FIELDS);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let served = async {
        if within(Some(LIFE), Timer::KeepAlive, connection.as_mut()).await.is_err() {
            connection.as_mut().graceful_shutdown();
            // Who takes nothing for so long gets nothing more.
            let _ = within(Some(LAST), Timer::KeepAlive, connection).await;
        }
    };
    tokio::select! {
        () = served => {}
        () = drain.reached(Phase::Cutting) => {}
    }
}
