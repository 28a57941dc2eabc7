//! A PROXY header is found at one length only, however much of the stream is there, and what version 1
//! says is what a second reading of its words says. A beginning that is refused stays refused.

#![no_main]

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use wsgate::accept::proxy::{HEADER_MAX, Header, parse};

fuzz_target!(|stream: &[u8]| {
    let mut found: Option<Header> = None;
    let mut refused = false;
    for end in 0..=stream.len().min(HEADER_MAX + 8) {
        match (parse(&stream[..end]), found) {
            (Ok(Some(header)), None) => {
                assert!(!refused, "refused, and then taken");
                assert_eq!(header.len, end, "found later than it ended");
                assert!(end <= HEADER_MAX);
                words(&stream[..end], &header);
                found = Some(header);
            }
            (now, Some(before)) => {
                assert_eq!(now, Ok(Some(before)), "it changes with what follows")
            }
            (Ok(None), None) => assert!(!refused, "refused, and then hoped for"),
            (Err(_), None) => refused = true,
        }
    }
});

/// Version 1, read word by word.
fn words(header: &[u8], taken: &Header) {
    let Some(line) = header.strip_prefix(b"PROXY ").and_then(|it| it.strip_suffix(b"\r\n")) else {
        return;
    };
    if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        assert_eq!(taken.proxied, None, "{line:?}");
        return;
    }
    let line = std::str::from_utf8(line).expect("ASCII");
    let words: Vec<&str> = line.split(' ').collect();
    let proxied = taken.proxied.expect("addresses");
    let [family, client, local, client_port, local_port] = words[..] else {
        panic!("{} words: {line:?}", words.len())
    };
    let address = |ip: &str, port: &str| {
        assert!(port.bytes().all(|it| it.is_ascii_digit()), "{line:?}");
        let ip: IpAddr = ip.parse().expect("an address");
        assert_eq!(ip.is_ipv4(), family == "TCP4", "{line:?}");
        SocketAddr::new(ip, port.parse().expect("a port"))
    };
    assert_eq!(proxied.client, address(client, client_port), "{line:?}");
    assert_eq!(proxied.local, address(local, local_port), "{line:?}");
}
