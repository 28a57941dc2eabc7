//! The handshake's request, with the field names and in the order that phones use.

use std::fmt::Write as _;

use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;

use crate::probe::face::Face;
use crate::probe::plan::Target;

/// As WeChat on Android names itself.
const USER_AGENT: &str = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) \
    Version/4.0 Chrome/122.0.6261.120 Mobile Safari/537.36 XWEB/1220053 MMWEBSDK/20240404 \
    MicroMessenger/8.0.49.2600(0x28003133) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN \
    ABI/arm64 MiniProgramEnv/android";

/// The request's bytes, and what `Sec-WebSocket-Accept` must answer.
pub fn request(target: &Target, face: &Face) -> (Vec<u8>, String) {
    let key = generate_key();
    let accept = derive_accept_key(key.as_bytes());
    let mut head = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n",
        target.path,
        target.host_header(),
    );
    if !face.subprotocols.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(head, "Sec-WebSocket-Protocol: {}\r\n", face.subprotocols.join(", "));
    }
    let mut bytes = head.into_bytes();
    let mut field = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    };
    if let Some(origin) = &face.origin {
        field("Origin", origin.as_bytes());
    }
    if let Some(referer) = &face.referer {
        field("Referer", referer.as_bytes());
    }
    if !face.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
        field("User-Agent", USER_AGENT.as_bytes());
    }
    for (name, value) in &face.headers {
        field(name, value.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    (bytes, accept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::face::header;

    #[test]
    fn the_request_carries_what_was_asked_for_and_nothing_else_of_its_kind() {
        let target = Target::parse("wss://a.example:8443/ws?x=1").expect("a URL");
        let face = Face {
            subprotocols: vec!["a".to_owned(), "b".to_owned()],
            headers: vec![header("User-agent: me").expect("a header")],
            ..Face::default()
        };
        let (bytes, accept) = request(&target, &face);
        let text = String::from_utf8(bytes).expect("ASCII");
        assert!(text.starts_with("GET /ws?x=1 HTTP/1.1\r\nHost: a.example:8443\r\n"), "{text}");
        assert!(text.contains("\r\nSec-WebSocket-Protocol: a, b\r\n"), "{text}");
        assert!(text.contains("\r\nOrigin: https://servicewechat.com\r\n"), "{text}");
        assert!(text.ends_with("\r\nUser-agent: me\r\n\r\n"), "{text}");
        assert!(!text.contains("Referer") && !text.contains("User-Agent"), "{text}");
        let key = text.split("Sec-WebSocket-Key: ").nth(1).and_then(|it| it.split("\r\n").next());
        assert_eq!(derive_accept_key(key.expect("a key").as_bytes()), accept);
    }
}
