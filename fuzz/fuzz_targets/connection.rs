//! A whole connection over a stream in memory: a client's bytes through HTTP and, behind a 101, the
//! relay, with a backend that answers whatever the input says. Nothing panics or hangs, no byte of what is
//! off the whitelist reaches the backend, every request and socket has its line, and none is left.

#![no_main]

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;
use wsgate::config;
use wsgate::drain::Signal;
use wsgate::http::{Door, Served, Sites, Spelling, Visit, serve};
use wsgate::observe::access::Access;
use wsgate::observe::books::Books;
use wsgate::relay::{Rules, Running, Tunnel};
use wsgate::stream::{Socket, Stream};
use wsgate::upstream::Pools;

/// What stands for a sound 101 in the backend's half of the input.
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

struct House {
    runtime: Runtime,
    config: config::Config,
    sites: Arc<Sites>,
    _pools: Pools,
    spelling: Spelling,
    listener: UnixListener,
}

thread_local! {
    static HOUSE: OnceCell<House> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    let Some((flags, rest)) = input.split_first() else { return };
    // The client's bytes and the backend's, with 0xff 0x00 between them.
    let border = rest.windows(2).position(|it| it == b"\xff\x00");
    let (said, answered) = border.map_or((rest, &b""[..]), |at| (&rest[..at], &rest[at + 2..]));
    let mut answer = answered.to_vec();
    if flags & 1 != 0 {
        answer.splice(..0, SWITCH.iter().copied());
    }
    let chunk = usize::from(flags >> 2).max(1) * if flags & 2 != 0 { 1 } else { 64 };
    HOUSE.with(|house| {
        let house = house.get_or_init(build);
        let seen = house.runtime.block_on(connection(house, said, &answer, chunk));
        let text = String::from_utf8_lossy(&seen);
        for line in text.lines().filter(|it| it.ends_with(" HTTP/1.1") && it.starts_with("GET ")) {
            assert!(!line.starts_with("GET /private"), "{line:?} of {said:?}");
        }
    });
});

fn build() -> House {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = std::env::temp_dir().join(format!("wsgate-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let socket: PathBuf = folder.join("backend");
    let text = format!(
        "[gateway.timeouts]\nclose = \"50ms\"\nrequest_head = \"50ms\"\nkeep_alive = \"50ms\"\n\
         [[listeners]]\naddress = \"127.0.0.1:1\"\nprotocol = \"https\"\n\
         [[sites]]\ndomains = [\"a.test\"]\ncertificate = \"x\"\nprivate_key = \"x\"\n\
         [[sites.routes]]\npath = \"/a\"\nbackend = \"unix:{0}\"\n\
         [sites.routes.limits]\nmessage_size = \"4KiB\"\nrequest_body = \"4KiB\"\n\
         [sites.routes.timeouts]\nresponse = \"50ms\"\nupgrade_response = \"50ms\"\n\
         [[sites.routes]]\npath = \"/private\"\nbackend = \"unix:{0}\"\n\
         [sites.routes.clients]\norigins = [\"https://nobody.test\"]\n",
        socket.display()
    );
    let parsed = config::parse(Path::new("gateway.toml"), &text, &|_| None);
    let (config, _) = parsed.unwrap_or_else(|report| panic!("{}", report.render()));
    let pools = Pools::build(&config, None).unwrap();
    let sites = Arc::new(Sites::build(&config, &pools, None).expect("it names no pages"));
    let (spelling, listener) = runtime.block_on(async {
        (Spelling::learn().await.unwrap(), UnixListener::bind(&socket).unwrap())
    });
    House { runtime, config, sites, _pools: pools, spelling, listener }
}

/// Lets a client say `said` and the backend `answer`; what the backend received.
async fn connection(house: &House, said: &[u8], answer: &[u8], chunk: usize) -> Vec<u8> {
    let (signal, drain) = Signal::new();
    let books = Arc::new(Books::new(Access::off()));
    let gateway = Arc::new(house.config.gateway.clone());
    let (mut client, ours) = UnixStream::pair().unwrap();
    let visit = Visit {
        sites: Arc::clone(&house.sites),
        gateway: Arc::clone(&gateway),
        spelling: house.spelling.clone(),
        books: Arc::clone(&books),
        drain: drain.clone(),
        door: Door::Https { http2: false },
        port: None,
        peer: None,
        local: None,
        server_name: Some("a.test".to_owned()),
    };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let talk = async {
        for piece in said.chunks(chunk) {
            if client.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let _ = client.shutdown().await;
        let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
    };
    let gate = async {
        if let Served::Switched(it) = serve(Stream::Plain(Socket::Unix(ours)), visit).await {
            let mut it = *it;
            let rules = Rules {
                route: it.terms.route,
                gateway: Arc::clone(&gateway),
                compressed: it.terms.compressed,
                engine_io: it.terms.engine_io,
            };
            let entered = books.sockets.enter(&it.record.line, it.terms.lane);
            let live = Arc::clone(entered.live());
            let tunnel = Tunnel { client: it.client, backend: it.backend, rules, live, drain };
            Running::new(tunnel, Arc::clone(&books)).run(&mut it.record).await;
        }
    };
    let both = async { tokio::join!(talk, gate) };
    tokio::select! {
        _ = both => {}
        () = backend(&house.listener, answer, chunk, &seen) => {}
        () = tokio::time::sleep(Duration::from_secs(4)) => panic!("it hangs: {said:?} {answer:?}"),
    }
    drop(signal);
    assert_eq!(books.metrics.requests.value(), 0, "a request is left");
    let seen = seen.lock().unwrap();
    seen.clone()
}

/// Answers every connection with `answer` once a head has come; never ends.
async fn backend(listener: &UnixListener, answer: &[u8], chunk: usize, seen: &Mutex<Vec<u8>>) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { return };
        let mut buf = [0; 4096];
        let mut head = Vec::new();
        while !head.windows(4).any(|it| it == b"\r\n\r\n") {
            match stream.read(&mut buf).await {
                Ok(count @ 1..) => head.extend_from_slice(&buf[..count]),
                _ => break,
            }
        }
        seen.lock().unwrap().extend_from_slice(&head);
        for piece in answer.chunks(chunk) {
            if stream.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}
