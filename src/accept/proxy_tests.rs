//! The PROXY header as bytes: what is one, what is none, and what cannot be told yet.

use super::*;

const V4: [u8; 12] = [203, 0, 113, 9, 192, 0, 2, 1, 0x12, 0x67, 0x01, 0xbb];

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).expect("short").to_be_bytes();
    [SIGNATURE, &[command, family], &len, rest].concat()
}

fn proxied(client: &str, local: &str) -> Option<Proxied> {
    let address = |it: &str| it.parse().expect("an address");
    Some(Proxied { client: address(client), local: address(local) })
}

#[test]
fn both_versions_say_whom_they_speak_for() {
    let mut v6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7].repeat(2);
    v6.extend([0x12, 0x67, 0x01, 0xbb]);
    let with_fields = [&V4[..], &[0x01, 0, 2, b'h', b'1', 0x04, 0, 0]].concat();
    let v4 = proxied("203.0.113.9:4711", "192.0.2.1:443");
    let table: [(Vec<u8>, Option<Proxied>); 11] = [
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n".to_vec(), v4),
        (
            b"PROXY TCP6 2001:db8::7 2001:DB8:0::1 65535 443\r\n".to_vec(),
            proxied("[2001:db8::7]:65535", "[2001:db8::1]:443"),
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 +2 and what not\r\n".to_vec(), None),
        (v2(0x21, 0x11, &V4), v4),
        (v2(0x21, 0x11, &with_fields), v4),
        (v2(0x21, 0x21, &v6), proxied("[2001:db8::7]:4711", "[2001:db8::7]:443")),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, &V4), None),
        (v2(0x21, 0x31, &[7; 216]), None),
        (v2(0x21, 0x12, &V4), None),
    ];
    for (header, expected) in table {
        let whole = Header { proxied: expected, len: header.len() };
        let with_more = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(parse(&with_more), Ok(Some(whole)), "{header:?}");
        for len in 0..header.len() {
            assert_eq!(parse(&header[..len]), Ok(None), "{len} bytes of {header:?}");
        }
    }
}

#[test]
fn what_is_no_header_is_refused_as_early_as_it_shows() {
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
    let table: [(&[u8], Malformed); 21] = [
        (b"PROXY UNKNOWN\xff\r\n", Malformed::Invalid),
        (b"G", Malformed::Missing),
        (b"\x16\x03\x01", Malformed::Missing),
        (b"proxy", Malformed::Missing),
        (b"PROXYT", Malformed::Missing),
        (b"\r\n\r\nQ", Malformed::Missing),
        (long.as_bytes(), Malformed::TooLong),
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\n", Malformed::Invalid),
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443 \r\n", Malformed::Invalid),
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 4711\r\n", Malformed::Invalid),
        (b"PROXY TCP4 203.0.113.9  192.0.2.1 4711 443\r\n", Malformed::Invalid),
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 65536\r\n", Malformed::Invalid),
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 +4711 443\r\n", Malformed::Invalid),
        (b"PROXY TCP4 2001:db8::7 192.0.2.1 4711 443\r\n", Malformed::Invalid),
        (b"PROXY TCP4 203.0.113.09 192.0.2.1 4711 443\r\n", Malformed::Invalid),
        (b"PROXY TCP4 203.0.113.9\r192.0.2.1 4711 443\r\n", Malformed::Invalid),
        (b"PROXY UDP4 203.0.113.9 192.0.2.1 4711 443\r\n", Malformed::Invalid),
        (b"PROXY \r\n", Malformed::Invalid),
        (b"PROXY TCP4 \xff\r\n", Malformed::Invalid),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", Malformed::TooLong),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x02\0\0", Malformed::Invalid),
    ];
    for (bytes, expected) in table {
        assert_eq!(parse(bytes), Err(expected), "{}", String::from_utf8_lossy(bytes));
    }
    for (command, family) in [(0x22, 0x11), (0x11, 0x11), (0x21, 0x41), (0x21, 0x13)] {
        assert_eq!(parse(&v2(command, family, &V4)), Err(Malformed::Invalid));
    }
}
