//! A small CA that speaks ACME (RFC 8555) over TLS: strict about nonces, signatures and proofs, which it looks for over
//! real connections. It fails as a test asks it to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::jws::{self, Key, Signed};
use super::signing;
use crate::house::client::{Client, field};
use crate::house::{certificates, soon};

/// How it behaves from now on.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// So many requests are told that their nonce is no good.
    pub spoilt_nonces: usize,
    /// New orders are too many; come back in so many seconds.
    pub limited: Option<u32>,
    /// No proof is good enough.
    pub distrustful: bool,
    /// Orders stay pending, and the client is to ask again in so many seconds.
    pub pending: Option<u32>,
    /// What everything is answered with instead.
    pub instead: Option<String>,
    /// When it wants certificates renewed: seconds from now, begin and end.
    pub advice: Option<(i64, i64)>,
}

pub struct Ca {
    pub at: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    base: String,
    manners: Mutex<Manners>,
    /// Where names lead: to a listener that speaks HTTP.
    lead_to: Mutex<Option<SocketAddr>>,
    lifetime: Duration,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    nonces: BTreeSet<String>,
    accounts: BTreeMap<String, Key>,
    orders: Vec<Order>,
    replaced: Vec<String>,
}

/// An order; its authorizations are numbered as its names.
#[derive(Clone)]
struct Order {
    names: Vec<String>,
    proven: Vec<Option<bool>>,
    replaces: Option<String>,
    chain: Option<String>,
}

/// Status, fields, body.
type Answer = (u16, String, String);

impl Ca {
    pub async fn start(lifetime: Duration) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), lifetime).await
    }

    pub async fn start_at(at: SocketAddr, lifetime: Duration) -> Self {
        let listener = TcpListener::bind(at).await.expect("free");
        let at = listener.local_addr().expect("an address");
        let base = format!("https://localhost:{}", at.port());
        let state = Arc::new(State { base, lifetime, ..State::default() });
        let (chain, key) = certificates::pair("localhost");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider);
        let tls = tls.with_safe_default_protocol_versions().expect("versions");
        let tls = tls.with_no_client_auth().with_single_cert(chain, key).expect("a pair");
        let (acceptor, serving) = (TlsAcceptor::from(Arc::new(tls)), Arc::clone(&state));
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, state) = (acceptor.clone(), Arc::clone(&serving));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(socket).await {
                        state.serve(Client::on(stream)).await;
                    }
                });
            }
        });
        Self { at, state, task }
    }

    pub fn behave(&self, manners: Manners) {
        *self.state.manners.lock().unwrap() = manners;
    }

    pub fn lead_to(&self, listener: SocketAddr) {
        *self.state.lead_to.lock().unwrap() = Some(listener);
    }

    pub fn forget_accounts(&self) {
        self.state.books.lock().unwrap().accounts.clear();
    }

    pub fn accounts(&self) -> usize {
        self.state.books.lock().unwrap().accounts.len()
    }

    pub fn orders(&self) -> usize {
        self.state.books.lock().unwrap().orders.len()
    }

    /// The certificates that it was told are replaced.
    pub fn replaced(&self) -> Vec<String> {
        self.state.books.lock().unwrap().replaced.clone()
    }
}

impl Drop for Ca {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    async fn serve(&self, mut client: Client) {
        let head = client.head().await;
        let body = client.body(&head).await;
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or("").to_owned());
        let instead = self.manners.lock().unwrap().instead.clone();
        if let Some(instead) = instead {
            let _ = client.try_send(instead).await;
            return;
        }
        assert!(field(&head, "user-agent").is_some_and(|it| it.starts_with("wsgate/")), "{head}");
        let (status, fields, text) = match (method, path.as_str()) {
            ("GET", "/directory") => (200, String::new(), self.directory().to_string()),
            ("HEAD", "/nonce") => (200, String::new(), String::new()),
            ("GET", path) if path.starts_with("/renewal/") => self.renewal(),
            ("POST", _) => {
                assert_eq!(field(&head, "content-type"), Some("application/jose+json"));
                self.signed(&path, &body).await
            }
            _ => (405, String::new(), "{}".to_owned()),
        };
        let nonce = self.nonce();
        let length = text.len();
        let answer = format!(
            "HTTP/1.1 {status} so\r\nReplay-Nonce: {nonce}\r\nContent-Length: {length}\r\n\
             Connection: close\r\n{fields}\r\n{text}"
        );
        let _ = client.try_send(answer).await;
    }

    fn directory(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.base);
        let mut directory = json!({
            "newNonce": at("nonce"), "newAccount": at("account"), "newOrder": at("order"),
            "revokeCert": at("revoke"), "keyChange": at("change"),
        });
        if self.manners.lock().unwrap().advice.is_some() {
            directory["renewalInfo"] = json!(at("renewal"));
        }
        directory
    }

    fn nonce(&self) -> String {
        let nonce = format!("{:032x}", rand::random::<u128>());
        self.books.lock().unwrap().nonces.insert(nonce.clone());
        nonce
    }

    fn renewal(&self) -> Answer {
        let (begin, end) = self.manners.lock().unwrap().advice.unwrap_or_default();
        let at = |it| signing::moment(it);
        let window = json!({ "suggestedWindow": { "start": at(begin), "end": at(end) } });
        (200, "Retry-After: 21600\r\n".to_owned(), window.to_string())
    }

    async fn signed(&self, path: &str, body: &str) -> Answer {
        let keys = |account: &str| self.books.lock().unwrap().accounts.get(account).cloned();
        let signed = match jws::verified(body, keys) {
            Ok(signed) => signed,
            Err(kind) => return problem(400, kind, "who are you?", ""),
        };
        assert_eq!(signed.url, format!("{}{path}", self.base), "signed for another address");
        let known = self.books.lock().unwrap().nonces.remove(&signed.nonce);
        let spoilt = std::mem::replace(&mut self.manners.lock().unwrap().spoilt_nonces, 0);
        self.manners.lock().unwrap().spoilt_nonces = spoilt.saturating_sub(1);
        if !known || spoilt > 0 {
            return problem(400, "badNonce", "take another", "");
        }
        match path.split('/').skip(1).collect::<Vec<_>>()[..] {
            ["account"] => self.account(&signed),
            ["order"] => self.new_order(&signed),
            ["order", order] => self.order(number(order)),
            ["authorization", order, name] => self.authorization(number(order), number(name)),
            ["challenge", order, name] => {
                self.prove(number(order), number(name), &signed.key).await
            }
            ["finalize", order] => self.finalize(number(order), &signed.payload),
            ["certificate", order] => {
                let chain = self.books.lock().unwrap().orders[number(order)].chain.clone();
                (200, String::new(), chain.expect("it was issued"))
            }
            _ => problem(404, "malformed", "there is nothing here", ""),
        }
    }

    fn account(&self, signed: &Signed) -> Answer {
        assert_eq!(signed.payload["termsOfServiceAgreed"], json!(true));
        let mut books = self.books.lock().unwrap();
        let account = format!("{}/account/{}", self.base, signed.key.thumbprint());
        books.accounts.insert(account.clone(), signed.key.clone());
        (201, format!("Location: {account}\r\n"), json!({ "status": "valid" }).to_string())
    }

    fn new_order(&self, signed: &Signed) -> Answer {
        assert!(signed.account.is_some(), "an order is an account's");
        if let Some(seconds) = self.manners.lock().unwrap().limited {
            let wait = format!("Retry-After: {seconds}\r\n");
            return problem(429, "rateLimited", "too many orders", &wait);
        }
        let identifiers = signed.payload["identifiers"].as_array().expect("identifiers");
        let name = |it: &Value| it["value"].as_str().expect("a name").to_owned();
        let names: Vec<String> = identifiers.iter().map(name).collect();
        let proven = vec![None; names.len()];
        let replaces = signed.payload["replaces"].as_str().map(str::to_owned);
        let number = {
            let mut books = self.books.lock().unwrap();
            books.replaced.extend(replaces.clone());
            books.orders.push(Order { names, proven, replaces, chain: None });
            books.orders.len() - 1
        };
        let (_, _, text) = self.order(number);
        (201, format!("Location: {}/order/{number}\r\n", self.base), text)
    }

    fn order(&self, number: usize) -> Answer {
        let order = self.books.lock().unwrap().orders[number].clone();
        let pending = self.manners.lock().unwrap().pending;
        let status = match (&order.chain, &order.proven) {
            _ if pending.is_some() => "pending",
            (Some(_), _) => "valid",
            (None, proven) if proven.contains(&Some(false)) => "invalid",
            (None, proven) if proven.iter().all(|it| *it == Some(true)) => "ready",
            _ => "pending",
        };
        let base = &self.base;
        let all = 0..order.names.len();
        let authorizations: Vec<String> =
            all.map(|it| format!("{base}/authorization/{number}/{it}")).collect();
        let mut text = json!({
            "status": status,
            "identifiers": order.names.iter().map(|it| json!({ "type": "dns", "value": it })).collect::<Vec<_>>(),
            "authorizations": authorizations,
            "finalize": format!("{base}/finalize/{number}"),
        });
        if order.chain.is_some() {
            text["certificate"] = json!(format!("{base}/certificate/{number}"));
        }
        if let Some(replaces) = order.replaces {
            text["replaces"] = json!(replaces);
        }
        let wait = pending.map(|it| format!("Retry-After: {it}\r\n")).unwrap_or_default();
        (200, wait, text.to_string())
    }

    fn authorization(&self, number: usize, place: usize) -> Answer {
        let order = self.books.lock().unwrap().orders[number].clone();
        let status = match order.proven[place] {
            None => "pending",
            Some(true) => "valid",
            Some(false) => "invalid",
        };
        let text = json!({
            "status": status,
            "identifier": { "type": "dns", "value": order.names[place] },
            "challenges": [self.challenge(number, place, status)],
        });
        (200, String::new(), text.to_string())
    }

    fn challenge(&self, number: usize, place: usize, status: &str) -> Value {
        let url = format!("{}/challenge/{number}/{place}", self.base);
        let token = format!("token-{number}-{place}");
        let mut text = json!({ "type": "http-01", "status": status, "url": url, "token": token });
        if status == "invalid" {
            let kind = "urn:ietf:params:acme:error:incorrectResponse";
            text["error"] = json!({ "type": kind, "detail": "that is not what I wanted to see" });
        }
        text
    }

    /// Looks for the proof where the name leads to.
    async fn prove(&self, number: usize, place: usize, key: &Key) -> Answer {
        let name = self.books.lock().unwrap().orders[number].names[place].clone();
        let path = format!("/.well-known/acme-challenge/token-{number}-{place}");
        let listener = self.lead_to.lock().unwrap().expect("the test says where names lead");
        let mut client = soon(Client::tcp(listener)).await.expect("it listens");
        let head = client.get_as(&name, &path, "Connection: close\r\n").await;
        let said = client.body(&head).await;
        let expected = format!("token-{number}-{place}.{}", key.thumbprint());
        let right = head.starts_with("HTTP/1.1 200") && said == expected;
        let believed = right && !self.manners.lock().unwrap().distrustful;
        self.books.lock().unwrap().orders[number].proven[place] = Some(believed);
        (200, String::new(), self.challenge(number, place, "processing").to_string())
    }

    fn finalize(&self, number: usize, payload: &Value) -> Answer {
        let mut books = self.books.lock().unwrap();
        let order = &mut books.orders[number];
        assert!(order.proven.iter().all(|it| *it == Some(true)), "nothing is issued unproven");
        let request = jws::decode(payload["csr"].as_str().expect("a request"));
        let key = signing::requested_key(&request, &order.names);
        order.chain = Some(certificates::sign(&order.names, &key, self.lifetime));
        drop(books);
        self.order(number)
    }
}

fn problem(status: u16, kind: &str, detail: &str, fields: &str) -> Answer {
    let kind = format!("urn:ietf:params:acme:error:{kind}");
    let text = json!({ "type": kind, "detail": detail, "status": status });
    (status, fields.to_owned(), text.to_string())
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}
