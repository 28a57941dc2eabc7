//! A property of every tunnel: whatever the messages, however they are cut into frames, interleaved with
//! control frames and split over writes, each side receives exactly the other's frames, in order.

use std::sync::{Arc, LazyLock, Mutex};

use quickcheck::{Arbitrary, Gen, QuickCheck};
use tokio::runtime::Runtime;

use crate::house::client::Client;
use crate::house::frames::{Frame, raw};
use crate::house::{Backend, House, route, until};

/// How many conversations are tried.
const TRIES: u64 = 60;

/// One side's frames, and the sizes of the writes that they leave in.
#[derive(Clone, Debug, Default)]
struct Speech {
    frames: Vec<(u8, Vec<u8>)>,
    writes: Vec<usize>,
}

impl Arbitrary for Speech {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut frames = Vec::new();
        for _ in 0..usize::arbitrary(g) % 12 {
            let (mut opcode, parts) = (1 + u8::arbitrary(g) % 2, 1 + usize::arbitrary(g) % 4);
            for part in 0..parts {
                let fin = if part + 1 == parts { 0x80 } else { 0 };
                frames.push((fin | opcode, payload(g, 70_000)));
                opcode = 0;
                if bool::arbitrary(g) {
                    frames.push((0x89 + u8::arbitrary(g) % 2, payload(g, 126)));
                }
            }
        }
        let writes = (0..1 + usize::arbitrary(g) % 6).map(|_| 1 + usize::arbitrary(g) % 5000);
        Self { frames, writes: writes.collect() }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        // Whole messages are left out: what remains is a sound stream.
        let ends = self.frames.iter().enumerate().filter(|(_, it)| it.0 & 0x88 == 0x80);
        let cuts: Vec<usize> = ends.map(|(at, _)| at).collect();
        let speech = self.clone();
        Box::new(cuts.into_iter().map(move |at| {
            let frames = speech.frames[..at].to_vec();
            let border = frames.iter().rposition(|it| it.0 & 0x88 == 0x80).map_or(0, |it| it + 1);
            Self { frames: frames[..border].to_vec(), writes: speech.writes.clone() }
        }))
    }
}

/// Short lengths, those around the borders of the header's forms, and long ones.
fn payload(g: &mut Gen, limit: usize) -> Vec<u8> {
    let borders = [0, 1, 124, 125, 126, 127, 65_535, 65_536];
    let length = match u8::arbitrary(g) % 3 {
        0 => *g.choose(&borders).expect("some"),
        _ => usize::arbitrary(g) % 3000,
    };
    vec![u8::arbitrary(g); length % limit]
}

impl Speech {
    /// Says it, masked as a client does or bare.
    async fn say(&self, to: &mut Client, mask: Option<[u8; 4]>) {
        let bytes: Vec<u8> =
            self.frames.iter().flat_map(|(first, payload)| raw(*first, payload, mask)).collect();
        let mut rest = &bytes[..];
        let mut sizes = self.writes.iter().cycle();
        while !rest.is_empty() {
            let size = sizes.next().copied().unwrap_or(1).min(rest.len());
            to.send(&rest[..size]).await;
            rest = &rest[size..];
            tokio::task::yield_now().await;
        }
    }

    /// Hears exactly this.
    async fn is_heard(&self, from: &mut Client) -> Result<(), String> {
        for (at, (first, payload)) in self.frames.iter().enumerate() {
            match from.frame().await {
                Some(Frame { bits, opcode, payload: heard, .. })
                    if bits | opcode == *first && heard == *payload => {}
                other => return Err(format!("frame {at} is {first:#x}, heard {other:?}")),
            }
        }
        Ok(())
    }
}

#[test]
fn each_side_hears_exactly_what_the_other_says() {
    let property = converse as fn(Speech, Speech) -> Result<bool, String>;
    QuickCheck::new().tests(TRIES).quickcheck(property);
    let metrics = TABLE.house.metrics();
    TABLE.runtime.block_on(until(|| metrics.sockets.value() == 0));
}

/// What all conversations are held at.
struct Table {
    runtime: Runtime,
    house: House,
    _backend: Backend,
    plan: Plan,
    heard: Heard,
}

/// What the client and the backend are to say next.
type Plan = Arc<Mutex<(Speech, Speech)>>;

/// What the backend says of what it heard.
type Heard = Arc<Mutex<Option<Result<(), String>>>>;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let (plan, heard) = (Plan::default(), Heard::default());
    let backend = runtime.block_on(backend(Arc::clone(&plan), Arc::clone(&heard)));
    let house = runtime.block_on(House::with_routes(&route("/", &backend)));
    Table { runtime, house, _backend: backend, plan, heard }
});

fn converse(up: Speech, down: Speech) -> Result<bool, String> {
    TABLE.runtime.block_on(async {
        *TABLE.plan.lock().unwrap() = (up.clone(), down.clone());
        *TABLE.heard.lock().unwrap() = None;
        let mut client = TABLE.house.socket("/").await;
        up.say(&mut client, Some([3, 1, 4, 1])).await;
        down.is_heard(&mut client).await?;
        until(|| TABLE.heard.lock().unwrap().is_some()).await;
        TABLE.heard.lock().unwrap().take().unwrap_or(Ok(())).map(|()| true)
    })
}

/// Hears the client out and then has its say, as the plan has it.
async fn backend(plan: Plan, heard: Heard) -> Backend {
    Backend::sockets(move |mut client| {
        let (plan, heard) = (Arc::clone(&plan), Arc::clone(&heard));
        async move {
            let (up, down) = plan.lock().unwrap().clone();
            let result = up.is_heard(&mut client).await;
            *heard.lock().unwrap() = Some(result);
            down.say(&mut client, None).await;
            client.rest().await;
        }
    })
    .await
}
