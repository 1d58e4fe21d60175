//! The environment of the janitor.

use std::collections::BTreeMap;
use std::path::PathBuf;

use undrift_core::name::{Arn, Region};

use super::{ConfigError, REGION, ROLE, Reader, beside, role, wrong};

/// What a list of pairs is to hold.
const PAIRS: &str = "pairs `service=value` with commas between them, one for each service";

/// The environment of the janitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JanitorEnvironment {
    /// `UNDRIFT_TABLE`: the table's name.
    pub table: String,
    /// The services whose functions revert.
    pub services: Vec<Served>,
    /// `UNDRIFT_BUNDLE`: the bundle's file, with the policies of all services; by default
    /// `bundle.json` beside the binary.
    pub bundle: PathBuf,
    /// `UNDRIFT_ROLE_ARN`: the janitor's own role.
    pub role: Arn,
    /// `UNDRIFT_OWN_ROLES`: the roles of the functions that revert and undo, whose calls are
    /// nobody's changes.
    pub own_roles: Vec<Arn>,
    /// `AWS_REGION`, which Lambda sets.
    pub region: Region,
    /// `AWS_LAMBDA_FUNCTION_NAME`, which Lambda sets.
    pub function: String,
}

/// A service whose function reverts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The service, as kinds name it: `ec2`.
    pub service: String,
    /// `UNDRIFT_FUNCTIONS`: its function, by name.
    pub function: String,
    /// `UNDRIFT_QUEUES`: the URL of the queue that feeds it.
    pub queue: String,
    /// `UNDRIFT_DEAD_QUEUES`: the URL of that queue's dead-letter queue.
    pub dead: String,
}

impl JanitorEnvironment {
    /// Reads the process's environment.
    pub fn load() -> Result<Self, ConfigError> {
        Self::of(&|name| std::env::var(name).ok())
    }

    /// Reads variables as `get` gives them.
    pub fn of(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let read = Reader(get);
        let region = read.needed("AWS_REGION", REGION)?;
        let own = read.list("UNDRIFT_OWN_ROLES");
        let own = own.iter().map(|text| role("UNDRIFT_OWN_ROLES", text));
        Ok(Self {
            table: read.needed("UNDRIFT_TABLE", "the name of Undrift's DynamoDB table")?,
            services: services(&read)?,
            bundle: read
                .optional("UNDRIFT_BUNDLE")
                .map_or_else(|| beside(get), PathBuf::from),
            role: role("UNDRIFT_ROLE_ARN", &read.needed("UNDRIFT_ROLE_ARN", ROLE)?)?,
            own_roles: own.collect::<Result<_, _>>()?,
            region: Region::parse(&region).map_err(|_| wrong("AWS_REGION", &region, REGION))?,
            function: read.needed(
                "AWS_LAMBDA_FUNCTION_NAME",
                "the function's name, as Lambda does",
            )?,
        })
    }
}

/// Every service of `UNDRIFT_FUNCTIONS`, with its queues.
fn services(read: &Reader<'_>) -> Result<Vec<Served>, ConfigError> {
    let functions = pairs(read, "UNDRIFT_FUNCTIONS")?;
    let queues = pairs(read, "UNDRIFT_QUEUES")?;
    let dead = pairs(read, "UNDRIFT_DEAD_QUEUES")?;
    let of = |all: &BTreeMap<String, String>, name: &'static str, service: &str| {
        let found = all.get(service).cloned();
        found.ok_or_else(|| wrong(name, &format!("nothing for {service}"), PAIRS))
    };
    let services = functions.into_iter().map(|(service, function)| {
        Ok(Served {
            queue: of(&queues, "UNDRIFT_QUEUES", &service)?,
            dead: of(&dead, "UNDRIFT_DEAD_QUEUES", &service)?,
            service,
            function,
        })
    });
    services.collect()
}

/// Pairs by their first half; at least one.
fn pairs(read: &Reader<'_>, name: &'static str) -> Result<BTreeMap<String, String>, ConfigError> {
    let text = read.needed(name, PAIRS)?;
    let pair = |part: String| {
        let (service, value) = part
            .split_once('=')
            .filter(|(s, v)| !s.is_empty() && !v.is_empty())?;
        Some((service.to_owned(), value.to_owned()))
    };
    let pairs: Option<BTreeMap<_, _>> = read.list(name).into_iter().map(pair).collect();
    let pairs = pairs.filter(|pairs| !pairs.is_empty());
    pairs.ok_or_else(|| wrong(name, &text, PAIRS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(more: &[(&str, &str)]) -> Result<JanitorEnvironment, ConfigError> {
        let base = [
            ("UNDRIFT_TABLE", "t"),
            ("UNDRIFT_FUNCTIONS", "ec2=undrift-ec2, s3=undrift-s3"),
            (
                "UNDRIFT_QUEUES",
                "ec2=https://sqs/1/e?a=b,s3=https://sqs/1/s",
            ),
            (
                "UNDRIFT_DEAD_QUEUES",
                "ec2=https://sqs/1/ed,s3=https://sqs/1/sd",
            ),
            (
                "UNDRIFT_ROLE_ARN",
                "arn:aws:iam::123456789012:role/undrift-janitor",
            ),
            (
                "UNDRIFT_OWN_ROLES",
                "arn:aws:iam::123456789012:role/undrift-ec2",
            ),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_LAMBDA_FUNCTION_NAME", "undrift-janitor"),
        ];
        JanitorEnvironment::of(&|name| {
            let mut all = more.iter().chain(&base);
            all.find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn each_service_has_its_function_and_queues_and_mistakes_are_named() {
        let env = of(&[]).unwrap();
        let ec2 = Served {
            service: "ec2".into(),
            function: "undrift-ec2".into(),
            queue: "https://sqs/1/e?a=b".into(),
            dead: "https://sqs/1/ed".into(),
        };
        assert_eq!((env.services.len(), &env.services[0]), (2, &ec2));
        assert_eq!(env.own_roles.len(), 1);
        for (name, value) in [
            ("UNDRIFT_FUNCTIONS", " ,"),
            ("UNDRIFT_FUNCTIONS", "undrift-ec2"),
            ("UNDRIFT_QUEUES", "ec2=https://sqs/1/e"),
            ("UNDRIFT_DEAD_QUEUES", ""),
            ("UNDRIFT_DEAD_QUEUES", "ec2=,s3="),
            ("UNDRIFT_ROLE_ARN", "janitor"),
            ("UNDRIFT_OWN_ROLES", "ec2"),
        ] {
            let error = of(&[(name, value)]).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("set it to"),
                "{error}"
            );
        }
    }
}
