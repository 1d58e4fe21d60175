//! Reading back what Undrift wrote.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use undrift_aws::journal::attribute::{Item, ItemError};
use undrift_aws::journal::items::{is_record, read_record};
use undrift_core::record::{ChangeKey, Record};
use undrift_local::{ApiError, Client};

use crate::table::TABLE;

/// Why the journal could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The table can't be read.
    #[error("the table can't be read: {0}")]
    Api(#[from] ApiError),
    /// An item is none.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// An item is no JSON of the right shape.
    #[error("an item can't be read: {0}")]
    Json(#[from] serde_json::Error),
}

/// Every item of the table.
pub(crate) async fn items(admin: &Client) -> Result<Vec<Item>, ReadError> {
    let mut all = Vec::new();
    let mut from: Option<Value> = None;
    loop {
        let mut input = json!({"TableName": TABLE, "ConsistentRead": true});
        if let (Some(key), Some(members)) = (from.take(), input.as_object_mut()) {
            members.insert("ExclusiveStartKey".to_owned(), key);
        }
        let page = admin.call("dynamodb", "Scan", input).await?;
        for item in page
            .get("Items")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            all.push(serde_json::from_value(item.clone())?);
        }
        from = page
            .get("LastEvaluatedKey")
            .filter(|k| k.as_object().is_some_and(|k| !k.is_empty()))
            .cloned();
        if from.is_none() {
            return Ok(all);
        }
    }
}

/// Every revision of every record, oldest event first, revisions in order.
pub(crate) async fn revisions(admin: &Client) -> Result<Vec<Record>, ReadError> {
    let mut records = Vec::new();
    for item in items(admin).await? {
        if is_record(&item) {
            records.push(read_record(&item)?);
        }
    }
    records.sort_by(|a, b| {
        (a.happened(), &a.key, a.revision).cmp(&(b.happened(), &b.key, b.revision))
    });
    Ok(records)
}

/// The highest revision of each record, oldest event first.
pub(crate) fn latest(revisions: Vec<Record>) -> Vec<Record> {
    let mut last: BTreeMap<ChangeKey, Record> = BTreeMap::new();
    for record in revisions {
        last.insert(record.key.clone(), record);
    }
    let mut records: Vec<Record> = last.into_values().collect();
    records.sort_by_key(|r| (r.happened(), r.stages.closed));
    records
}
