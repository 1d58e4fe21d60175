//! A small AWS client for demos and tests: any operation of any service that has a model, no SDK.

use std::sync::Arc;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use serde_json::Value;

use crate::codec::{form, json, rest};
use crate::http::Http;
use crate::ids;
use crate::model::{Kind, Models, Operation, Protocol, Service};
use crate::response;

/// What a caller signs with. Moto checks no signature, so the secret only has to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key id: who calls.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
    /// The session token, for roles.
    pub session_token: Option<String>,
}

impl Credentials {
    /// A key pair without a session.
    #[must_use]
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            session_token: None,
        }
    }
}

/// A call that AWS refused, or that got no answer (`status` 0).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The HTTP status; 0 if there was no answer.
    pub status: u16,
    /// Such as `InvalidPermission.Duplicate`; `NoAnswer` and `NoSuchOperation` are this client's own.
    pub code: String,
    /// In the service's words.
    pub message: String,
    /// The request id, if there was an answer with one.
    pub request_id: Option<String>,
}

impl ApiError {
    fn own(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: 0,
            code: code.to_owned(),
            message: message.into(),
            request_id: None,
        }
    }
}

/// A client for one caller and region. Cheap to clone; connections are kept and shared.
#[derive(Debug, Clone)]
pub struct Client {
    models: Arc<Models>,
    http: Http,
    endpoint: String,
    credentials: Credentials,
    region: String,
    user_agent: String,
}

impl Client {
    /// A client for `endpoint`, such as `http://127.0.0.1:4566`.
    #[must_use]
    pub fn new(
        models: Arc<Models>,
        endpoint: &str,
        credentials: Credentials,
        region: &str,
    ) -> Self {
        Self {
            models,
            http: Http::new(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            credentials,
            region: region.to_owned(),
            user_agent: "undrift-local".to_owned(),
        }
    }

    /// The same caller in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ..self.clone()
        }
    }

    /// The same caller with another user agent, as records show it.
    #[must_use]
    pub fn with_user_agent(&self, user_agent: &str) -> Self {
        Self {
            user_agent: user_agent.to_owned(),
            ..self.clone()
        }
    }

    /// What it signs with.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Calls an operation once, without retries. `service` is botocore's name (`ec2`, `s3control`, `elbv2`);
    /// `params` and the answer are JSON in the API's member names. Members the model doesn't know are an error.
    pub async fn call(
        &self,
        service: &str,
        operation: &str,
        params: Value,
    ) -> Result<Value, ApiError> {
        let model = self
            .models
            .try_service(service)
            .map_err(|error| ApiError::own("NoSuchOperation", error.to_string()))?;
        let known = model.operations.get(operation).ok_or_else(|| {
            ApiError::own(
                "NoSuchOperation",
                format!("`{service}` has no operation `{operation}`"),
            )
        })?;
        let request = self.request(&model, known, params)?;
        let answer = self
            .http
            .send(request)
            .await
            .map_err(|error| ApiError::own("NoAnswer", error))?;
        let understood = response::understand(
            &model,
            operation,
            answer.status,
            &answer.headers,
            &answer.body,
        );
        match understood.refusal {
            None => Ok(understood.output),
            Some(refusal) => Err(ApiError {
                status: answer.status,
                code: refusal.code,
                message: refusal.message,
                request_id: understood.request_id,
            }),
        }
    }

    fn request(
        &self,
        service: &Service,
        operation: &Operation,
        mut params: Value,
    ) -> Result<Request<Full<Bytes>>, ApiError> {
        let shape = service.input(&operation.name);
        complete(service, operation, &mut params)?;
        let mut target = "/".to_owned();
        let mut headers = Vec::new();
        let (content_type, body) = match service.protocol {
            Protocol::Ec2 | Protocol::Query => {
                let mut pairs = vec![
                    ("Action".to_owned(), operation.name.clone()),
                    ("Version".to_owned(), service.api_version.clone()),
                ];
                pairs.extend(
                    shape
                        .map(|shape| form::from_json(service, shape, &params))
                        .unwrap_or_default(),
                );
                let text = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(pairs)
                    .finish();
                (
                    "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
                    text.into_bytes(),
                )
            }
            Protocol::Json => {
                headers.push((
                    "x-amz-target".to_owned(),
                    format!("{}.{}", service.target_prefix, operation.name),
                ));
                let renamed =
                    shape.map(|shape| json::rename(service, shape, &params, json::Names::ToWire));
                let text = renamed.unwrap_or(params).to_string();
                (
                    format!("application/x-amz-json-{}", service.json_version),
                    text.into_bytes(),
                )
            }
            Protocol::RestJson | Protocol::RestXml => {
                let built = rest::build(service, operation, &params);
                target = built.target;
                headers.extend(built.headers);
                let kind = if service.protocol == Protocol::RestXml {
                    "application/xml"
                } else {
                    "application/json"
                };
                (kind.to_owned(), built.body)
            }
            Protocol::Other => {
                return Err(ApiError::own(
                    "NoSuchOperation",
                    "the service's protocol is not spoken here",
                ));
            }
        };
        let now = jiff::Timestamp::now();
        let scope = format!(
            "{}/{}/{}/{}/aws4_request",
            self.credentials.access_key,
            now.strftime("%Y%m%d"),
            self.region,
            service.signing_name
        );
        let mut request = Request::builder()
            .method(operation.http.method.as_str())
            .uri(format!("{}{target}", self.endpoint))
            .header("content-type", content_type)
            .header("user-agent", &self.user_agent)
            .header("x-amz-date", now.strftime("%Y%m%dT%H%M%SZ").to_string())
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature=local"),
            );
        if let Some(token) = &self.credentials.session_token {
            request = request.header("x-amz-security-token", token);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| ApiError::own("NoSuchOperation", error.to_string()))
    }
}

/// Refuses unknown parameters and fills in the tokens that SDKs make up.
fn complete(service: &Service, operation: &Operation, params: &mut Value) -> Result<(), ApiError> {
    if params.is_null() {
        *params = Value::Object(serde_json::Map::new());
    }
    let shape = service.input(&operation.name);
    if let Some(given) = params.as_object_mut() {
        let unknown = given
            .keys()
            .find(|name| shape.is_none_or(|shape| !shape.members.contains_key(*name)));
        if let Some(unknown) = unknown {
            let text = format!("`{}` has no parameter `{unknown}`", operation.name);
            return Err(ApiError::own("NoSuchParameter", text));
        }
        let tokens = shape
            .into_iter()
            .flat_map(|shape| &shape.members)
            .filter(|(_, member)| {
                member.idempotency_token
                    && service
                        .shape_of(member)
                        .is_some_and(|shape| shape.kind == Kind::String)
            });
        for (name, _) in tokens {
            given
                .entry(name.clone())
                .or_insert_with(|| Value::from(ids::uuid()));
        }
    }
    Ok(())
}
