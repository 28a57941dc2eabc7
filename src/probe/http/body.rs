//! The beginning of a refusal's body: bounded in bytes and in time. Knows nothing of what it says.

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::probe::clean::line;
use crate::probe::report::Handshake;
use crate::probe::wait::{Waits, within};

/// What is read of a body.
const READ: usize = 8 * 1024;

/// What is shown of it, in characters.
const SHOWN: usize = 400;

/// Reads on behind `early`; `None` when there is no body.
pub async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    head: &Handshake,
    early: Vec<u8>,
    waits: &Waits,
) -> Option<String> {
    let chunked = head.header("transfer-encoding").is_some();
    let length = head.header("content-length").and_then(|it| it.parse::<usize>().ok());
    let mut bytes = early;
    let reading = async {
        while !is_whole(&bytes, chunked, length) && bytes.len() < READ {
            match stream.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    };
    // What has come by then is what is shown.
    let _ = within("the body of the refusal", waits.body, reading).await;
    if chunked {
        bytes = without_chunks(&bytes);
    }
    bytes.truncate(length.unwrap_or(READ).min(READ));
    let shown = line(&String::from_utf8_lossy(&bytes), SHOWN);
    (!shown.is_empty()).then_some(shown)
}

fn is_whole(bytes: &[u8], chunked: bool, length: Option<usize>) -> bool {
    match length {
        _ if chunked => bytes.ends_with(b"0\r\n\r\n"),
        Some(length) => bytes.len() >= length,
        None => false,
    }
}

/// The content of as many chunks as are there (RFC 9112 section 7.1).
fn without_chunks(mut bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some(end) = bytes.windows(2).position(|it| it == b"\r\n") {
        let line = String::from_utf8_lossy(&bytes[..end]);
        let size = line.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else { break };
        let rest = &bytes[end + 2..];
        let here = &rest[..size.min(rest.len())];
        content.extend_from_slice(here);
        if size == 0 || here.len() < size {
            break;
        }
        bytes = rest.get(size + 2..).unwrap_or_default();
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(headers: &[(&str, &str)], mut sent: &[u8]) -> Option<String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let head =
            Handshake { headers: headers.iter().map(owned).collect(), ..Handshake::default() };
        read(&mut sent, &head, Vec::new(), &Waits::default()).await
    }

    #[tokio::test]
    async fn a_body_is_shown_whatever_its_framing() {
        let length = [("Content-Length", "5")];
        assert_eq!(body(&length, b"hello, and no more").await.as_deref(), Some("hello"));
        let chunked = [("Transfer-Encoding", "chunked")];
        let sent = b"3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        assert_eq!(body(&chunked, sent).await.as_deref(), Some("hello"));
        assert_eq!(body(&chunked, b"ff\r\nhel").await.as_deref(), Some("hel"));
        assert_eq!(body(&[], b" a\r\n\tb ").await.as_deref(), Some("a b"));
        assert_eq!(body(&[], b"").await, None);
    }

    #[tokio::test]
    async fn a_body_without_end_is_read_to_a_limit() {
        let long = "\u{5fc3}".repeat(1_000_000);
        let shown = body(&[], long.as_bytes()).await.expect("a body");
        assert_eq!(shown.chars().count(), SHOWN + 2);
    }
}
