//! The resources of one's own that Undrift needs.

use serde_json::{Value, json};
use undrift_local::{ApiError, Client};

/// The table's name.
pub(crate) const TABLE: &str = "undrift";

/// Makes the table; gives its stream's ARN.
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
                    {"AttributeName": "sk", "AttributeType": "S"}
                ],
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"}
                ],
                "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}
            }),
        )
        .await?;
    Ok(text(&made, "/TableDescription/LatestStreamArn"))
}

/// Makes the topic, and a queue that is subscribed to it; gives the topic's ARN and the queue's
/// address.
pub(crate) async fn topic(admin: &Client) -> Result<(String, String), ApiError> {
    let topic = admin
        .call("sns", "CreateTopic", json!({"Name": "undrift"}))
        .await?;
    let topic = text(&topic, "/TopicArn");
    let queue = admin
        .call("sqs", "CreateQueue", json!({"QueueName": "undrift-inbox"}))
        .await?;
    let queue = text(&queue, "/QueueUrl");
    let arn = admin
        .call(
            "sqs",
            "GetQueueAttributes",
            json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]}),
        )
        .await?;
    let arn = text(&arn, "/Attributes/QueueArn");
    admin
        .call(
            "sns",
            "Subscribe",
            json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn}),
        )
        .await?;
    Ok((topic, queue))
}

pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
