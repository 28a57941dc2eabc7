//! A request for a file of a route's folder: from what was admitted to the answer of the `files` room,
//! and from its reasons to ours. Knows no disk.

use std::borrow::Cow;

use http_body_util::BodyExt;
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};

use super::admitted::Admitted;
use super::path::{encode, put_in_place};
use super::reply::{BodyError, ReplyBody, text};
use crate::files::{Absent, Answer, Ask, Denied, Folder};
use crate::life::{By, Cause, Fault, Refusal, Stage};
use crate::observe::record::Record;

/// Answers with a file.
///
/// # Errors
/// Who ended it, and why, when there is none to send.
pub async fn serve<B>(
    request: &Request<B>,
    folder: &Folder,
    admitted: &Admitted<'_>,
    record: &mut Record,
) -> Result<Response<ReplyBody>, (By, Cause)> {
    record.stage = Stage::Exchange;
    let path = admitted.path;
    let below = below(admitted);
    let ask = Ask { method: request.method(), headers: request.headers(), path: &below };
    match folder.answer(&ask).await {
        Ok(Answer::File(response)) => {
            Ok((*response).map(|body| body.map_err(BodyError::File).boxed_unsync()))
        }
        Ok(Answer::Folder) => {
            record.end_here(By::Gateway, Cause::Finished);
            let mut response = to_folder(path, request.uri().query());
            folder.mark(response.headers_mut());
            Ok(response)
        }
        Err(denied) => Err(explain(&denied, record)),
    }
}

/// The path below the folder. It ends with a slash only where the client's own does: what a page of a
/// folder names is relative to that.
fn below<'a>(admitted: &Admitted<'a>) -> Cow<'a, str> {
    let path = admitted.path;
    let Some(replacement) = admitted.matched.target.rules.replace_prefix.as_deref() else {
        return Cow::Borrowed(path);
    };
    let mut below = put_in_place(path, admitted.matched.prefix_len, replacement);
    if !path.ends_with('/') {
        below.truncate(below.trim_end_matches('/').len());
    }
    Cow::Owned(below)
}

/// 301 to the same path with a slash at its end. The normalised path begins with exactly one slash, so
/// that no other host can be read into it.
fn to_folder(path: &str, query: Option<&str>) -> Response<ReplyBody> {
    let words = "301 Moved Permanently: this is a folder\n";
    let mut response = text(StatusCode::MOVED_PERMANENTLY, words);
    let query = query.map(|it| format!("?{it}")).unwrap_or_default();
    if let Ok(location) = HeaderValue::try_from(format!("{}/{query}", encode(path))) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn explain(denied: &Denied, record: &mut Record) -> (By, Cause) {
    record.detail(denied);
    let (by, cause) = verdict(denied);
    if by == By::Backend {
        let (route, detail) = (&record.line.route, &record.line.detail);
        tracing::warn!(%route, %cause, %detail, "a file cannot be read");
    }
    (by, cause)
}

fn verdict(denied: &Denied) -> (By, Cause) {
    let refuse = |refusal| (By::Client, Cause::Refusal(refusal));
    match denied {
        Denied::Method => refuse(Refusal::Method),
        Denied::Dotfile | Denied::Absent(Absent::NoFile | Absent::Outside | Absent::Special) => {
            refuse(Refusal::NoFile)
        }
        Denied::Absent(Absent::NoIndex | Absent::Unreadable) => refuse(Refusal::Unreadable),
        Denied::Absent(Absent::Failed(_)) => (By::Backend, Cause::Backend(Fault::File)),
        Denied::Disk(fault) => (By::Backend, fault.cause()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_with_its_slash_and_what_was_asked() {
        let location = |path, query| {
            let response = to_folder(path, query);
            response.headers()[LOCATION].to_str().expect("text").to_owned()
        };
        assert_eq!(location("/a b/c", None), "/a%20b/c/");
        assert_eq!(location("/a", Some("x=/%0d%0a")), "/a/?x=/%0d%0a");
    }
}
