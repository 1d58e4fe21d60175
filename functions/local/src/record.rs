//! The CloudTrail record of a call, and the EventBridge event that carries it.

use serde_json::{Value, json};

use crate::encoder::{self, Place};
use crate::identity::Caller;
use crate::ids;
use crate::model::Service;
use crate::response::Understood;

/// Services whose records say `us-east-1`, wherever they are called.
const GLOBAL: [&str; 5] = ["iam", "sts", "organizations", "cloudfront", "route53"];

/// What a record is made of.
pub(crate) struct Done<'a> {
    pub(crate) service: &'a Service,
    pub(crate) operation: &'a str,
    pub(crate) input: &'a Value,
    pub(crate) status: u16,
    pub(crate) answer: &'a Understood,
    pub(crate) caller: &'a Caller,
    pub(crate) region: &'a str,
    pub(crate) source_ip: &'a str,
    pub(crate) user_agent: &'a str,
    pub(crate) at: jiff::Timestamp,
}

/// A time as records have it: whole seconds, cut, in UTC.
pub(crate) fn second(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Done<'_> {
    /// The event, as EventBridge delivers it.
    pub(crate) fn envelope(&self) -> Value {
        let region = if GLOBAL.contains(&self.service.name.as_str()) {
            "us-east-1"
        } else {
            self.region
        };
        let source = encoder::event_source(self.service);
        let short = source.split('.').next().unwrap_or_default();
        json!({
            "version": "0",
            "id": ids::uuid(),
            "detail-type": "AWS API Call via CloudTrail",
            "source": format!("aws.{short}"),
            "account": self.caller.account,
            "time": second(self.at),
            "region": region,
            "resources": [],
            "detail": self.record(region, &source),
        })
    }

    fn record(&self, region: &str, source: &str) -> Value {
        let place = Place {
            account: &self.caller.account,
            region,
        };
        let request_id = self.answer.request_id.as_deref().unwrap_or_default();
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": self.caller.user_identity,
            "eventTime": second(self.at),
            "eventSource": source,
            "eventName": encoder::event_name(self.service, self.operation),
            "awsRegion": region,
            "sourceIPAddress": self.source_ip,
            "userAgent": self.user_agent,
            "requestParameters": encoder::request_parameters(self.service, self.operation, self.input, place),
            "responseElements": null,
            "requestID": request_id,
            "eventID": ids::uuid(),
            "readOnly": false,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": self.caller.account,
            "eventCategory": "Management",
        });
        let Value::Object(members) = &mut record else {
            return record;
        };
        if let Some(refusal) = &self.answer.refusal {
            let code = encoder::error_code(self.service, self.status, &refusal.code);
            members.insert("errorCode".into(), Value::from(code));
            members.insert("errorMessage".into(), Value::from(refusal.message.clone()));
        } else {
            let elements = encoder::response_elements(
                self.service,
                self.operation,
                &self.answer.output,
                request_id,
                place,
            );
            members.insert("responseElements".into(), elements);
        }
        record
    }
}
