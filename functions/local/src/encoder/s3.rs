//! S3 and S3 Control: a bucket, a host, the sub-resource as a marker, and the XML body beside them.

use serde_json::{Map, Value, json};

use super::{Place, loose_xml};
use crate::codec::xml_shape;
use crate::model::{Kind, Service};

/// The name space of a body whose shape has none of its own.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

pub(super) fn request(
    service: &Service,
    operation: &str,
    input: &Value,
    place: Place<'_>,
) -> Value {
    let mut out = Map::new();
    let (Some(known), Some(given)) = (service.operations.get(operation), input.as_object()) else {
        return Value::Null;
    };
    if let Some(bucket) = given.get("Bucket").and_then(Value::as_str) {
        out.insert("bucketName".to_owned(), Value::from(bucket));
        out.insert(
            "Host".to_owned(),
            Value::from(format!("{bucket}.s3.{}.amazonaws.com", place.region)),
        );
    } else if let Some(account) = given.get("AccountId").and_then(Value::as_str) {
        let host = format!("{account}.s3-control.{}.amazonaws.com", place.region);
        out.insert("Host".to_owned(), Value::from(host));
    }
    let uri = known.http.request_uri.as_str();
    let literals = uri.split_once('?').map_or("", |(_, literals)| literals);
    for literal in literals
        .split('&')
        .filter(|one| !one.is_empty() && !one.contains('='))
    {
        out.insert(literal.to_owned(), Value::from(""));
    }
    if uri.ends_with("/publicAccessBlock") {
        out.insert("publicAccessBlock".to_owned(), Value::from(""));
    }
    let Some(shape) = service.input(operation) else {
        return Value::Object(out);
    };
    let mut grants = Map::new();
    for (name, value) in given {
        let Some(member) = shape.members.get(name) else {
            continue;
        };
        let Some(inner) = service.shape_of(member) else {
            continue;
        };
        // Only the host names it.
        if name == "AccountId" {
            continue;
        }
        let wire = member.location_name.as_deref().unwrap_or(name);
        match member.location.as_deref() {
            Some("header") if wire.starts_with("x-amz-grant-") => {
                grants.insert(wire.to_owned(), value.clone());
            }
            Some("header") if wire.starts_with("x-amz-") && !wire.contains("sdk-checksum") => {
                out.insert(wire.to_owned(), value.clone());
            }
            Some("uri") if name != "Bucket" => {
                out.insert(super::lower(name), value.clone());
            }
            Some("querystring") => {
                out.insert(wire.to_owned(), value.clone());
            }
            None if name == "Policy" => {
                let text = value.as_str().unwrap_or_default();
                out.insert(
                    "bucketPolicy".to_owned(),
                    serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
                );
            }
            None if inner.kind == Kind::Structure => {
                let element = xml_shape::from_json(service, inner, Some(member), wire, value);
                let mut content = loose_xml::to_json(&element);
                if let Value::Object(content) = &mut content {
                    content
                        .entry("xmlns")
                        .or_insert_with(|| Value::from(NAMESPACE));
                } else {
                    content = json!({ "xmlns": NAMESPACE });
                }
                out.insert(wire.to_owned(), content);
            }
            _ => {}
        }
    }
    if !grants.is_empty() {
        out.insert("accessControlList".to_owned(), Value::Object(grants));
    }
    Value::Object(out)
}
