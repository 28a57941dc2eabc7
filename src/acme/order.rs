//! One order, from its beginning to a chain and a key that fit. Knows neither files nor when it is due.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, Identifier,
    KeyAuthorization, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::account::Desk;
use super::trouble::Trouble;
use crate::challenges::{Challenges, Shown};
use crate::config::model::AcmeChallenge;
use crate::life::{Timer, within};
use crate::tls::inspect::{covers, valid_between};
use crate::tls::{pem, proof};

/// For a whole order, the CA's looks from several places included.
const ORDER: Duration = Duration::from_secs(5 * 60);

/// How long the CA is asked how far it is, at each of the two times when it has to think.
const POLL: Duration = Duration::from_secs(90);

/// First pause between two such questions, and how it grows.
const POLL_PAUSE: (Duration, f32) = (Duration::from_millis(500), 1.4);

/// Orders a certificate for `names`, in place of the one that `replaces` names. Gives the key and the chain as one
/// PEM text.
pub(super) async fn order(
    desk: &Desk,
    names: &[String],
    replaces: Option<CertificateIdentifier<'static>>,
    challenges: &Arc<Challenges>,
) -> Result<String, Trouble> {
    let work = async {
        match attempt(desk, names, replaces.clone(), challenges).await {
            Err(trouble) if trouble.no_account => {
                desk.forget().await?;
                attempt(desk, names, replaces, challenges).await
            }
            done => done,
        }
    };
    within(Some(ORDER), Timer::AcmeOrder, work).await.map_err(|it| Trouble::late(&it))?
}

async fn attempt(
    desk: &Desk,
    names: &[String],
    replaces: Option<CertificateIdentifier<'static>>,
    challenges: &Arc<Challenges>,
) -> Result<String, Trouble> {
    let failed = |error: Error| desk.trouble(&error);
    let account = desk.account().await?;
    let mut order = begin(&account, names, replaces).await.map_err(failed)?;
    let shown = show(desk, &mut order, names, challenges).await?;
    let polls = RetryPolicy::new().initial_delay(POLL_PAUSE.0).backoff(POLL_PAUSE.1).timeout(POLL);
    match order.poll_ready(&polls).await {
        Ok(OrderStatus::Ready) => {}
        Ok(_) => return Err(reason(desk, &mut order, None).await),
        Err(error @ Error::Api(_)) => return Err(reason(desk, &mut order, Some(error)).await),
        Err(error) => return Err(failed(error)),
    }
    drop(shown);
    let broken = |error: rcgen::Error| Trouble::passing(format!("no key can be made: {error}"));
    let key = KeyPair::generate().map_err(broken)?;
    let mut params = CertificateParams::new(names.to_vec()).map_err(broken)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(broken)?;
    order.finalize_csr(request.der()).await.map_err(failed)?;
    let chain = order.poll_certificate(&polls).await.map_err(failed)?;
    check(&chain, &key, names)?;
    Ok(format!("{}{chain}", key.serialize_pem()))
}

/// A new order. A CA that does not take our word for what is replaced is not told of it.
async fn begin(
    account: &Account,
    names: &[String],
    replaces: Option<CertificateIdentifier<'static>>,
) -> Result<Order, Error> {
    let identifiers: Vec<_> = names.iter().map(|it| Identifier::Dns(it.clone())).collect();
    if let Some(replaces) = replaces {
        match account.new_order(&NewOrder::new(&identifiers).replaces(replaces)).await {
            Ok(order) => return Ok(order),
            Err(error) => tracing::debug!(%error, "the order is made without `replaces`"),
        }
    }
    account.new_order(&NewOrder::new(&identifiers)).await
}

/// Shows the CA what it wants to see of each name that it does not believe yet, and tells it so.
async fn show(
    desk: &Desk,
    order: &mut Order,
    names: &[String],
    challenges: &Arc<Challenges>,
) -> Result<Vec<Shown>, Trouble> {
    let failed = |error: Error| desk.trouble(&error);
    let challenge = desk.settings.challenge;
    let wanted = match challenge {
        AcmeChallenge::Http01 => ChallengeType::Http01,
        AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
    };
    let mut shown = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(failed)?;
        let name = authorization.identifier().to_string();
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        if !names.contains(&name) {
            return Err(Trouble::passing(format!(
                "the CA wants a proof of `{name}`, which was not asked for"
            )));
        }
        let Some(mut handle) = authorization.challenge(wanted.clone()) else {
            let words = format!("this CA does not prove {name} by {}", challenge.name());
            return Err(Trouble::refused(format!("{words}: set acme.challenge")));
        };
        let key = handle.key_authorization();
        shown.push(match challenge {
            AcmeChallenge::Http01 => challenges.show_file(&handle.token, key.as_str()),
            AcmeChallenge::TlsAlpn01 => show_name(&name, &key, challenges)?,
        });
        handle.set_ready().await.map_err(failed)?;
    }
    Ok(shown)
}

fn show_name(
    name: &str,
    key: &KeyAuthorization,
    challenges: &Arc<Challenges>,
) -> Result<Shown, Trouble> {
    let broken = |words: String| Trouble::passing(format!("no proof can be made: {words}"));
    let digest = key.digest();
    let digest = digest.as_ref().try_into().map_err(|_| broken("no SHA-256".to_owned()))?;
    let tls = proof(name, digest).map_err(|error| broken(error.to_string()))?;
    Ok(challenges.show_name(name, tls))
}

/// Why an order became invalid: what the CA says of the name that it could not prove.
async fn reason(desk: &Desk, order: &mut Order, error: Option<Error>) -> Trouble {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if authorization.refresh().await.is_err() {
            continue;
        }
        let name = authorization.identifier().to_string();
        let problem = authorization.challenges.iter().find_map(|it| it.error.as_ref());
        if let Some(problem) = problem {
            return Trouble::unproven(&name, desk.settings.challenge, problem);
        }
    }
    match error {
        Some(error) => desk.trouble(&error),
        None => Trouble::refused("the CA says that the order is invalid, and not why"),
    }
}

/// Whether what was issued can be served.
fn check(chain: &str, key: &KeyPair, names: &[String]) -> Result<(), Trouble> {
    let wrong = |words: &str| Trouble::passing(format!("what the CA issued is no use: {words}"));
    let chain = pem::chain_in(&mut chain.as_bytes()).map_err(|error| wrong(&error.to_string()))?;
    if let Some(name) = names.iter().find(|it| !covers(&chain, it)) {
        return Err(wrong(&format!("it is not for {name}")));
    }
    match chain.first().and_then(valid_between) {
        Some((_, until)) if until > SystemTime::now() => {}
        _ => return Err(wrong("it has expired by this machine's clock")),
    }
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let fits = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    fits.map(drop).map_err(|error| wrong(&error.to_string()))
}
