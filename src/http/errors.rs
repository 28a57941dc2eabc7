//! Error answers of the gateway's own, in the form that the client asks for. Knows neither causes
//! nor routes: what is said comes from `reply`.

use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, VARY};
use hyper::{Response, StatusCode};

use super::accept::Form;
use super::pages::{Filling, Pages};
use super::reply::{ReplyBody, whole};

/// Who is told, and how.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// In which form.
    pub form: Form,
    /// As in the access line.
    pub request_id: &'a str,
    /// The pages of the site, once it is known.
    pub pages: Option<&'a Pages>,
}

/// An answer that tells of an error. `message` is what went wrong in a line, where there is more to
/// say than the status does.
pub fn error(status: StatusCode, message: Option<&str>, told: &Told<'_>) -> Response<ReplyBody> {
    let (body, kind) = match told.form {
        Form::Plain => (plain(status, message), "text/plain; charset=utf-8"),
        Form::Json => (json(status, message, told.request_id), "application/json"),
        Form::Html => (html(status, message, told), "text/html; charset=utf-8"),
    };
    let mut response = Response::new(whole(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    if told.form == Form::Html && told.pages.is_none_or(|it| it.is_usual(status.as_u16())) {
        let nothing_from_elsewhere = "default-src 'none'; style-src 'unsafe-inline'";
        let policy = HeaderValue::from_static(nothing_from_elsewhere);
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn phrase(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or(if status.is_server_error() { "Error" } else { "Refused" })
}

fn plain(status: StatusCode, message: Option<&str>) -> String {
    match message {
        Some(message) => format!("{} {}: {message}\n", status.as_u16(), phrase(status)),
        None => format!("{} {}\n", status.as_u16(), phrase(status)),
    }
}

fn json(status: StatusCode, message: Option<&str>, request_id: &str) -> String {
    let answer = serde_json::json!({
        "status": status.as_u16(),
        "error": phrase(status),
        "message": message.unwrap_or_else(|| general(status)),
        "request_id": request_id,
    });
    format!("{answer}\n")
}

fn html(status: StatusCode, message: Option<&str>, told: &Told<'_>) -> String {
    let filling = Filling {
        status: status.as_u16(),
        reason: phrase(status),
        message: message.unwrap_or_else(|| general(status)),
        advice: advice(status),
        request_id: told.request_id,
    };
    match told.pages {
        Some(pages) => pages.of(status.as_u16()).fill(&filling),
        None => super::pages::USUAL.fill(&filling),
    }
}

/// What is wrong where only the status says so.
fn general(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "you may not come here",
        404 | 410 => "there is nothing at this address",
        429 => "there were too many requests",
        503 => "this is not available at the moment",
        500.. => "something went wrong here",
        _ => "the request cannot be answered",
    }
}

/// What a visitor can do.
fn advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => {
            "If you think that you should get in, tell the people who run this site, with the number below."
        }
        404 | 410 => {
            "Check the address for a typing mistake, or go to the start page of this site."
        }
        408 => "Check your connection, then load the page again.",
        413 => "Send something smaller.",
        421 => "Close this tab and open the address again.",
        426 => {
            "This address is for apps, not for browsers: open the app or the start page of this site."
        }
        429 => "Wait a minute, then load the page again.",
        500.. => {
            "It is not your fault. Wait a minute, then load the page again; if it stays like this, tell the people who run this site, with the number below."
        }
        _ => {
            "Check the address; if it is right, tell the people who run this site, with the number below."
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn told(status: u16, message: Option<&str>, form: Form) -> (String, String) {
        let told = Told { form, request_id: "00ff", pages: None };
        let status = StatusCode::from_u16(status).expect("a status");
        let (parts, body) = error(status, message, &told).into_parts();
        assert_eq!(parts.headers[CACHE_CONTROL], "no-store");
        assert_eq!(parts.headers[VARY], "Accept");
        let kind = parts.headers[CONTENT_TYPE].to_str().expect("ASCII").to_owned();
        let body = body.collect().await.expect("whole").to_bytes();
        (kind, String::from_utf8(body.to_vec()).expect("UTF-8"))
    }

    #[tokio::test]
    async fn the_three_forms_say_the_same() {
        let message = Some("no backend is up; try again");
        let plain = told(503, message, Form::Plain).await;
        assert_eq!(plain.0, "text/plain; charset=utf-8");
        assert_eq!(plain.1, "503 Service Unavailable: no backend is up; try again\n");
        let (kind, body) = told(503, message, Form::Json).await;
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(kind, "application/json");
        let expected = serde_json::json!({
            "status": 503, "error": "Service Unavailable",
            "message": "no backend is up; try again", "request_id": "00ff",
        });
        assert_eq!(body, expected);
        let (kind, body) = told(503, message, Form::Html).await;
        assert_eq!(kind, "text/html; charset=utf-8");
        assert!(body.contains("Sorry: no backend is up; try again."), "{body}");
    }

    #[tokio::test]
    async fn a_status_alone_is_enough() {
        assert_eq!(told(403, None, Form::Plain).await.1, "403 Forbidden\n");
        assert_eq!(told(599, None, Form::Plain).await.1, "599 Error\n");
        assert!(told(403, None, Form::Html).await.1.contains("you may not come here"));
    }
}
