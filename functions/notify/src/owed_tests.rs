//! Settling, with marks in memory and a channel that fails.

use std::sync::Mutex;

use jiff::SignedDuration;
use serde_json::json;
use undrift_engine::port::CallError;

use super::*;
use crate::tell::fakes::{Fault, Kept, People, violation};

/// The queue; remembers what was put off, for how many seconds.
#[derive(Default)]
struct PutOff(Mutex<Vec<(String, u32)>>);

impl Postpone for PutOff {
    async fn postpone(&self, receipt: &str, seconds: u32) -> Result<(), CallError> {
        self.0.lock().unwrap().push((receipt.to_owned(), seconds));
        Ok(())
    }
}

fn batch(records: &[Record]) -> Batch {
    let messages = records.iter().map(|record| {
        let owed = Owed {
            key: record.key.clone(),
            revision: record.revision,
            channel: "people".into(),
        };
        let id = format!("{}r{}", record.key.event, record.revision);
        json!({
            "messageId": id, "receiptHandle": id, "body": serde_json::to_string(&owed).unwrap(),
            "attributes": {"ApproximateReceiveCount": "3"}
        })
    });
    let messages: Vec<_> = messages.collect();
    serde_json::from_value(json!({"Records": messages})).unwrap()
}

async fn run(records: &[Record], people: &People) -> (Vec<String>, Vec<(String, u32)>) {
    let marks = Kept {
        records: records.to_vec(),
        ..Kept::default()
    };
    let (metrics, put_off) = (Metrics::new("f", |_| {}), PutOff::default());
    let limit = Timestamp::now() + SignedDuration::from_millis(1500);
    let channels = std::slice::from_ref(people);
    let answer = settle(&batch(records), &marks, channels, &put_off, &metrics, limit).await;
    let failures = answer.batch_item_failures.into_iter();
    let put_off = put_off.0.into_inner().unwrap();
    (failures.map(|f| f.item_identifier).collect(), put_off)
}

fn people(script: &[Fault]) -> People {
    People {
        name: "people",
        threads: true,
        script: Mutex::new(script.iter().copied().collect()),
        ..People::default()
    }
}

#[tokio::test]
async fn what_is_owed_of_one_incident_becomes_one_message() {
    let people = people(&[]);
    // SQS keeps no order.
    let records = [
        violation("e-2", 1, "reverted"),
        violation("e-1", 2, "undone"),
        violation("e-1", 1, "reverted"),
    ];
    let (again, _) = run(&records, &people).await;
    assert!(again.is_empty());
    assert_eq!(
        people.told(),
        [
            "message e-1r1",
            "details e-1r1 under e-1r1",
            "edit e-1r1 to e-1r2",
            "details e-1r2 under e-1r1",
            "edit e-1r1 to e-2r1",
            "details e-2r1 under e-1r1",
        ]
    );
}

#[tokio::test]
async fn a_channel_is_left_alone_for_as_long_as_it_asks() {
    let people = people(&[Fault::Wait(30)]);
    let records = [
        violation("e-1", 1, "reverted"),
        violation("e-2", 1, "reverted"),
    ];
    let (again, put_off) = run(&records, &people).await;
    assert_eq!(again, ["e-1r1", "e-2r1"]);
    let all = ["e-1r1", "e-2r1"].map(|id| (id.to_owned(), 30));
    assert_eq!(put_off, all);
    assert!(people.told().is_empty());
}

#[tokio::test]
async fn what_is_refused_holds_up_no_other() {
    let people = people(&[Fault::Refuse; 3]);
    let mut elsewhere = violation("e-2", 1, "reverted");
    elsewhere.key.resource.id = undrift_core::name::ResourceId::parse("sg-2").unwrap();
    let records = [violation("e-1", 1, "reverted"), elsewhere];
    let (again, put_off) = run(&records, &people).await;
    assert_eq!(again, ["e-1r1"]);
    assert_eq!(put_off, [("e-1r1".to_owned(), wait(3))]);
    assert_eq!(
        people.told(),
        ["message e-2r1", "details e-2r1 under e-2r1"]
    );
}

#[test]
fn waits_double_up_to_a_quarter_of_an_hour() {
    assert_eq!(
        [0, 1, 2, 3, 9, 10, 40, u32::MAX].map(wait),
        [2, 2, 4, 8, 512, 900, 900, 900]
    );
}
