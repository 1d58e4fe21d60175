use std::sync::Mutex;

use super::*;
use serde_json::json;

/// Functions `a` and `b`: `a` has two pages and a missed change, `b` fails.
#[derive(Default)]
struct Fake {
    asked: Mutex<Vec<Value>>,
    clock: Mutex<i64>,
    explained: Mutex<Vec<Value>>,
}

impl Fake {
    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let word = |v: &Value| v["undrift"].as_str().unwrap().to_owned();
        asked.iter().map(word).collect()
    }
}

fn resource() -> Value {
    json!({"account": "123456789012", "region": "eu-central-1", "kind": "ec2/security-group", "id": "sg-1"})
}

impl World for Fake {
    async fn ask(&self, function: &str, request: Value) -> Result<Value, String> {
        self.asked.lock().unwrap().push(request.clone());
        if function == "b" {
            return Err("b is down".to_owned());
        }
        if request["undrift"] == "missed" {
            return Ok(json!({"explained": self.explained.lock().unwrap().remove(0)}));
        }
        let first = request["cursor"]["from"].is_null();
        let missed = json!({
            "resource": resource(), "name": "sg-1", "since": "2026-01-01T00:00:00Z",
            "events": ["AuthorizeSecurityGroupIngress"], "shown": ["ssh"]
        });
        Ok(json!({"swept": {
            "kind": "ec2/security-group", "kinds": 1, "seen": 10, "undecided": 1, "findings": [],
            "missed": if first { json!([missed]) } else { json!([]) }, "unread": [],
            "next": if first { json!({"kind": 0, "from": "p2"}) } else { Value::Null }
        }}))
    }

    async fn records(&self, _: &Missed) -> Result<Vec<String>, String> {
        Ok(vec!["{}".to_owned()])
    }

    fn now(&self) -> Timestamp {
        let mut clock = self.clock.lock().unwrap();
        *clock += 1;
        Timestamp::from_second(*clock).unwrap()
    }
}

fn ways(until: i64) -> Ways {
    Ways {
        functions: vec!["a".to_owned(), "b".to_owned()],
        lag: SignedDuration::from_secs(900),
        dry_run: false,
        until: Timestamp::from_second(until).unwrap(),
    }
}

#[tokio::test]
async fn all_functions_are_asked_page_by_page_and_one_that_fails_is_told() {
    let fake = Fake::default();
    *fake.explained.lock().unwrap() = vec![json!({"ended": []})];
    let mut state = State::begin(Timestamp::UNIX_EPOCH);
    let progress = go_on(&fake, &ways(1000), &mut state).await;
    // What fails is asked for three times.
    let asked = ["sweep", "missed", "sweep", "sweep", "sweep", "sweep"];
    assert_eq!(fake.asked(), asked);
    assert!(progress.finished && progress.waiting == 0);
    assert_eq!((progress.counts.seen, progress.counts.undecided), (20, 2));
    assert_eq!(progress.unread.len(), 1, "{:?}", progress.unread);
    assert_eq!(progress.counts.unread, 1);
}

#[tokio::test]
async fn without_time_it_gets_on_by_a_step_and_goes_on_where_it_stood() {
    let fake = Fake::default();
    *fake.explained.lock().unwrap() = vec![json!({"ended": []})];
    let mut state = State::begin(Timestamp::UNIX_EPOCH);
    let mut finished = 0;
    for step in ["sweep", "missed", "sweep", "sweep", "sweep", "sweep"] {
        let progress = go_on(&fake, &ways(0), &mut state).await;
        assert_eq!(fake.asked().last().unwrap(), step);
        // Through the table and back.
        state = serde_json::from_value(serde_json::to_value(&state).unwrap()).unwrap();
        finished += usize::from(progress.finished);
    }
    assert_eq!((finished, state.counts.seen), (1, 20));
}

#[tokio::test]
async fn an_event_is_looked_for_as_long_as_it_may_still_come() {
    let fake = Fake::default();
    *fake.explained.lock().unwrap() = vec![json!({"later": "none yet"}), json!({"ended": []})];
    let mut state = State::begin(Timestamp::UNIX_EPOCH);
    let progress = go_on(&fake, &ways(30), &mut state).await;
    assert!(progress.finished && progress.waiting == 1);
    *fake.clock.lock().unwrap() = 2000;
    let progress = go_on(&fake, &ways(0), &mut state).await;
    assert_eq!(progress.waiting, 0);
    let asked = fake.asked.lock().unwrap();
    let missed: Vec<&Value> = asked.iter().filter(|a| a["undrift"] == "missed").collect();
    assert_eq!(
        (&missed[0]["all"], &missed[1]["all"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn a_dry_run_has_nothing_decided() {
    let fake = Fake::default();
    let mut state = State::begin(Timestamp::UNIX_EPOCH);
    let dry = Ways {
        dry_run: true,
        ..ways(1000)
    };
    let progress = go_on(&fake, &dry, &mut state).await;
    assert_eq!(fake.asked(), ["sweep"; 5]);
    assert_eq!(progress.findings.len(), 1);
    assert!(
        fake.asked
            .lock()
            .unwrap()
            .iter()
            .all(|a| a["dry_run"] == true)
    );
}
