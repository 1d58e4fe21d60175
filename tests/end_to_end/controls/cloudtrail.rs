//! Trails.

use serde_json::{Value, json};
use undrift_local::Client;

use super::{Control, call};

/// A trail that is stopped.
pub(crate) struct Stopped;

impl Control for Stopped {
    const POLICY: &str = "cloudtrail-logging-stopped";

    async fn make(by: &Client, name: &str) -> String {
        let bucket = json!({"Bucket": "trails",
            "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}});
        // The second time it is there already.
        let _ = by.call("s3", "CreateBucket", bucket).await;
        let input = json!({"Name": name, "S3BucketName": "trails"});
        call(by, "cloudtrail", "CreateTrail", input).await;
        Self::mend(by, name).await;
        name.to_owned()
    }

    async fn bad(by: &Client, id: &str) {
        call(by, "cloudtrail", "StopLogging", json!({"Name": id})).await;
    }

    async fn worse(by: &Client, id: &str) {
        // By its ARN, which is the same trail.
        let trails = call(
            by,
            "cloudtrail",
            "DescribeTrails",
            json!({"trailNameList": [id]}),
        )
        .await;
        let arn = trails["trailList"][0]["TrailARN"].clone();
        call(by, "cloudtrail", "StopLogging", json!({"Name": arn})).await;
    }

    async fn no_op(by: &Client, id: &str) {
        Self::mend(by, id).await;
    }

    async fn mend(by: &Client, id: &str) {
        call(by, "cloudtrail", "StartLogging", json!({"Name": id})).await;
    }

    async fn edit(by: &Client, id: &str) {
        let input = json!({"Name": id, "IncludeGlobalServiceEvents": false});
        call(by, "cloudtrail", "UpdateTrail", input).await;
    }

    async fn delete(by: &Client, id: &str) {
        call(by, "cloudtrail", "DeleteTrail", json!({"Name": id})).await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        let trails = call(
            by,
            "cloudtrail",
            "DescribeTrails",
            json!({"trailNameList": [id]}),
        )
        .await;
        let status = call(by, "cloudtrail", "GetTrailStatus", json!({"Name": id})).await;
        json!({"trail": trails["trailList"][0], "logging": status["IsLogging"]})
    }
}
