//! What `[acme]` may hold: the directory's URL, contacts, the secret of an external account.

use std::time::Duration;

use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use hyper::Uri;

use super::{Wrong, quantity};

/// An https URL with a host.
pub fn directory(text: &str) -> Result<String, Wrong> {
    let wrong = |why: &str| {
        let wrong = Wrong::new(format!("`{text}` is not the URL of a directory: {why}"));
        wrong.hint("e.g. \"https://acme-staging-v02.api.letsencrypt.org/directory\"")
    };
    let url: Uri = text.parse().map_err(|_| wrong("it cannot be read"))?;
    match (url.scheme_str(), url.host()) {
        (Some("https"), Some(host)) if !host.is_empty() => Ok(text.to_owned()),
        (Some("http"), _) => Err(wrong("it has to be https (RFC 8555 section 6.1)")),
        _ => Err(wrong("it does not begin with https:// and a host")),
    }
}

/// The name of a folder for what comes from this directory: certificates of a CA for tests must never
/// be taken for those of another.
pub fn folder_name(directory: &str) -> String {
    const LONGEST: usize = 200;
    let rest = directory.split_once("://").map_or(directory, |it| it.1);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = rest.chars().map(plain).take(LONGEST).collect();
    name.trim_matches(['-', '.']).to_owned()
}

/// A `mailto:` URL with one address.
pub fn contact(text: &str) -> Result<String, Wrong> {
    let wrong = |why: &str| Wrong::new(format!("`{text}` is not a contact: {why}"));
    let Some(address) = text.strip_prefix("mailto:") else {
        let hint = format!("write \"mailto:{text}\"");
        let wrong = wrong("it does not begin with `mailto:`");
        return Err(if text.contains('@') { wrong.hint(hint) } else { wrong });
    };
    let plain = |it: &str| !it.is_empty() && it.chars().all(|c| c.is_ascii_graphic() && c != ',');
    match address.split_once('@') {
        Some((name, host)) if plain(name) && plain(host) && !host.contains(['@', '?']) => {
            Ok(text.to_owned())
        }
        _ => Err(wrong("one address belongs behind `mailto:` (RFC 8555 section 7.3)")),
    }
}

/// base64url, as CAs hand it out, padded or not.
pub fn hmac_key(text: &str) -> Result<Vec<u8>, Wrong> {
    let bytes = text.trim_end_matches('=').as_bytes();
    let key = BASE64URL_NOPAD.decode(bytes).or_else(|_| BASE64URL.decode(text.as_bytes()));
    match key {
        Ok(key) if !key.is_empty() => Ok(key),
        // The text is a secret: it is not repeated.
        _ => Err(Wrong::new("this is not base64url").hint("copy the key as the CA shows it")),
    }
}

/// `"auto"`, or how long before the end.
pub fn renew_before(text: &str) -> Result<Option<Duration>, Wrong> {
    match text {
        "auto" => Ok(None),
        text => quantity::positive_duration(text).map(Some).map_err(|wrong| match wrong.hint {
            None => wrong.hint("write \"auto\", or how long before the end"),
            Some(_) => wrong,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_directory_has_a_folder_of_its_own() {
        let production = folder_name("https://acme-v02.api.letsencrypt.org/directory");
        assert_eq!(production, "acme-v02.api.letsencrypt.org-directory");
        assert_eq!(folder_name("https://localhost:14000/dir"), "localhost-14000-dir");
        assert_eq!(folder_name("https://ca/../../etc"), "ca-..-..-etc");
    }

    #[test]
    fn a_contact_is_one_mailto_url() {
        assert!(contact("mailto:you@example.com").is_ok());
        let wrong = contact("you@example.com").expect_err("no mailto:");
        assert_eq!(wrong.hint.as_deref(), Some("write \"mailto:you@example.com\""));
        for text in ["mailto:", "mailto:you", "mailto:a@b,c@d", "mailto:a@b?subject=x", "tel:1"] {
            assert!(contact(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_directory_is_asked_over_https_only() {
        assert!(directory("https://localhost:14000/dir").is_ok());
        for text in ["http://ca.test/directory", "ca.test", "", "https://", "ftp://ca.test/"] {
            assert!(directory(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_may_be_padded_and_is_not_repeated() {
        assert_eq!(hmac_key("_-8="), Ok(vec![0xff, 0xef]));
        assert_eq!(hmac_key("_-8"), Ok(vec![0xff, 0xef]));
        let wrong = hmac_key("top secret!").expect_err("not base64url");
        assert!(!format!("{wrong:?}").contains("secret"), "{wrong:?}");
    }
}
