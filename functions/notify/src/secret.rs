//! Tokens and addresses that nobody else may read, from SSM's Parameter Store; or from Secrets
//! Manager through it (Systems Manager User Guide, "Referencing AWS Secrets Manager secrets from
//! Parameter Store parameters": `/aws/reference/secretsmanager/<name>`).

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use tokio::sync::Mutex;
use tokio::time::Instant;
use undrift_aws::client::classify;

use crate::channel::Failure;

/// How long a value that was read counts.
const FRESH: Duration = Duration::from_mins(5);

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that needs it.
    #[must_use]
    pub fn show(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// A secret by its parameter's name.
#[derive(Debug)]
pub struct Secret {
    client: Client,
    parameter: String,
    read: Mutex<Option<(Instant, Hidden)>>,
}

impl Secret {
    /// The secret in the parameter of that name.
    #[must_use]
    pub fn new(config: &SdkConfig, parameter: String) -> Self {
        Self {
            client: Client::new(config),
            parameter,
            read: Mutex::new(None),
        }
    }

    /// The value; read at most once in five minutes, unless it was forgotten.
    pub async fn get(&self) -> Result<Hidden, Failure> {
        let mut read = self.read.lock().await;
        if let Some((at, value)) = &*read
            && at.elapsed() < FRESH
        {
            return Ok(value.clone());
        }
        let name = &self.parameter;
        let asked = self.client.get_parameter().name(name).with_decryption(true);
        let answer = asked
            .send()
            .await
            .map_err(|e| Failure::not(classify(&e, "ssm:GetParameter", name).to_string()))?;
        let value = answer.parameter.and_then(|p| p.value).unwrap_or_default();
        let value = value.trim();
        if value.is_empty() {
            return Err(Failure::not(format!("the parameter {name} is empty")));
        }
        let value = Hidden::new(value);
        *read = Some((Instant::now(), value.clone()));
        Ok(value)
    }

    /// The value was refused: it is read anew the next time.
    pub async fn forget(&self) {
        *self.read.lock().await = None;
    }
}
