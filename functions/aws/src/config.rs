//! A function's environment, typed.

mod janitor;
mod notify;
mod sweep;

use std::path::PathBuf;

use undrift_core::name::{Arn, Region};

pub use janitor::{JanitorEnvironment, Served};
pub use notify::{NotifyEnvironment, safe_address};
pub use sweep::SweepEnvironment;

/// A variable of the environment that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It isn't set.
    #[error("the environment variable {name} is not set: set it to {wants}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it is to hold.
        wants: &'static str,
    },
    /// It holds something else.
    #[error("the environment variable {name} is `{value}`: set it to {wants}")]
    Wrong {
        /// The variable.
        name: &'static str,
        /// What it holds, cut to 200 characters.
        value: String,
        /// What it is to hold.
        wants: &'static str,
    },
}

/// What a function's role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Take changes from the queue and revert them.
    Revert,
    /// Take reverts back, on request.
    Undo,
}

/// The environment of a service's function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `UNDRIFT_TABLE`: the table's name.
    pub table: String,
    /// `UNDRIFT_QUEUE_URL`: the queue the function is fed from. A function whose duty is undo
    /// has none.
    pub queue_url: Option<String>,
    /// `UNDRIFT_BUNDLE`: the bundle's file; by default `bundle.json` beside the binary.
    pub bundle: PathBuf,
    /// `UNDRIFT_ROLE_ARN`: the function's own role.
    pub role: Arn,
    /// `UNDRIFT_OWN_ROLES`: all roles of this deployment, the function's own among them.
    pub own_roles: Vec<Arn>,
    /// `UNDRIFT_PAUSE_PARAMETER`: the SSM parameter that holds the pause switch; absent: there
    /// is no switch.
    pub pause_parameter: Option<String>,
    /// `UNDRIFT_DUTY`.
    pub duty: Duty,
    /// `AWS_REGION`, which Lambda sets.
    pub region: Region,
    /// `AWS_LAMBDA_FUNCTION_NAME`, which Lambda sets.
    pub function: String,
}

impl Environment {
    /// Reads the process's environment.
    pub fn load() -> Result<Self, ConfigError> {
        Self::of(&|name| std::env::var(name).ok())
    }

    /// Reads variables as `get` gives them. One that is set but empty counts as not set.
    pub fn of(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let read = Reader(get);
        let duty = match read.0("UNDRIFT_DUTY").as_deref() {
            None | Some("" | "revert") => Duty::Revert,
            Some("undo") => Duty::Undo,
            Some(other) => {
                return Err(wrong("UNDRIFT_DUTY", other, "`revert` or `undo`"));
            }
        };
        let role = role("UNDRIFT_ROLE_ARN", &read.needed("UNDRIFT_ROLE_ARN", ROLE)?)?;
        let mut own_roles = vec![role.clone()];
        for text in read.list("UNDRIFT_OWN_ROLES") {
            let other = self::role("UNDRIFT_OWN_ROLES", &text)?;
            if !own_roles.contains(&other) {
                own_roles.push(other);
            }
        }
        let queue_url = read.optional("UNDRIFT_QUEUE_URL");
        if duty == Duty::Revert && queue_url.is_none() {
            return Err(ConfigError::Missing {
                name: "UNDRIFT_QUEUE_URL",
                wants: "the URL of the queue that feeds this function",
            });
        }
        let region = read.needed("AWS_REGION", REGION)?;
        Ok(Self {
            table: read.needed("UNDRIFT_TABLE", "the name of Undrift's DynamoDB table")?,
            queue_url,
            bundle: read
                .optional("UNDRIFT_BUNDLE")
                .map_or_else(|| beside(get), PathBuf::from),
            role,
            own_roles,
            pause_parameter: read.optional("UNDRIFT_PAUSE_PARAMETER"),
            duty,
            region: Region::parse(&region).map_err(|_| wrong("AWS_REGION", &region, REGION))?,
            function: read.needed(
                "AWS_LAMBDA_FUNCTION_NAME",
                "the function's name, as Lambda does",
            )?,
        })
    }
}

const ROLE: &str = "the ARN of an IAM role (arn:aws:iam::<account>:role/<name>)";
const REGION: &str = "the code of the region the function runs in, as Lambda does";

/// Reads variables by their name.
struct Reader<'g>(&'g dyn Fn(&str) -> Option<String>);

impl Reader<'_> {
    fn optional(&self, name: &str) -> Option<String> {
        let value = self.0(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn needed(&self, name: &'static str, wants: &'static str) -> Result<String, ConfigError> {
        self.optional(name)
            .ok_or(ConfigError::Missing { name, wants })
    }

    fn list(&self, name: &str) -> Vec<String> {
        self.optional(name)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

fn wrong(name: &'static str, value: &str, wants: &'static str) -> ConfigError {
    ConfigError::Wrong {
        name,
        value: crate::intake::plain(value, 200),
        wants,
    }
}

fn role(name: &'static str, text: &str) -> Result<Arn, ConfigError> {
    Arn::parse(text)
        .ok()
        .filter(|arn| arn.as_str().contains(":role/"))
        .ok_or_else(|| wrong(name, text, ROLE))
}

/// `bundle.json` where Lambda unpacks the function (`LAMBDA_TASK_ROOT`), or beside the binary.
fn beside(get: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    let folder = get("LAMBDA_TASK_ROOT").map(PathBuf::from).or_else(|| {
        let binary = std::env::current_exe().ok()?;
        Some(binary.parent()?.to_owned())
    });
    folder.unwrap_or_default().join("bundle.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const GOOD: &[(&str, &str)] = &[
        ("UNDRIFT_TABLE", "undrift"),
        ("UNDRIFT_QUEUE_URL", "https://sqs/1/q"),
        (
            "UNDRIFT_ROLE_ARN",
            "arn:aws:iam::123456789012:role/undrift-ec2",
        ),
        (
            "UNDRIFT_OWN_ROLES",
            "arn:aws:iam::123456789012:role/undrift-ec2, arn:aws:iam::123456789012:role/undrift-undo,",
        ),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "undrift-ec2"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
    ];

    fn with(change: &[(&str, Option<&str>)]) -> Result<Environment, ConfigError> {
        let mut all: BTreeMap<&str, &str> = GOOD.iter().copied().collect();
        for (name, value) in change {
            match value {
                Some(value) => all.insert(name, value),
                None => all.remove(name),
            };
        }
        Environment::of(&|name| all.get(name).map(|v| (*v).to_owned()))
    }

    #[test]
    fn a_whole_environment_is_read() {
        let env = with(&[]).unwrap();
        assert_eq!(env.duty, Duty::Revert);
        assert_eq!(env.own_roles.len(), 2);
        assert_eq!(env.bundle, PathBuf::from("/var/task/bundle.json"));
        assert_eq!(env.pause_parameter, None);
        let undo = with(&[
            ("UNDRIFT_DUTY", Some("undo")),
            ("UNDRIFT_QUEUE_URL", None),
            ("UNDRIFT_BUNDLE", Some("/opt/b.json")),
            ("UNDRIFT_PAUSE_PARAMETER", Some("/undrift/pause")),
        ])
        .unwrap();
        assert_eq!(undo.duty, Duty::Undo);
        assert_eq!(undo.bundle, PathBuf::from("/opt/b.json"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_with_what_to_set() {
        for (change, name) in [
            (("UNDRIFT_TABLE", None), "UNDRIFT_TABLE"),
            (("UNDRIFT_TABLE", Some(" ")), "UNDRIFT_TABLE"),
            (("UNDRIFT_QUEUE_URL", None), "UNDRIFT_QUEUE_URL"),
            (("UNDRIFT_ROLE_ARN", None), "UNDRIFT_ROLE_ARN"),
            (
                ("UNDRIFT_ROLE_ARN", Some("arn:aws:iam::123456789012:user/x")),
                "UNDRIFT_ROLE_ARN",
            ),
            (("UNDRIFT_OWN_ROLES", Some("undo")), "UNDRIFT_OWN_ROLES"),
            (("UNDRIFT_DUTY", Some("both")), "UNDRIFT_DUTY"),
            (("AWS_REGION", Some("EU West")), "AWS_REGION"),
            (
                ("AWS_LAMBDA_FUNCTION_NAME", None),
                "AWS_LAMBDA_FUNCTION_NAME",
            ),
        ] {
            let error = with(&[change]).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("set it to"),
                "{error}"
            );
        }
    }

    #[test]
    fn notify_wants_a_topic() {
        let of = |topic: &str| {
            NotifyEnvironment::of(&|name| match name {
                "UNDRIFT_TABLE" => Some("t".to_owned()),
                "UNDRIFT_TOPIC_ARN" => Some(topic.to_owned()),
                _ => None,
            })
        };
        assert!(of("arn:aws:sns:eu-central-1:123456789012:undrift").is_ok());
        assert!(of("arn:aws:sqs:eu-central-1:123456789012:undrift").is_err());
    }

    #[test]
    fn notices_have_safe_addresses() {
        let of = |more: &[(&str, &str)]| {
            NotifyEnvironment::of(&|name| {
                let base = [
                    ("UNDRIFT_TABLE", "t"),
                    (
                        "UNDRIFT_TOPIC_ARN",
                        "arn:aws:sns:eu-central-1:123456789012:undrift",
                    ),
                ];
                let mut all = base.iter().chain(more);
                all.find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
            })
        };
        for (name, secret) in [
            ("UNDRIFT_SLACK_TOKEN_PARAMETER", "xoxb-123-hush"),
            (
                "UNDRIFT_SLACK_WEBHOOK_PARAMETER",
                "https://hooks.slack.com/services/hush",
            ),
        ] {
            let error = of(&[(name, secret)]).unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(said.contains(name) && !said.contains("hush"), "{said}");
        }
        let secrets = "/aws/reference/secretsmanager/slack-token";
        let named = of(&[("UNDRIFT_SLACK_TOKEN_PARAMETER", secrets)]).unwrap();
        assert_eq!(named.slack_token.as_deref(), Some(secrets));
        assert_eq!(of(&[]).unwrap().slack_url, "https://slack.com");
        for wrong in [
            ("UNDRIFT_SLACK_URL", "http://slack.com"),
            ("UNDRIFT_SLACK_URL", "http://127.0.0.1:80@evil.example/"),
            ("UNDRIFT_CHAT_TOPIC_ARN", "x"),
        ] {
            let error = of(&[wrong]).unwrap_err().to_string();
            assert!(error.contains(wrong.0), "{error}");
        }
        assert!(of(&[("UNDRIFT_SLACK_URL", "http://127.0.0.1:8080/")]).is_ok());
    }
}
