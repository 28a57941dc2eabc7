//! What an ACME client signs (RFC 8555 section 6.2), checked to the letter.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

/// A request whose signature holds.
pub struct Signed {
    pub nonce: String,
    pub url: String,
    /// The account that signs; `None` when the key itself is sent along.
    pub account: Option<String>,
    pub key: Key,
    /// Null for POST-as-GET.
    pub payload: Value,
}

/// A P-256 key.
#[derive(Clone)]
pub struct Key {
    x: String,
    y: String,
}

impl Key {
    /// RFC 7638
    pub fn thumbprint(&self) -> String {
        let text = format!(
            "{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{}\",\"y\":\"{}\"}}",
            self.x, self.y
        );
        BASE64URL_NOPAD.encode(digest(&SHA256, text.as_bytes()).as_ref())
    }

    fn of(jwk: &Value) -> Self {
        assert_eq!((text(&jwk["kty"]), text(&jwk["crv"])), ("EC", "P-256"));
        Self { x: text(&jwk["x"]).to_owned(), y: text(&jwk["y"]).to_owned() }
    }

    fn verify(&self, message: &str, signature: &[u8]) {
        let mut point = vec![4];
        point.extend(decode(&self.x));
        point.extend(decode(&self.y));
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        key.verify(message.as_bytes(), signature).expect("the signature holds");
    }
}

/// Reads a body and checks its signature with the key sent along, or that of the account.
pub fn verified(
    body: &str,
    account_key: impl Fn(&str) -> Option<Key>,
) -> Result<Signed, &'static str> {
    let jws: Value = serde_json::from_str(body).expect("JSON");
    let (head, payload) = (text(&jws["protected"]), text(&jws["payload"]));
    let head_read: Value = serde_json::from_slice(&decode(head)).expect("JSON");
    assert_eq!(text(&head_read["alg"]), "ES256");
    let account = head_read["kid"].as_str().map(str::to_owned);
    assert!(account.is_some() != head_read["jwk"].is_object(), "one of kid and jwk");
    let key = match &account {
        Some(account) => account_key(account).ok_or("accountDoesNotExist")?,
        None => Key::of(&head_read["jwk"]),
    };
    key.verify(&format!("{head}.{payload}"), &decode(text(&jws["signature"])));
    let payload = match decode(payload) {
        nothing if nothing.is_empty() => Value::Null,
        some => serde_json::from_slice(&some).expect("JSON"),
    };
    let (nonce, url) = (text(&head_read["nonce"]).to_owned(), text(&head_read["url"]).to_owned());
    Ok(Signed { nonce, url, account, key, payload })
}

pub fn decode(text: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(text.as_bytes()).expect("base64url")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}
