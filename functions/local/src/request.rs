//! What an HTTP request to AWS is: who calls which operation of which service, where, with what input.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use serde_json::{Map, Value};

use crate::codec::{form, json, rest, uri};
use crate::model::{Models, Protocol, Service};

/// What all paths of S3 Control begin with.
const S3_CONTROL_PATH: &str = "/v20180820/";

/// The credential scope of a signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The caller's access key id.
    pub access_key: String,
    /// The region the call is signed for.
    pub region: String,
    /// The service's signing name.
    pub service: String,
}

impl Scope {
    /// From the `Authorization` header (Signature Version 4 or 4A), or from a presigned query.
    #[must_use]
    pub fn of(headers: &HeaderMap, target: &str) -> Option<Self> {
        // A key is what somebody typed: it may hold letters that headers should not.
        let header = headers.get("authorization").map(HeaderValue::as_bytes);
        let header = header.map(String::from_utf8_lossy);
        if let Some(text) = header
            .as_deref()
            .and_then(|header| header.split_once("Credential="))
            .map(|(_, rest)| rest)
        {
            return Self::parse(text.split([',', ' ']).next()?);
        }
        let (_, query) = uri::split(target);
        let credential = query
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("x-amz-credential"))?;
        Self::parse(&credential.1)
    }

    /// `AKID/20261121/us-east-1/ec2/aws4_request`
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplit('/');
        let end = parts.next()?;
        let service = parts.next()?.to_ascii_lowercase();
        let region = parts.next()?;
        let _date = parts.next()?;
        let access_key = parts.next()?;
        (end == "aws4_request").then(|| Self {
            access_key: access_key.to_owned(),
            region: region.to_owned(),
            service,
        })
    }
}

/// A request whose service and operation are known.
#[derive(Debug, Clone)]
pub struct Identified {
    /// Who signed for what.
    pub scope: Scope,
    /// The service's model.
    pub service: Arc<Service>,
    /// The operation's name.
    pub operation: String,
}

/// The raw request.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

impl Raw<'_> {
    /// Names the operation; none if the request is unsigned or of no service with a model.
    #[must_use]
    pub fn identify(&self, models: &Models) -> Option<Identified> {
        let scope = Scope::of(self.headers, self.target)?;
        let mut candidates = models.signing_as(&scope.service);
        // S3 and S3 Control sign alike, and a path of the second could be an object of the first.
        let control = self.target.starts_with(S3_CONTROL_PATH);
        candidates.retain(|service| match service.name.as_str() {
            "s3" => !control,
            "s3control" => control,
            _ => true,
        });
        let (service, operation) = candidates.into_iter().find_map(|service| {
            let operation = self.operation(&service)?;
            service
                .operations
                .contains_key(&operation)
                .then_some((service, operation))
        })?;
        Some(Identified {
            scope,
            service,
            operation,
        })
    }

    fn operation(&self, service: &Service) -> Option<String> {
        let target = self
            .headers
            .get("x-amz-target")
            .and_then(|value| value.to_str().ok());
        if let Some((prefix, operation)) = target.and_then(|target| target.rsplit_once('.')) {
            // Some SDKs leave the namespace before the service's name out, as AWS lets them.
            let known = service.target_prefix.as_str();
            let is_it = known == prefix || known.ends_with(&format!(".{prefix}"));
            return is_it.then(|| operation.to_owned());
        }
        match service.protocol {
            Protocol::RestJson | Protocol::RestXml => {
                let (path, query) = uri::split(self.target);
                let parts = rest::Parts {
                    method: self.method,
                    path,
                    query: &query,
                    headers: self.headers,
                };
                rest::matching(service, &parts).map(|(operation, _)| operation.name.clone())
            }
            _ => {
                let pairs = self.form();
                let find = |name: &str| {
                    pairs
                        .iter()
                        .find(|(key, _)| key == name)
                        .map(|(_, value)| value.clone())
                };
                let version = find("Version");
                // Two services share the signing name `elasticloadbalancing`; only the version tells them apart.
                let same = version
                    .is_none_or(|version| version == service.api_version || service.name == "ec2");
                find("Action").filter(|_| same)
            }
        }
    }

    /// The form of the body, or of the query for GET.
    fn form(&self) -> Vec<(String, String)> {
        let (_, mut pairs) = uri::split(self.target);
        pairs.extend(form_urlencoded::parse(self.body).into_owned());
        pairs
    }

    /// The typed input, in the API's member names.
    #[must_use]
    pub fn input(&self, service: &Service, operation: &str) -> Value {
        let empty = || Value::Object(Map::new());
        let Some(known) = service.operations.get(operation) else {
            return empty();
        };
        match service.protocol {
            Protocol::RestJson | Protocol::RestXml => {
                let (path, query) = uri::split(self.target);
                let parts = rest::Parts {
                    method: self.method,
                    path,
                    query: &query,
                    headers: self.headers,
                };
                let values = rest::matching(service, &parts)
                    .map(|(_, values)| values)
                    .unwrap_or_default();
                rest::input(service, known, &parts, &values, self.body)
            }
            _ => {
                let Some(shape) = service.input(operation) else {
                    return empty();
                };
                if self.headers.contains_key("x-amz-target") {
                    let value = serde_json::from_slice(self.body).unwrap_or_else(|_| empty());
                    return json::rename(service, shape, &value, json::Names::ToApi);
                }
                form::to_json(service, shape, &self.form())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_any_letters_are_read() {
        for key in ["AKIAEXAMPLE", "josé", "a/b"] {
            let text = format!(
                "AWS4-HMAC-SHA256 Credential={key}/20260124/eu-central-1/ec2/aws4_request, SignedHeaders=host"
            );
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(hyper::header::AUTHORIZATION, value)]);
            let scope = Scope::of(&headers, "/").unwrap();
            assert_eq!(
                (scope.region.as_str(), scope.service.as_str()),
                ("eu-central-1", "ec2")
            );
        }
    }
}
