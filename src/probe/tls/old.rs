//! A ClientHello as phones of ten years ago sent it: TLS 1.2 at most, old ciphers included. A
//! server's answer says what it speaks when it and rustls have nothing in common. Only the first
//! answer is read; the handshake goes no further.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a server chose from the old hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `0x0302` is TLS 1.1.
    version: u16,
    suite: u16,
}

impl Answer {
    /// Whether it is older than what phones take.
    pub const fn is_too_old(&self) -> bool {
        self.version < 0x0303
    }

    /// Whether this alone keeps phones, or at least this probe, away.
    pub fn is_outdated(&self) -> bool {
        let is_modern = self.has_forward_secrecy() && self.suite().contains("_GCM_");
        self.is_too_old() || !is_modern
    }

    /// `TLS 1.1`
    pub const fn version(&self) -> &'static str {
        match self.version {
            0x0300 => "SSL 3.0",
            0x0301 => "TLS 1.0",
            0x0302 => "TLS 1.1",
            0x0303 => "TLS 1.2",
            _ => "an unknown version of TLS",
        }
    }

    /// `TLS_RSA_WITH_AES_128_CBC_SHA`
    pub fn suite(&self) -> &'static str {
        let known = SUITES.iter().find(|(id, _)| *id == self.suite);
        known.map_or("an unknown cipher suite", |(_, name)| name)
    }

    /// Whether the key exchange has forward secrecy, which iOS asks for.
    pub fn has_forward_secrecy(&self) -> bool {
        self.suite().starts_with("TLS_ECDHE_")
    }
}

/// Sends the old hello: what the server chose, or `None` when it declined.
///
/// # Errors
/// When the connection breaks.
pub async fn ask(mut socket: TcpStream, host: &str) -> io::Result<Option<Answer>> {
    socket.write_all(&hello(host, rand::random())).await?;
    let mut head = [0; 5];
    socket.read_exact(&mut head).await?;
    let [HANDSHAKE, _, _, high, low] = head else { return Ok(None) };
    let mut record = vec![0; usize::from(u16::from_be_bytes([high, low])).min(LONGEST)];
    socket.read_exact(&mut record).await?;
    Ok(server_hello(&record))
}

/// Reads version and suite from a ServerHello (RFC 5246 section 7.4.1.3).
fn server_hello(record: &[u8]) -> Option<Answer> {
    let (&[SERVER_HELLO, _, _, _, major, minor], rest) = record.split_first_chunk::<6>()? else {
        return None;
    };
    let session = usize::from(*rest.get(32)?);
    let suite = rest.get(33 + session..35 + session)?;
    let version = u16::from_be_bytes([major, minor]);
    Some(Answer { version, suite: u16::from_be_bytes([suite[0], suite[1]]) })
}

fn hello(host: &str, random: [u8; 32]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(random);
    body.push(0); // no session
    let suites: Vec<u8> = SUITES.iter().flat_map(|(id, _)| id.to_be_bytes()).collect();
    body.extend(with_length(&suites));
    body.extend([1, 0]); // no compression
    let mut extensions = Vec::new();
    if host.parse::<std::net::IpAddr>().is_err() {
        let name = [&[0][..], &with_length(host.as_bytes())].concat();
        extensions.extend(extension(0, &with_length(&name)));
    }
    extensions.extend(extension(10, &with_length(&[0, 29, 0, 23, 0, 24]))); // x25519, P-256, P-384
    extensions.extend(extension(11, &[1, 0])); // uncompressed points
    let signatures = [4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 2, 3, 2, 1];
    extensions.extend(extension(13, &with_length(&signatures)));
    body.extend(with_length(&extensions));
    let length = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    let message = [&[CLIENT_HELLO], &length[1..], &body].concat();
    [&[HANDSHAKE, 3, 1], with_length(&message).as_slice()].concat()
}

fn extension(id: u16, content: &[u8]) -> Vec<u8> {
    [id.to_be_bytes().as_slice(), &with_length(content)].concat()
}

/// Behind its length in two bytes. What is sent here is far shorter than that allows.
fn with_length(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or_default().to_be_bytes();
    [length.as_slice(), content].concat()
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

/// A ServerHello is shorter; certificates in the same record do not matter.
const LONGEST: usize = 512;

/// What servers without any suite of today's offer.
const SUITES: [(u16, &str); 18] = [
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_hello_gives_version_and_suite_behind_any_session_id() {
        for session in [0_u8, 32] {
            let mut record = vec![SERVER_HELLO, 0, 0, 70, 3, 2];
            record.extend([7; 32]);
            record.push(session);
            record.extend(vec![9; usize::from(session)]);
            record.extend([0x00, 0x2f, 0]);
            let answer = server_hello(&record).expect("a hello");
            assert!(answer.is_too_old() && answer.is_outdated());
            assert_eq!(answer.version(), "TLS 1.1");
            assert_eq!(answer.suite(), "TLS_RSA_WITH_AES_128_CBC_SHA");
            for cut in 0..record.len() - 1 {
                assert_eq!(server_hello(&record[..cut]), None, "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_server_that_speaks_what_phones_speak_is_not_outdated() {
        let answer = |suite| Answer { version: 0x0303, suite };
        assert!(!answer(0xc02b).is_outdated());
        assert!(answer(0xc009).is_outdated() && answer(0xc009).has_forward_secrecy());
        assert!(answer(0x009c).is_outdated() && !answer(0x009c).has_forward_secrecy());
    }

    #[test]
    fn rustls_can_read_the_old_hello() {
        let mut acceptor = rustls::server::Acceptor::default();
        let bytes = hello("a.example", [1; 32]);
        acceptor.read_tls(&mut bytes.as_slice()).expect("read");
        let accepted = acceptor.accept().expect("well formed").expect("whole");
        let hello = accepted.client_hello();
        assert_eq!(hello.server_name(), Some("a.example"));
        assert_eq!(hello.cipher_suites().len(), SUITES.len());
    }
}
