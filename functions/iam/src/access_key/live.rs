//! Access keys through the SDK: reading them, and sending the call of a plan.

use aws_sdk_iam::Client;
use aws_sdk_iam::operation::list_access_keys::ListAccessKeysOutput;
use aws_sdk_iam::types::StatusType;
use serde_json::Value;
use undrift_aws::client::{AnswerDate, LISTED, classify, found, listed, malformed};
use undrift_core::kind::{Call, Facet, Image, ResourceRef};
use undrift_engine::port::{CallError, Listed, Seen, Sent};

use super::{STATUS, names, status};

/// Whether a key can be used. IAM lists a user's keys; it gives at most two.
pub(crate) async fn read(client: &Client, key: &ResourceRef) -> Result<Seen, CallError> {
    let operation = "iam:ListAccessKeys";
    let wrong = |why: &str| malformed(operation, &key.to_string(), why);
    let (user, id) = names(key.id.as_str()).ok_or_else(|| wrong("it is no key of a user's"))?;
    let dated = AnswerDate::default();
    let answer = client
        .list_access_keys()
        .user_name(user)
        .customize()
        .interceptor(dated.clone())
        .send()
        .await
        .map_err(|e| classify(&e, operation, &key.to_string()));
    let answer = found(answer)?;
    let keys = answer.as_ref().map_or(&[][..], |a| a.access_key_metadata());
    let mut keys = keys.iter().filter(|k| k.access_key_id() == Some(id));
    let image = match keys.next() {
        None => None,
        Some(found) => {
            let is = found.status().ok_or_else(|| wrong("it shows no status"))?;
            Some(Image::of([(STATUS, Facet::from([status(is.as_str())]))]))
        }
    };
    Ok(Seen {
        image,
        path: None,
        at: dated.at(),
    })
}

/// Sends the call of a plan.
pub(crate) async fn send(client: &Client, call: &Call) -> Result<Sent, CallError> {
    use aws_sdk_iam::operation::RequestId as _;
    let text = |member: &str| call.input.get(member).and_then(Value::as_str);
    let key = text("AccessKeyId").unwrap_or_default();
    let answer = client
        .update_access_key()
        .set_user_name(text("UserName").map(str::to_owned))
        .access_key_id(key)
        .set_status(text("Status").map(StatusType::from))
        .send()
        .await
        .map_err(|e| classify(&e, "iam:UpdateAccessKey", key))?;
    Ok(Sent {
        request_id: answer.request_id().map(str::to_owned),
    })
}

/// The keys of a page of users. IAM has no list of all keys.
pub(crate) async fn list(client: &Client, from: Option<&str>) -> Result<Listed, CallError> {
    let page = client
        .list_users()
        .max_items(LISTED)
        .set_marker(from.map(str::to_owned))
        .send()
        .await
        .map_err(|e| classify(&e, "iam:ListUsers", "all users"))?;
    let mut ids = Vec::new();
    for user in page.users() {
        let operation = "iam:ListAccessKeys";
        let name = user.user_name();
        let answer = client.list_access_keys().user_name(name).send().await;
        let answer = found(answer.map_err(|e| classify(&e, operation, name)))?;
        for key in answer
            .iter()
            .flat_map(ListAccessKeysOutput::access_key_metadata)
        {
            let key = key.access_key_id();
            let key = key.ok_or_else(|| malformed(operation, name, "one has no id"))?;
            ids.push(format!("{name}/{key}"));
        }
    }
    let next = page.marker().filter(|_| page.is_truncated());
    listed(
        "iam:ListAccessKeys",
        ids.iter().map(|id| Some(id.as_str())),
        next,
    )
}
