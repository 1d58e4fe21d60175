//! Answers on their way back to the client.

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;

use crate::fault::FaultAction;
use crate::http::{self, Answer};
use crate::ids;
use crate::model::Protocol;
use crate::request::Identified;

/// Headers that concern one connection only.
pub(super) const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "te",
    "upgrade",
    "content-length",
];

/// What no service answers.
const GARBLED: &[u8] = b"<html>it works!</html";

/// Puts something else in place of an answer's body, or the first half of it.
pub(super) fn spoil(answer: &mut Answer, action: Option<&FaultAction>) {
    answer.body = match action {
        Some(FaultAction::Garbled) => Bytes::from_static(GARBLED),
        _ => answer.body.slice(..answer.body.len() / 2),
    };
}

/// Moto answers EC2's body with the words `request-id` and IAM's with a constant. Where a body carries an id, the
/// trail gives header and body one of AWS's form, so that a record can be told from its call.
pub(super) fn own_request_id(answer: &mut Answer, call: Option<&Identified>) {
    let protocol = call.map(|call| call.service.protocol);
    if !matches!(protocol, Some(Protocol::Ec2 | Protocol::Query)) {
        return;
    }
    let Ok(text) = std::str::from_utf8(&answer.body) else {
        return;
    };
    let id = ids::uuid();
    for name in ["requestId", "RequestId", "RequestID"] {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let Some((before, rest)) = text.rsplit_once(&open) else {
            continue;
        };
        let Some((_, after)) = rest.split_once(&close) else {
            continue;
        };
        answer.body = Bytes::from(format!("{before}{open}{id}{close}{after}"));
        break;
    }
    http::set(&mut answer.headers, "x-amzn-requestid", &id);
}

/// An answer made here, in the form of one from moto.
pub(super) async fn whole(response: Response<Full<Bytes>>) -> Option<Answer> {
    use http_body_util::BodyExt as _;
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    Some(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

pub(super) fn to_response(answer: &Answer) -> Response<Full<Bytes>> {
    let mut response = http::text(answer.status, "text/plain", answer.body.clone());
    let head_length = answer
        .headers
        .get("content-length")
        .filter(|_| answer.body.is_empty())
        .cloned();
    *response.headers_mut() = answer.headers.clone();
    for name in HOP_BY_HOP {
        response.headers_mut().remove(name);
    }
    // The length of a HEAD's absent body.
    if let Some(length) = head_length {
        response.headers_mut().insert("content-length", length);
    }
    response
}
