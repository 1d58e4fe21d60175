//! Who a caller is, as records show it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::client::{Client, Credentials};
use crate::model::Models;

/// The account moto gives to everyone it does not know.
pub(crate) const DEFAULT_ACCOUNT: &str = "123456789012";

/// A resolved caller.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Caller {
    /// The caller's ARN.
    pub arn: String,
    /// The account it acts in.
    pub account: String,
    /// The record's `userIdentity`.
    pub user_identity: Value,
}

/// Resolves access keys by asking the emulated STS, once per key.
#[derive(Debug)]
pub(crate) struct Identities {
    models: Arc<Models>,
    upstream: String,
    known: Mutex<HashMap<String, Arc<Caller>>>,
}

impl Identities {
    pub(crate) fn new(models: Arc<Models>, upstream: String) -> Self {
        Self {
            models,
            upstream,
            known: Mutex::new(HashMap::new()),
        }
    }

    /// The caller if it was resolved before.
    pub(crate) fn known(&self, access_key: &str) -> Option<Arc<Caller>> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(access_key)
            .cloned()
    }

    /// Forgets all, as after a reset of the account.
    pub(crate) fn clear(&self) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The caller behind an access key. A key that STS does not know is the user of that name, where it can be one,
    /// and else the user `local`.
    pub(crate) async fn resolve(&self, access_key: &str) -> Arc<Caller> {
        if let Some(known) = self.known(access_key) {
            return known;
        }
        let credentials = Credentials::new(access_key, "local");
        let client = Client::new(
            Arc::clone(&self.models),
            &self.upstream,
            credentials,
            "us-east-1",
        );
        let answer = client
            .call("sts", "GetCallerIdentity", Value::Null)
            .await
            .unwrap_or(Value::Null);
        let text = |name: &str| {
            answer
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (arn, account, id) = (text("Arn"), text("Account"), text("UserId"));
        let caller = if let Some((_, rest)) = arn.split_once(":assumed-role/") {
            let (role, session) = rest.split_once('/').unwrap_or((rest, ""));
            let found = client
                .call("iam", "GetRole", json!({ "RoleName": role }))
                .await
                .ok();
            let issuer = found
                .as_ref()
                .and_then(|found| found.pointer("/Role/Arn"))
                .and_then(Value::as_str);
            let issuer = issuer.map_or_else(
                || format!("arn:aws:iam::{account}:role/{role}"),
                str::to_owned,
            );
            let role_id = found
                .as_ref()
                .and_then(|found| found.pointer("/Role/RoleId"))
                .and_then(Value::as_str);
            let role_id = role_id.unwrap_or_else(|| id.split(':').next().unwrap_or_default());
            assumed_role(&arn, &account, role_id, session, &issuer, role, access_key)
        } else if arn.contains(":iam::") && arn.contains(":user/") {
            let name = arn.rsplit('/').next().unwrap_or_default();
            user(&arn, &account, &id, name, access_key)
        } else {
            let name = if is_name(access_key) {
                access_key
            } else {
                "local"
            };
            user(
                &format!("arn:aws:iam::{DEFAULT_ACCOUNT}:user/{name}"),
                DEFAULT_ACCOUNT,
                &format!("AIDA{}", name.to_ascii_uppercase()),
                name,
                access_key,
            )
        };
        let caller = Arc::new(caller);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(access_key.to_owned(), Arc::clone(&caller));
        caller
    }
}

/// Whether a key is a name that somebody chose, such as `ana` in `AWS_ACCESS_KEY_ID=ana`: an IAM user's name in lower
/// case, which no key of AWS is.
fn is_name(key: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+=,.@_-".contains(c);
    (1..=64).contains(&key.len()) && key.chars().all(fits)
}

fn user(arn: &str, account: &str, id: &str, name: &str, access_key: &str) -> Caller {
    Caller {
        arn: arn.to_owned(),
        account: account.to_owned(),
        user_identity: json!({
            "type": "IAMUser",
            "principalId": id,
            "arn": arn,
            "accountId": account,
            "accessKeyId": access_key,
            "userName": name,
        }),
    }
}

fn assumed_role(
    arn: &str,
    account: &str,
    role_id: &str,
    session: &str,
    issuer: &str,
    role: &str,
    access_key: &str,
) -> Caller {
    let now = jiff::Timestamp::now();
    let created = crate::record::second(now);
    Caller {
        arn: arn.to_owned(),
        account: account.to_owned(),
        user_identity: json!({
            "type": "AssumedRole",
            "principalId": format!("{role_id}:{session}"),
            "arn": arn,
            "accountId": account,
            "accessKeyId": access_key,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": role_id,
                    "arn": issuer,
                    "accountId": account,
                    "userName": role,
                },
                "attributes": { "creationDate": created, "mfaAuthenticated": "false" },
            },
        }),
    }
}
