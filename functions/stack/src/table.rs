//! The resources of one's own that Undrift needs.

use serde_json::{Value, json};
use undrift_aws::journal::keys::{LEASE, OPEN};
use undrift_local::{ApiError, Client};

/// The table's name.
pub(crate) const TABLE: &str = "undrift";

/// Makes the table with its index of what is open; gives its stream's ARN.
pub(crate) async fn table(admin: &Client) -> Result<String, ApiError> {
    let made = admin
        .call(
            "dynamodb",
            "CreateTable",
            json!({
                "TableName": TABLE,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                    {"AttributeName": OPEN, "AttributeType": "S"},
                    {"AttributeName": LEASE, "AttributeType": "N"}
                ],
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"}
                ],
                "GlobalSecondaryIndexes": [{
                    "IndexName": OPEN,
                    "KeySchema": [
                        {"AttributeName": OPEN, "KeyType": "HASH"},
                        {"AttributeName": LEASE, "KeyType": "RANGE"}
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"}
                }],
                "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}
            }),
        )
        .await?;
    Ok(text(&made, "/TableDescription/LatestStreamArn"))
}

/// A queue that takes what topics publish.
pub(crate) struct Inbox {
    /// Its address.
    pub(crate) url: String,
    arn: String,
}

/// Makes the queue.
pub(crate) async fn inbox(admin: &Client) -> Result<Inbox, ApiError> {
    let queue = admin
        .call("sqs", "CreateQueue", json!({"QueueName": "undrift-inbox"}))
        .await?;
    let url = text(&queue, "/QueueUrl");
    let input = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
    let arn = admin.call("sqs", "GetQueueAttributes", input).await?;
    let arn = text(&arn, "/Attributes/QueueArn");
    Ok(Inbox { url, arn })
}

/// Makes a topic that the queue is subscribed to; gives its ARN.
pub(crate) async fn topic(admin: &Client, name: &str, inbox: &Inbox) -> Result<String, ApiError> {
    let topic = admin
        .call("sns", "CreateTopic", json!({"Name": name}))
        .await?;
    let topic = text(&topic, "/TopicArn");
    let input = json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": inbox.arn});
    admin.call("sns", "Subscribe", input).await?;
    Ok(topic)
}

pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
