//! Close codes and the payload of a Close frame (RFC 6455 sections 5.5.1 and 7.4).

/// Normal closure.
pub const NORMAL: u16 = 1000;
/// The endpoint goes away.
pub const GOING_AWAY: u16 = 1001;
/// A frame broke the protocol.
pub const PROTOCOL_ERROR: u16 = 1002;
/// A Close frame without a code; never on the wire.
pub const NO_STATUS: u16 = 1005;
/// Text or a reason that is not UTF-8.
pub const INVALID_PAYLOAD: u16 = 1007;
/// A rule of the endpoint's own was broken.
pub const POLICY: u16 = 1008;
/// A message that is too big.
pub const TOO_BIG: u16 = 1009;
/// The server met something unexpected.
pub const INTERNAL_ERROR: u16 = 1011;

/// Longest reason: a control frame's 125 bytes less the code.
pub const REASON_MAX: usize = 123;

/// Why the payload of a Close frame may not be on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadClose {
    /// One byte, or a code outside 1000-1014 (without 1004, 1005, 1006) and 3000-4999.
    Code,
    /// A reason that is not UTF-8.
    Reason,
}

/// Whether a Close frame may carry `code`: registered by IANA, or in the ranges for libraries and
/// applications (RFC 6455 section 7.4.2).
pub const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Reads the payload of a Close frame: the code, or [`NO_STATUS`] when it is empty.
///
/// # Errors
/// [`BadClose`] when the payload breaks section 5.5.1 or 7.4.
pub fn parse(payload: &[u8]) -> Result<u16, BadClose> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(NO_STATUS) } else { Err(BadClose::Code) };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(BadClose::Code);
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(BadClose::Reason);
    }
    Ok(code)
}

/// Cuts `reason` to what fits into a Close frame, at a character's border.
pub fn fit(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_must_not_be_on_the_wire_are_refused() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert!(!may_be_sent(code), "{code}");
            assert_eq!(parse(&u16::to_be_bytes(code)), Err(BadClose::Code), "{code}");
        }
        for code in [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
            assert_eq!(parse(&u16::to_be_bytes(code)), Ok(code));
        }
    }

    #[test]
    fn a_close_payload_is_empty_or_a_code_and_utf8() {
        assert_eq!(parse(b""), Ok(NO_STATUS));
        assert_eq!(parse(b"\x03"), Err(BadClose::Code));
        assert_eq!(parse(b"\x03\xe8bye"), Ok(1000));
        assert_eq!(parse(b"\x03\xe8\xff"), Err(BadClose::Reason));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(fit("short"), "short");
        let long = "心".repeat(60);
        assert_eq!(fit(&long).len(), 123);
        assert_eq!(fit(&"é".repeat(62)).len(), 122);
    }
}
