//! What an AWS answer says: output or error, and its request id.

use hyper::HeaderMap;
use serde_json::{Map, Value};

use crate::codec::{json, rest, xml, xml_shape};
use crate::model::{Protocol, Service};

/// An error as a service answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Such as `InvalidGroup.NotFound`.
    pub code: String,
    /// In the service's words.
    pub message: String,
}

/// An understood answer.
#[derive(Debug, Clone)]
pub struct Understood {
    /// The output in the API's member names; an empty object for an error.
    pub output: Value,
    /// The error, for a status of 300 and above.
    pub refusal: Option<Refusal>,
    /// The request id, from the headers or else from the body.
    pub request_id: Option<String>,
}

/// Reads an answer of an operation.
#[must_use]
pub fn understand(
    service: &Service,
    operation: &str,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Understood {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let text = std::str::from_utf8(body).unwrap_or_default();
    let tree = if text.trim_start().starts_with('<') {
        xml::parse(text)
    } else {
        None
    };
    let in_body = || {
        let tree = tree.as_ref()?;
        let found = tree
            .find("requestId")
            .or_else(|| tree.find("RequestId"))
            .or_else(|| tree.find("RequestID"));
        found.map(|found| found.text.clone())
    };
    let request_id = header("x-amzn-requestid")
        .or_else(|| header("x-amz-request-id"))
        .or_else(in_body);
    let refusal = (status >= 300).then(|| refusal(tree.as_ref(), status, &header, body));
    let empty = || Value::Object(Map::new());
    let output = match service.output(operation) {
        Some(shape) if refusal.is_none() => match service.protocol {
            Protocol::RestJson | Protocol::RestXml => {
                rest::output(service, shape, status, headers, body)
            }
            Protocol::Json => {
                let value = serde_json::from_slice(body).unwrap_or_else(|_| empty());
                json::rename(service, shape, &value, json::Names::ToApi)
            }
            _ => {
                let wrapper = service
                    .operations
                    .get(operation)
                    .and_then(|operation| operation.output.as_ref())
                    .and_then(|output| output.result_wrapper.as_deref());
                let root = match (&tree, wrapper) {
                    (Some(tree), Some(wrapper)) => tree.child(wrapper),
                    (tree, _) => tree.as_ref(),
                };
                root.map_or_else(empty, |root| xml_shape::to_json(service, shape, root))
            }
        },
        _ => empty(),
    };
    Understood {
        output,
        refusal,
        request_id,
    }
}

/// The code of a failed answer without its model, for the log of calls.
#[must_use]
pub fn error_code(status: u16, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if status < 300 || status == 304 {
        return None;
    }
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let text = std::str::from_utf8(body).unwrap_or_default();
    let tree = if text.trim_start().starts_with('<') {
        xml::parse(text)
    } else {
        None
    };
    Some(refusal(tree.as_ref(), status, &header, body).code)
}

fn refusal(
    tree: Option<&xml::Element>,
    status: u16,
    header: &dyn Fn(&str) -> Option<String>,
    body: &[u8],
) -> Refusal {
    let unknown = || match status {
        404 => "NotFound".to_owned(),
        501 => "NotImplemented".to_owned(),
        500.. => "InternalFailure".to_owned(),
        other => format!("Http{other}"),
    };
    if let Some(tree) = tree {
        let text = |name: &str| {
            tree.find(name)
                .map(|found| found.text.clone())
                .filter(|text| !text.is_empty())
        };
        return Refusal {
            code: text("Code").unwrap_or_else(unknown),
            message: text("Message")
                .or_else(|| text("message"))
                .unwrap_or_default(),
        };
    }
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let code = header("x-amzn-errortype")
        .or_else(|| field("__type"))
        .or_else(|| field("code"))
        .or_else(|| field("Code"));
    let code = code.map(|code| {
        let code = code.split(':').next().unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default().to_owned()
    });
    let body_text = || String::from_utf8_lossy(body).chars().take(300).collect();
    Refusal {
        code: code.filter(|code| !code.is_empty()).unwrap_or_else(unknown),
        message: field("message")
            .or_else(|| field("Message"))
            .unwrap_or_else(body_text),
    }
}
