//! THE STORY of a probe: name -> TCP -> TLS -> handshake -> first frame -> ping -> silence -> end.
//! Each stage notes what it saw; `causes` says what that means.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::causes::{answer, chain, closing, switch, tls as tls_causes, way};
use super::plan::Plan;
use super::report::{Ended, Finding, Handshake, Report, Silence, Stage, Step};
use super::socket::{Event, Socket};
use super::tls::{Secured, ask_older};
use super::{http, origins, reach, tls};

/// A probe under way.
pub(super) struct Walk<'a> {
    pub plan: &'a Plan,
    pub client: tls::Client,
    pub began: Instant,
    pub report: Report,
    pub seen: &'a mut dyn FnMut(&Step),
}

impl Walk<'_> {
    /// From the name to the end, or to the stage that fails.
    pub async fn go(&mut self) {
        let Some((address, tcp)) = self.reach().await else { return };
        if self.plan.target.secure {
            let Some(stream) = self.secure(address, tcp).await else { return };
            if self.speak(address, stream).await {
                self.resume(address).await;
            }
        } else {
            self.speak(address, tcp).await;
        }
    }

    async fn reach(&mut self) -> Option<(SocketAddr, TcpStream)> {
        let target = &self.plan.target;
        let own = (target.host.clone(), target.port);
        let (host, port) = self.plan.connect_to.as_ref().unwrap_or(&own);
        let began = Instant::now();
        let (dns, addresses) = reach::look_up(host, *port, &self.plan.waits).await;
        let finding = way::of_dns(&dns);
        self.note(began, Stage::Dns(dns));
        self.find(finding);
        if addresses.is_empty() {
            return None;
        }
        let began = Instant::now();
        let (attempts, connected) = reach::connect(&addresses, &self.plan.waits).await;
        let finding = way::of_tcp(&attempts, *port);
        self.note(began, Stage::Tcp { attempts });
        self.find(finding);
        connected
    }

    /// TLS; `None` when there is none, or none that a phone would go on with.
    async fn secure(&mut self, address: SocketAddr, tcp: TcpStream) -> Option<Secured> {
        let began = Instant::now();
        let (mut tls, shaken) = self.client.shake(self.plan, tcp).await;
        let took = began.elapsed();
        let now = SystemTime::now();
        let judged = match &shaken {
            Ok(_) => chain::judge(self.plan, &self.client.chain(), &tls.chain, now),
            Err(trouble) => {
                let older = match trouble.may_be_outdated() {
                    true => ask_older(self.plan, address).await,
                    false => None,
                };
                tls.speaks = older.map(|it| format!("{} with {}", it.version(), it.suite()));
                vec![tls_causes::of(trouble, older.as_ref(), &self.plan.target.host)]
            }
        };
        self.note_as(began, took, Stage::Tls(tls));
        let refused = judged.iter().any(|it| it.fatal);
        self.find(judged);
        shaken.ok().filter(|_| !refused || self.plan.insecure)
    }

    /// The handshake and what comes behind it: whether there was an answer.
    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        address: SocketAddr,
        mut stream: S,
    ) -> bool {
        let (plan, began) = (self.plan, Instant::now());
        let shaken = http::shake(&mut stream, &plan.target, &plan.face, &plan.waits).await;
        let took = began.elapsed();
        let answered = match shaken {
            Ok(answered) => answered,
            Err(none) => {
                let finding = answer::of_none(&none, self.client.was_asked_for_a_certificate());
                let error = Some(none.to_string());
                let stage = Stage::Handshake(Handshake { error, ..Handshake::default() });
                self.note_as(began, took, stage);
                self.find([finding]);
                return false;
            }
        };
        let handshake = answered.handshake;
        if handshake.status != Some(101) {
            let finding = self.refused(address, handshake, began, took).await;
            self.find([finding]);
            return true;
        }
        let mut found = switch::judge(&handshake, &answered.accept);
        let is_switched = found.is_empty();
        found.extend(switch::subprotocol(&plan.face, &handshake));
        found.extend(answer::of_head_size(answered.head_size));
        found.extend(switch::slow(took));
        let headers = Handshake { headers: handshake.headers.clone(), ..Handshake::default() };
        self.note_as(began, took, Stage::Handshake(handshake));
        self.find(found);
        // Nobody goes on behind a 101 that is none; with a subprotocol amiss, some do.
        if is_switched {
            let mut socket = Socket::new(stream, answered.early).await;
            self.converse(&mut socket, &headers).await;
            socket.leave().await;
        }
        true
    }

    /// An answer but 101.
    async fn refused(
        &mut self,
        address: SocketAddr,
        mut handshake: Handshake,
        began: Instant,
        took: Duration,
    ) -> Finding {
        if handshake.status == Some(403) {
            handshake.origins_tried = origins::try_others(self.plan, &self.client, address).await;
        }
        let finding = answer::of_refusal(&self.plan.target, &handshake);
        self.note_as(began, took, Stage::Handshake(handshake));
        finding
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut Socket<S>,
        handshake: &Handshake,
    ) {
        if let Some(ended) = self.first_frame(socket).await {
            return self.find([closing::at_once("first frame", &ended)]);
        }
        if let Some(ended) = self.ping(socket).await {
            return self.find([closing::at_once("ping", &ended)]);
        }
        if let Some(limit) = self.plan.silence
            && self.stay_silent(socket, limit, handshake).await
        {
            return;
        }
        self.close(socket).await;
    }

    async fn first_frame<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut Socket<S>,
    ) -> Option<Ended> {
        let (began, waits) = (Instant::now(), &self.plan.waits);
        let mut ended = None;
        let limit = match &self.plan.send {
            None => waits.first_frame,
            Some(text) => {
                ended = socket.say(text, waits.close).await.err();
                waits.reply
            }
        };
        let mut frame = None;
        if ended.is_none() {
            match socket.next(began + limit).await {
                Some(Event::Ended(it)) => ended = Some(it),
                came => frame = came.and_then(Event::into_frame),
            }
        }
        self.note(began, Stage::FirstFrame { frame, ended: ended.clone() });
        ended
    }

    async fn ping<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut Socket<S>,
    ) -> Option<Ended> {
        let (began, limit) = (Instant::now(), self.plan.waits.pong);
        let payload = rand::random::<[u8; 8]>();
        let mut ended = socket.ping(&payload, self.plan.waits.close).await.err();
        let mut answered = false;
        while !answered && ended.is_none() {
            match socket.next(began + limit).await {
                Some(Event::Pong(came)) => answered = came == payload,
                Some(Event::Ended(it)) => ended = Some(it),
                Some(_) => {}
                None => break,
            }
        }
        self.note(began, Stage::Ping { answered, ended: ended.clone() });
        if !answered && ended.is_none() {
            self.find([closing::no_pong(limit)]);
        }
        ended
    }

    /// Whether the server ended it.
    async fn stay_silent<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut Socket<S>,
        limit: Duration,
        handshake: &Handshake,
    ) -> bool {
        let began = Instant::now();
        let mut silence = Silence { limit, ..Silence::default() };
        while let Some(event) = socket.next(began + limit).await {
            match event {
                Event::Message { .. } => silence.messages += 1,
                Event::Ping => silence.pings += 1,
                Event::Pong(_) => {}
                Event::Ended(ended) => {
                    silence.ended = Some(ended);
                    break;
                }
            }
        }
        silence.quiet = socket.quiet();
        let finding = closing::of_silence(&silence, handshake);
        let ended = silence.ended.is_some();
        self.note(began, Stage::Silence(silence));
        self.find(finding);
        ended
    }

    async fn close<S: AsyncRead + AsyncWrite + Unpin>(&mut self, socket: &mut Socket<S>) {
        let (began, limit) = (Instant::now(), self.plan.waits.close);
        let mut ended = socket.close(limit).await.err();
        while ended.is_none() {
            match socket.next(began + limit).await {
                Some(Event::Ended(it)) => ended = Some(it),
                Some(_) => {}
                None => break,
            }
        }
        self.note(began, Stage::Close { ended });
    }

    /// Whether a reconnect is cheap. Last, for the server may send its tickets when it likes.
    async fn resume(&mut self, address: SocketAddr) {
        let began = Instant::now();
        let resumed = match reach::again(address, &self.plan.waits).await {
            Ok(socket) => self.client.shake_again(self.plan, socket).await,
            Err(error) => Err(error),
        };
        let (resumed, error) = match resumed {
            Ok(resumed) => (resumed, None),
            Err(error) => (false, Some(error)),
        };
        self.note(began, Stage::Resumption { resumed, error });
    }

    fn note(&mut self, began: Instant, stage: Stage) {
        self.note_as(began, began.elapsed(), stage);
    }

    fn note_as(&mut self, began: Instant, took: Duration, stage: Stage) {
        let step = Step { began: began.duration_since(self.began), took, stage };
        (self.seen)(&step);
        self.report.stages.push(step);
    }

    fn find(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.report.findings.extend(findings);
    }
}
