//! AWS's API models, read from the botocore that moto brings along.
//!
//! A model says how an operation's input and output look on the wire and what each member is called in the API.
//! Everything here that must know a service's shapes (the trail, the client, the encoder) is driven by them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

use crate::error::LocalError;

/// The newest EC2 API version whose actions are recorded in CloudTrail's older form.
const EC2_OLDER_ACTIONS: &str = "2015-03-01";

/// Services whose folder in botocore is not named as their signing name, or where several share one.
const FOLDERS: &[(&str, &[&str])] = &[
    ("access-analyzer", &["accessanalyzer"]),
    ("aoss", &["opensearchserverless"]),
    ("apigateway", &["apigateway", "apigatewayv2"]),
    ("dynamodb", &["dynamodb", "dynamodbstreams"]),
    ("elasticfilesystem", &["efs"]),
    ("elasticloadbalancing", &["elbv2", "elb"]),
    ("elasticmapreduce", &["emr"]),
    ("email", &["sesv2", "ses"]),
    ("es", &["opensearch", "es"]),
    ("monitoring", &["cloudwatch"]),
    ("s3", &["s3", "s3control"]),
    ("ses", &["sesv2", "ses"]),
    ("sso", &["sso-admin", "sso"]),
    ("states", &["stepfunctions"]),
    ("tagging", &["resourcegroupstaggingapi"]),
];

/// How a service's calls are written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// EC2's form bodies and XML answers.
    Ec2,
    /// Form bodies and XML answers (IAM, STS, RDS, SNS).
    Query,
    /// JSON bodies with an `X-Amz-Target` header (`DynamoDB`, KMS, CloudTrail).
    Json,
    /// HTTP methods and paths with JSON bodies (Lambda, EKS).
    RestJson,
    /// HTTP methods and paths with XML bodies (S3, `CloudFront`, Route 53).
    RestXml,
    /// Binary; no client here uses it.
    #[serde(other)]
    Other,
}

/// What a shape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Named members.
    Structure,
    /// Elements of one shape.
    List,
    /// Keys and values of one shape each.
    Map,
    /// Text.
    String,
    /// A character, treated as text.
    Character,
    /// A whole number.
    Integer,
    /// A whole number of 64 bits.
    Long,
    /// A number.
    Float,
    /// A number of double precision.
    Double,
    /// True or false.
    Boolean,
    /// A point in time.
    Timestamp,
    /// Bytes, base64 in our JSON.
    Blob,
}

/// Where a shape is used: as a structure's member, a list's element, a map's key or value, a body.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the model's own traits"
)]
pub struct Member {
    /// The shape's name.
    pub shape: String,
    /// `uri`, `querystring`, `header`, `headers`, `statusCode`; none for the body.
    pub location: Option<String>,
    /// The name on the wire, if not the member's.
    pub location_name: Option<String>,
    /// The name in EC2 form bodies, if different again.
    pub query_name: Option<String>,
    /// Whether a list stands without a wrapper element.
    #[serde(default)]
    pub flattened: bool,
    /// The XML name space, for bodies.
    pub xml_namespace: Option<Value>,
    /// Whether it is an attribute of its parent's element.
    #[serde(default)]
    pub xml_attribute: bool,
    /// `iso8601`, `rfc822`, `unixTimestamp`.
    pub timestamp_format: Option<String>,
    /// Whether CloudTrail and logs must not show it.
    #[serde(default)]
    pub sensitive: bool,
    /// Whether a client fills it in when it is absent.
    #[serde(default)]
    pub idempotency_token: bool,
    /// An output's wrapper element in the query protocol.
    pub result_wrapper: Option<String>,
}

/// A shape.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// A structure's members.
    #[serde(default)]
    pub members: HashMap<String, Member>,
    /// A list's element.
    pub member: Option<Member>,
    /// A map's key.
    pub key: Option<Member>,
    /// A map's value.
    pub value: Option<Member>,
    /// The member that is the whole HTTP body.
    pub payload: Option<String>,
    /// The members that must be given.
    #[serde(default)]
    pub required: Vec<String>,
    /// Whether a list stands without a wrapper element.
    #[serde(default)]
    pub flattened: bool,
    /// Whether CloudTrail and logs must not show it.
    #[serde(default)]
    pub sensitive: bool,
    /// `iso8601`, `rfc822`, `unixTimestamp`.
    pub timestamp_format: Option<String>,
    /// The name on the wire where a body is a shape without a member.
    pub location_name: Option<String>,
}

/// An operation's HTTP side.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    /// `POST`, `GET` and so on.
    pub method: String,
    /// The path template with the query parameters that are part of the operation's identity.
    pub request_uri: String,
}

/// An operation.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Its name, as in IAM actions.
    pub name: String,
    /// Its method and path.
    pub http: Http,
    /// Its input, if any.
    pub input: Option<Member>,
    /// Its output, if any.
    pub output: Option<Member>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    api_version: String,
    endpoint_prefix: String,
    protocol: Protocol,
    protocols: Option<Vec<Protocol>>,
    signing_name: Option<String>,
    json_version: Option<String>,
    target_prefix: Option<String>,
    xml_namespace: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Description {
    metadata: Metadata,
    operations: HashMap<String, Operation>,
    shapes: HashMap<String, Shape>,
}

/// One service's model.
#[derive(Debug)]
pub struct Service {
    /// Botocore's folder: `ec2`, `s3control`, `elbv2`.
    pub name: String,
    /// The name in credential scopes: `ec2`, `s3`, `elasticloadbalancing`.
    pub signing_name: String,
    /// How its calls are written.
    pub protocol: Protocol,
    /// `2016-11-15` and so on.
    pub api_version: String,
    /// `1.0` or `1.1`, for JSON bodies.
    pub json_version: String,
    /// What stands before the operation in `X-Amz-Target`.
    pub target_prefix: String,
    /// The name space of XML answers.
    pub xml_namespace: String,
    /// Its operations by name.
    pub operations: HashMap<String, Operation>,
    /// EC2: the actions that CloudTrail records in the older form.
    pub older_actions: Vec<String>,
    shapes: HashMap<String, Shape>,
}

impl Service {
    /// The shape of that name.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name)
    }

    /// The shape a member has.
    #[must_use]
    pub fn shape_of(&self, member: &Member) -> Option<&Shape> {
        self.shapes.get(&member.shape)
    }

    /// The input shape of an operation, if it has one.
    #[must_use]
    pub fn input(&self, operation: &str) -> Option<&Shape> {
        self.operations
            .get(operation)?
            .input
            .as_ref()
            .and_then(|input| self.shape_of(input))
    }

    /// The output shape of an operation, if it has one.
    #[must_use]
    pub fn output(&self, operation: &str) -> Option<&Shape> {
        self.operations
            .get(operation)?
            .output
            .as_ref()
            .and_then(|output| self.shape_of(output))
    }
}

/// All models, each read at its first use and kept.
#[derive(Debug)]
pub struct Models {
    root: PathBuf,
    cache: Mutex<HashMap<String, Option<Arc<Service>>>>,
}

impl Models {
    /// The models below botocore's `data` folder. Nothing is read yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            cache: Mutex::new(HashMap::new()),
        }
    }

    /// The model in botocore's folder `name`; none if there is none or it cannot be read.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<Arc<Service>> {
        self.try_service(name).ok()
    }

    /// As [`Self::service`], saying why not.
    pub fn try_service(&self, name: &str) -> Result<Arc<Service>, LocalError> {
        let missing = || LocalError::Model {
            service: name.to_owned(),
            reason: "there is none".into(),
        };
        // Held while a model is read, so that it is read once.
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache.get(name) {
            return known.clone().ok_or_else(missing);
        }
        // The name comes from requests; it must not lead out of the folder.
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Err(missing());
        }
        let loaded = load(&self.root.join(name), name).map(Arc::new);
        cache.insert(name.to_owned(), loaded.as_ref().ok().cloned());
        loaded
    }

    /// The models of the services that sign as `signing_name`, likeliest first.
    #[must_use]
    pub fn signing_as(&self, signing_name: &str) -> Vec<Arc<Service>> {
        let folders = FOLDERS.iter().find(|(name, _)| *name == signing_name);
        match folders {
            Some((_, folders)) => folders
                .iter()
                .filter_map(|folder| self.service(folder))
                .collect(),
            None => self.service(signing_name).into_iter().collect(),
        }
    }

    /// The models of the services whose records carry `eventSource` `<prefix>.amazonaws.com`.
    #[must_use]
    pub fn recorded_as(&self, event_source: &str) -> Vec<Arc<Service>> {
        let prefix = event_source
            .strip_suffix(".amazonaws.com")
            .unwrap_or(event_source);
        self.signing_as(prefix)
    }
}

fn load(folder: &Path, name: &str) -> Result<Service, LocalError> {
    let failed = |reason: String| LocalError::Model {
        service: name.to_owned(),
        reason,
    };
    let mut versions: Vec<String> = fs::read_dir(folder)
        .map_err(|error| failed(error.to_string()))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|version| folder.join(version).join("service-2.json.gz").exists())
        .collect();
    versions.sort();
    let newest = versions.last().ok_or_else(|| failed("no version".into()))?;
    let text = unpack(&folder.join(newest).join("service-2.json.gz"))?;
    let file: Description =
        serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
    let metadata = file.metadata;
    let older_actions = if name == "ec2" {
        older_actions(folder, name)?
    } else {
        Vec::new()
    };
    let protocol = match (metadata.protocol, metadata.protocols) {
        (Protocol::Other, Some(all)) => all
            .into_iter()
            .find(|one| *one != Protocol::Other)
            .unwrap_or(Protocol::Other),
        (one, _) => one,
    };
    Ok(Service {
        name: name.to_owned(),
        signing_name: metadata.signing_name.unwrap_or(metadata.endpoint_prefix),
        protocol,
        api_version: metadata.api_version,
        json_version: metadata.json_version.unwrap_or_else(|| "1.0".into()),
        target_prefix: metadata.target_prefix.unwrap_or_default(),
        xml_namespace: metadata.xml_namespace.unwrap_or_default(),
        operations: file.operations,
        older_actions,
        shapes: file.shapes,
    })
}

fn older_actions(folder: &Path, name: &str) -> Result<Vec<String>, LocalError> {
    #[derive(Deserialize)]
    struct Names {
        operations: serde_json::Map<String, Value>,
    }
    let text = unpack(&folder.join(EC2_OLDER_ACTIONS).join("service-2.json.gz"))?;
    let names: Names = serde_json::from_slice(&text).map_err(|error| LocalError::Model {
        service: name.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(names.operations.into_iter().map(|(name, _)| name).collect())
}

fn unpack(path: &Path) -> Result<Vec<u8>, LocalError> {
    let file = File::open(path).map_err(LocalError::file(path))?;
    let mut text = Vec::new();
    GzDecoder::new(file)
        .read_to_end(&mut text)
        .map_err(LocalError::file(path))?;
    Ok(text)
}
