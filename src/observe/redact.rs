//! Secrets that travel in a query are not written down.

use std::borrow::Cow;

/// Words that make a query key secret wherever they stand in it. SignalR sends its bearer token as
/// `access_token`; session keys, tickets and login codes travel the same way.
const SECRET: [&str; 9] =
    ["token", "ticket", "key", "secret", "passw", "sign", "auth", "jwt", "session"];

/// Keys that are secret when they are the whole key: too short to look for inside others.
const SECRET_WHOLE: [&str; 3] = ["code", "pwd", "sig"];

/// The path and query as they may be logged: values of secret keys become `***`.
pub fn target(path_and_query: &str) -> Cow<'_, str> {
    let Some((path, query)) = path_and_query.split_once('?') else {
        return Cow::Borrowed(path_and_query);
    };
    if !query.split('&').any(is_secret) {
        return Cow::Borrowed(path_and_query);
    }
    let mut out = String::with_capacity(path_and_query.len());
    out.push_str(path);
    for (place, pair) in query.split('&').enumerate() {
        out.push(if place == 0 { '?' } else { '&' });
        if is_secret(pair) {
            let key = pair.split('=').next().unwrap_or_default();
            out.push_str(key);
            out.push_str("=***");
        } else {
            out.push_str(pair);
        }
    }
    Cow::Owned(out)
}

/// Whether this `key=value` has a value that must not be seen. A key that is percent-encoded is
/// taken for secret: it is not worth the risk of decoding it differently than the backend does.
fn is_secret(pair: &str) -> bool {
    let Some((key, value)) = pair.split_once('=') else {
        return false;
    };
    if value.is_empty() {
        return false;
    }
    let key = key.to_ascii_lowercase();
    key.contains('%')
        || SECRET.iter().any(|word| key.contains(word))
        || SECRET_WHOLE.contains(&key.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_values_are_hidden_and_the_rest_is_kept() {
        let cases = [
            ("/hub?id=7&access_token=abc.def", "/hub?id=7&access_token=***"),
            ("/a?token=1&ticket=2&key=3&x=4", "/a?token=***&ticket=***&key=***&x=4"),
            ("/a?sessionKey=1&API_KEY=2", "/a?sessionKey=***&API_KEY=***"),
            ("/a?code=011&encode=1", "/a?code=***&encode=1"),
            ("/a?%74oken=1", "/a?%74oken=***"),
            ("/a?token=a=b", "/a?token=***"),
        ];
        for (given, logged) in cases {
            assert_eq!(target(given), logged);
        }
    }

    #[test]
    fn what_has_no_secret_is_not_copied() {
        for plain in ["/", "/token/abc", "/socket.io//?EIO=3&transport=websocket", "/a?token"] {
            assert!(matches!(target(plain), Cow::Borrowed(same) if same == plain));
        }
    }
}
