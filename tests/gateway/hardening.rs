//! What a site says of itself to browsers: Strict-Transport-Security, and an OCSP response.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use wsgate::life::Cause;

use crate::house::client::{field, shake};
use crate::house::{Backend, Client, HOST, House, certificates, https_listener, route, site};

#[tokio::test]
async fn browsers_are_told_to_come_by_https_only_on_https() {
    let answer =
        "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=0\r\nContent-Length: 0\r\n\r\n";
    let (plain, echo) = (Backend::answering(answer).await, Backend::echo().await);
    let value = "max-age=31536000; includeSubDomains";
    let text = format!(
        "{}[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"http\"\n\
         {}strict_transport_security = \"{value}\"\n{}{}{}{}",
        https_listener(),
        site(HOST),
        route("/plain", &plain),
        route("/live", &echo),
        site("lax.example.test"),
        route("/", &plain)
    );
    let house = House::with(&text).await;
    let name = "strict-transport-security";
    for (path, status) in [("/plain", "200"), ("/nowhere", "404"), ("/live", "101")] {
        let mut client = house.client().await;
        let head = match path {
            "/live" => client.upgrade(path, "").await,
            _ => client.get(path, "").await,
        };
        assert_eq!(head.split(' ').nth(1), Some(status), "{head}");
        assert_eq!(field(&head, name), Some(value), "{head}");
        assert_eq!(head.to_ascii_lowercase().matches(name).count(), 1, "{head}");
    }
    let mut http = Client::tcp(house.address_of(1)).await.expect("connected");
    assert_eq!(field(&http.get("/nowhere", "").await, name), None, "not over plain HTTP");
    let mut lax = Client::tls(house.address(), "lax.example.test").await.expect("TLS");
    let head = lax.get_as("lax.example.test", "/", "").await;
    assert_eq!(field(&head, name), Some("max-age=0"), "the backend's own word stays");
    drop((http, lax));
    house.finish().await;
}

/// Notes what is stapled to a certificate.
#[derive(Debug)]
struct Curious {
    inner: Arc<WebPkiServerVerifier>,
    seen: Mutex<Vec<u8>>,
}

impl ServerCertVerifier for Curious {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.seen.lock().unwrap() = ocsp.to_vec();
        self.inner.verify_server_cert(leaf, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// What the gateway staples for a new client.
async fn stapled(house: &House) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = Arc::new(certificates::roots());
    let builder = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
    let inner = builder.build().expect("roots");
    let curious = Arc::new(Curious { inner, seen: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&curious) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    shake(house.address(), HOST, Arc::new(config)).await.expect("TLS");
    curious.seen.lock().unwrap().clone()
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        short @ 0..=127 => out.push(short as u8),
        medium @ 128..=255 => out.extend([0x81, medium as u8]),
        long => out.extend([0x82, (long >> 8) as u8, long as u8]),
    }
    out.extend(content);
    out
}

/// A response about the certificate with this serial number; nobody checks its signature here.
fn ocsp_response(serial: &[u8], verdict: u8, until: SystemTime) -> Vec<u8> {
    let time = |at: SystemTime| {
        let text = humantime_utc(at);
        der(0x18, &[text.as_bytes()])
    };
    let algorithm = der(0x30, &[&der(0x06, &[&[0x2b, 0x0e, 3, 2, 0x1a]])]);
    let hash = der(0x04, &[&[7; 20]]);
    let about = der(0x30, &[&algorithm, &hash, &hash, &der(0x02, &[serial])]);
    let next = der(0xa0, &[&time(until)]);
    let single = der(0x30, &[&about, &[verdict, 0], &time(UNIX_EPOCH), &next]);
    let data = der(0x30, &[&der(0xa2, &[&hash]), &time(UNIX_EPOCH), &der(0x30, &[&single])]);
    let basic = der(0x30, &[&data, &algorithm, &der(0x03, &[&[0, 1, 2]])]);
    let kind = der(0x06, &[&[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1]]);
    let bytes = der(0x30, &[&kind, &der(0x04, &[&basic])]);
    der(0x30, &[&der(0x0a, &[&[0]]), &der(0xa0, &[&bytes])])
}

/// A GeneralizedTime: YYYYMMDDHHMMSSZ.
fn humantime_utc(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hours, minutes) = (rest / 3600, rest / 60 % 60);
    format!("{year}{month:02}{:02}{hours:02}{minutes:02}{:02}Z", days + 1, rest % 60)
}

/// The serial number inside a certificate: its second INTEGER.
fn serial_of(leaf: &[u8]) -> Vec<u8> {
    // SEQUENCE { SEQUENCE { [0] { INTEGER }, INTEGER …
    let inside = |bytes: &[u8]| match bytes[1] {
        0x82 => bytes[4..].to_vec(),
        0x81 => bytes[3..].to_vec(),
        _ => bytes[2..].to_vec(),
    };
    let fields = inside(&inside(leaf));
    let version = usize::from(fields[1]) + 2;
    let length = usize::from(fields[version + 1]);
    fields[version + 2..version + 2 + length].to_vec()
}

#[tokio::test]
async fn an_ocsp_response_is_stapled_while_there_is_one_and_it_is_fresh() {
    let backend = Backend::echo().await;
    let path = format!("{}/site.ocsp", certificates::folder());
    let _ = std::fs::remove_file(&path);
    let text = format!(
        "{}{}ocsp_staple = \"{path}\"\n{}",
        https_listener(),
        site(HOST),
        route("/", &backend)
    );
    let mut house = House::with(&text).await;
    assert_eq!(stapled(&house).await, b"", "there is no file, and the site is served");
    let serial = serial_of(&certificates::pair(HOST).0[0]);
    let soon = SystemTime::now() + Duration::from_secs(3600);
    let (good, revoked) = (0x80, 0xa1);
    let other = [&serial[..], &[1]].concat();
    let fresh = ocsp_response(&serial, good, soon);
    for (response, expected) in [
        (fresh.clone(), fresh.clone()),
        (ocsp_response(&other, good, soon), Vec::new()),
        (ocsp_response(&serial, revoked, soon), Vec::new()),
        (ocsp_response(&serial, good, SystemTime::now() - Duration::from_secs(60)), Vec::new()),
        (fresh[..fresh.len() - 9].to_vec(), Vec::new()),
        (b"-----BEGIN OCSP RESPONSE-----".to_vec(), Vec::new()),
        (fresh.clone(), fresh.clone()),
    ] {
        std::fs::write(&path, response).expect("written");
        house.gateway.renew();
        assert_eq!(stapled(&house).await, expected);
    }
    let dying = SystemTime::now() + Duration::from_secs(3);
    std::fs::write(&path, ocsp_response(&serial, good, dying)).expect("written");
    house.gateway.renew();
    assert_ne!(stapled(&house).await, b"");
    while SystemTime::now() < dying {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(stapled(&house).await, b"", "its time is over, though nobody has said so");
    assert_eq!(house.metrics().ends(Cause::Reset), 0);
    house.finish().await;
}
