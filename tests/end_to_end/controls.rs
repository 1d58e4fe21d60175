//! Every control through the same scenes, on the local account, by the real binaries: what is
//! wrong goes back to exactly what was there, whatever else happens meanwhile.
//!
//! A control is one type that says how its resource is made, spoilt and looked at, and one line at
//! the end of this file.

pub(crate) mod cloudtrail;
pub(crate) mod ec2;
pub(crate) mod iam;
pub(crate) mod s3;
mod tally;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use undrift_core::policy::Mode;
use undrift_core::record::{Cause, OutcomeKind, Record};
use undrift_local::{Client, QueueFaults};
use undrift_stack::{Asked, Deployment, Finding};
use undrift_tests::rounds::{ROUND_TRIP, golden, rounds};
use undrift_tests::sandbox::{Sandbox, binaries, next_second, root};

/// How a control's resource is made and changed. All of it by calls that anybody could make.
pub(crate) trait Control {
    /// The policy's id.
    const POLICY: &str;
    /// Where its events come.
    const REGION: &str = "eu-central-1";
    /// Changes of one resource can be told apart by name: it can be made anew under the same.
    const NAMED: bool = true;
    /// There is only one of it: each scene has an account of its own.
    const ONLY_ONE: bool = false;
    /// The live state alone tells that it is wrong.
    const SEEN: bool = true;

    /// Makes what is in the account before anybody looks; no event tells of it.
    async fn prepare(by: &Client) {
        let _ = by;
    }
    /// Makes one that is right, with neighbours of what will be spoilt; gives its id.
    async fn make(by: &Client, name: &str) -> String;
    /// Spoils it.
    async fn bad(by: &Client, id: &str);
    /// Spoils it in another way.
    async fn worse(by: &Client, id: &str);
    /// A call that is like the bad one and changes nothing.
    async fn no_op(by: &Client, id: &str);
    /// Puts right what `bad` made, as a person would.
    async fn mend(by: &Client, id: &str);
    /// Changes something else of it.
    async fn edit(by: &Client, id: &str);
    /// Deletes it.
    async fn delete(by: &Client, id: &str);
    /// All of it, but for what AWS assigns.
    async fn state(by: &Client, id: &str) -> Value;
}

/// Sends a call that must succeed.
async fn call(by: &Client, service: &str, operation: &str, input: Value) -> Value {
    match by.call(service, operation, input.clone()).await {
        Ok(answer) => answer,
        Err(e) => panic!("{service}:{operation} {input}: {e}"),
    }
}

pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) admin: Client,
    pub(crate) maya: Client,
    pub(crate) service: String,
}

impl Stage {
    async fn of<C: Control>() -> Self {
        Self::with::<C>(Deployment::new(&root(), binaries().await)).await
    }

    pub(crate) async fn with<C: Control>(mut deployment: Deployment) -> Self {
        // Those that only observe or ask show here what they would do.
        deployment.documents = Box::new(|documents| {
            for document in &mut documents.policies {
                document.policy.mode = Mode::Revert;
            }
        });
        let sandbox = Sandbox::deploy_in(C::REGION, deployment).await;
        let service = C::POLICY.split('-').next().unwrap().to_owned();
        let admin = sandbox.account.admin();
        C::prepare(&admin).await;
        Self {
            admin,
            maya: sandbox.user("maya").await,
            sandbox,
            service,
        }
    }

    /// Everything that is sent to the service's queue comes later by so much.
    fn delay(&self, by: Duration) {
        self.sandbox.stack.services[&self.service]
            .queue
            .set_faults(QueueFaults {
                delay: (by, by),
                ..QueueFaults::default()
            });
    }

    /// Nothing arrives.
    fn lose(&self, all: bool) {
        let loss = if all { 1.0 } else { 0.0 };
        self.sandbox.stack.services[&self.service]
            .queue
            .set_faults(QueueFaults {
                loss,
                ..QueueFaults::default()
            });
    }

    fn deliver(&self, envelope: &Value) {
        let queue = &self.sandbox.stack.services[&self.service].queue;
        self.sandbox.account.deliver(queue, envelope);
    }

    /// Sweeps once; what was found.
    async fn sweep(&self, dry_run: bool) -> Vec<Finding> {
        let swept = self.sandbox.stack.sweep(dry_run).await.unwrap();
        for progress in &swept {
            assert!(progress.unread.is_empty(), "{:#?}", progress.unread);
        }
        swept.into_iter().flat_map(|p| p.findings).collect()
    }

    /// Makes one, and lets Undrift see it.
    async fn make<C: Control>(&self, name: &str) -> (String, Value) {
        let id = C::make(&self.maya, name).await;
        self.sandbox.settle().await;
        // What was read is before only what comes later than any clock may be behind.
        for _ in 0..3 {
            next_second().await;
        }
        let s0 = C::state(&self.admin, &id).await;
        (id, s0)
    }

    pub(crate) async fn records(&self, id: &str) -> Vec<Record> {
        let mut records = self.sandbox.records().await;
        records.retain(|r| r.key.resource.id.as_str() == id);
        records
    }

    /// The record of a revert, under the control's policy, of a change made since.
    async fn reverted<C: Control>(&self, id: &str, since: Timestamp) -> Record {
        let is_it = |r: &Record| {
            let acted = r.assessments.iter().filter(|a| !a.evidence.is_empty());
            let mut policies = acted.map(|a| a.policy.as_str());
            let made = match &r.cause {
                Cause::Change(change) => change.time,
                Cause::Undo { .. } | Cause::Approval { .. } | Cause::Sweep { .. } => return false,
            };
            r.key.resource.id.as_str() == id
                && r.outcome.kind == OutcomeKind::Reverted
                && made.as_second() >= since.as_second()
                && policies.any(|p| p == C::POLICY)
        };
        self.sandbox.record(is_it).await
    }

    /// Spoils it, and waits until it is put back.
    async fn spoilt<C: Control>(&self, id: &str) -> Record {
        let since = Timestamp::now();
        C::bad(&self.maya, id).await;
        let record = self.reverted::<C>(id, since).await;
        self.sandbox.settle().await;
        record
    }
}

/// The event of the newest change to a resource by its policy's calls.
fn newest(events: &mut Receiver<Value>, name_of: &Record) -> Value {
    let id = name_of.key.event.as_str();
    let mut found = Value::Null;
    while let Ok(event) = events.try_recv() {
        if event["detail"]["eventID"] == json!(id) {
            found = event;
        }
    }
    assert!(!found.is_null(), "no event {id}");
    found
}

/// Spoilt, put back, and undone; what a colleague does meanwhile survives all of it.
async fn round_trip<C: Control>(stage: &Stage) {
    let (id, s0) = stage.make::<C>("trip").await;
    let record = stage.spoilt::<C>(&id).await;
    assert_eq!(C::state(&stage.admin, &id).await, s0, "not as before");
    next_second().await;
    C::edit(&stage.maya, &id).await;
    stage.sandbox.settle().await;
    let edited = C::state(&stage.admin, &id).await;
    let undone = stage
        .sandbox
        .stack
        .undo(&record.key, "maya", "a test")
        .await;
    assert!(matches!(undone, Ok(Asked::Done(_))), "{undone:?}");
    stage.sandbox.settle().await;
    let now = C::state(&stage.admin, &id).await;
    // The same, done by hand past the trail.
    C::delete(&stage.admin, &id).await;
    let twin = C::make(&stage.admin, "trip").await;
    C::bad(&stage.admin, &twin).await;
    let changed = C::state(&stage.admin, &twin).await;
    C::edit(&stage.admin, &twin).await;
    let wanted = C::state(&stage.admin, &twin).await;
    assert_ne!(edited, wanted);
    assert_ne!(changed, wanted, "the colleague's edit can't be seen");
    assert_eq!(now, wanted, "not as changed");
    C::delete(&stage.admin, &twin).await;
}

/// Undo is refused where somebody has written the same element since.
async fn undo_is_refused<C: Control>(stage: &Stage) {
    let (id, _) = stage.make::<C>("touched").await;
    let record = stage.spoilt::<C>(&id).await;
    // Past the trail, so that nothing but the undo looks at it.
    C::bad(&stage.admin, &id).await;
    let before = C::state(&stage.admin, &id).await;
    let undone = stage
        .sandbox
        .stack
        .undo(&record.key, "maya", "a test")
        .await;
    assert!(matches!(undone, Ok(Asked::Moved(_))), "{undone:?}");
    assert_eq!(C::state(&stage.admin, &id).await, before);
    C::delete(&stage.admin, &id).await;
}

/// The same event again, a call that failed, and one that changed nothing, do nothing.
async fn nothing_comes_of_nothing<C: Control>(stage: &Stage) {
    let mut events = stage.sandbox.account.subscribe();
    let (id, s0) = stage.make::<C>("nothing").await;
    let record = stage.spoilt::<C>(&id).await;
    let envelope = newest(&mut events, &record);
    let records = stage.records(&id).await;
    stage.deliver(&envelope);
    let mut failed = envelope.clone();
    failed["detail"]["eventID"] = json!("00000000-0000-0000-0000-00000000fa11");
    failed["detail"]["errorCode"] = json!("AccessDenied");
    stage.deliver(&failed);
    next_second().await;
    C::no_op(&stage.maya, &id).await;
    let after = stage.records(&id).await;
    let acted = |all: &[Record]| {
        let all = all.iter().filter(|r| !r.sent.is_empty());
        all.map(|r| (r.key.clone(), r.revision)).collect::<Vec<_>>()
    };
    assert_eq!(acted(&after), acted(&records));
    assert_eq!(C::state(&stage.admin, &id).await, s0);
    C::delete(&stage.admin, &id).await;
}

/// Two bad changes before anybody looks.
async fn two_in_a_row<C: Control>(stage: &Stage) {
    let (id, s0) = stage.make::<C>("twice").await;
    stage.delay(Duration::from_secs(3));
    let since = Timestamp::now();
    C::bad(&stage.maya, &id).await;
    next_second().await;
    C::worse(&stage.maya, &id).await;
    stage.reverted::<C>(&id, since).await;
    stage.delay(Duration::ZERO);
    stage.sandbox.settle().await;
    let records = stage.records(&id).await;
    assert_eq!(C::state(&stage.admin, &id).await, s0, "{records:#?}");
    C::delete(&stage.admin, &id).await;
}

/// The event of an older bad change comes after a newer one was handled.
async fn a_late_older_event<C: Control>(stage: &Stage) {
    let mut events = stage.sandbox.account.subscribe();
    let (id, s0) = stage.make::<C>("late").await;
    while events.try_recv().is_ok() {}
    stage.lose(true);
    C::bad(&stage.maya, &id).await;
    let late = events.recv().await.unwrap();
    stage.lose(false);
    next_second().await;
    C::worse(&stage.maya, &id).await;
    stage.sandbox.settle().await;
    stage.deliver(&late);
    stage.sandbox.settle().await;
    let records = stage.records(&id).await;
    let now = C::state(&stage.admin, &id).await;
    assert_eq!(now, s0, "{records:#?}");
    C::delete(&stage.admin, &id).await;
}

/// A person was faster.
async fn others_are_first<C: Control>(stage: &Stage) {
    let (id, s0) = stage.make::<C>("others").await;
    stage.delay(Duration::from_secs(2));
    C::bad(&stage.maya, &id).await;
    next_second().await;
    C::mend(&stage.maya, &id).await;
    stage.sandbox.settle().await;
    stage.delay(Duration::ZERO);
    let records = stage.records(&id).await;
    assert_eq!(C::state(&stage.admin, &id).await, s0);
    assert!(records.iter().all(|r| r.sent.is_empty()), "{records:#?}");
    let closed = |r: &Record| r.outcome.kind == OutcomeKind::ClosedByOthers;
    assert!(records.iter().any(closed), "{records:#?}");
    C::delete(&stage.admin, &id).await;
}

/// It is another one of the same name when the event comes.
async fn made_anew<C: Control>(stage: &Stage) {
    if !C::NAMED {
        return;
    }
    let (id, s0) = stage.make::<C>("anew").await;
    stage.delay(Duration::from_secs(3));
    C::bad(&stage.maya, &id).await;
    C::delete(&stage.maya, &id).await;
    let again = C::make(&stage.maya, "anew").await;
    assert_eq!(again, id);
    stage.sandbox.settle().await;
    stage.delay(Duration::ZERO);
    let records = stage.records(&id).await;
    assert_eq!(C::state(&stage.admin, &id).await, s0, "{records:#?}");
    assert!(records.iter().all(|r| r.sent.is_empty()), "{records:#?}");
    C::delete(&stage.admin, &id).await;
}

/// No event tells; the sweep finds it, and by CloudTrail's history who did it.
async fn a_missed_change<C: Control>(stage: &Stage) {
    if !C::SEEN {
        return;
    }
    // Wrong from the first: nobody knows since when.
    let mut older = None;
    if !C::ONLY_ONE {
        stage.lose(true);
        let old = C::make(&stage.maya, "older").await;
        C::bad(&stage.maya, &old).await;
        stage.sandbox.settle().await;
        stage.lose(false);
        older = Some((C::state(&stage.admin, &old).await, old));
    }
    let (id, s0) = stage.make::<C>("missed").await;
    let found = stage.sweep(false).await;
    if let Some((state, old)) = &older {
        // The gap that a stopped trail left may have been swept already.
        let records = stage.records(old).await;
        let reported = |r: &&Record| r.cause == Cause::Sweep { since: None };
        let reported: Vec<_> = records.iter().filter(reported).collect();
        assert!(
            matches!(reported[..], [r] if r.outcome.kind == OutcomeKind::Left),
            "{records:#?}"
        );
        assert_eq!(
            C::state(&stage.admin, old).await,
            *state,
            "what is older is only reported"
        );
    }
    let wrong = |f: &&Finding| {
        f.resource.id.as_str() == id && f.policies.iter().any(|p| p.as_str() == C::POLICY)
    };
    // Parts of it that no call of the scene ever set may be older wrongs.
    let older_parts = found.iter().filter(wrong);
    assert!(
        older_parts
            .clone()
            .all(|f| f.outcome == Some(OutcomeKind::Left)),
        "{found:#?}"
    );
    next_second().await;
    stage.lose(true);
    C::bad(&stage.maya, &id).await;
    stage.sandbox.settle().await;
    stage.lose(false);
    let spoilt = C::state(&stage.admin, &id).await;
    let dry = stage.sweep(true).await;
    assert!(dry.iter().any(|f| f.resource.id.as_str() == id), "{dry:#?}");
    assert_eq!(C::state(&stage.admin, &id).await, spoilt, "a dry run");
    let found = stage.sweep(false).await;
    let records = stage.records(&id).await;
    assert_eq!(
        C::state(&stage.admin, &id).await,
        s0,
        "{found:#?} {records:#?}"
    );
    let by_maya = |r: &Record| match &r.cause {
        Cause::Change(change) => change.actor.short() == "maya",
        _ => false,
    };
    let back = |r: &&Record| r.outcome.kind == OutcomeKind::Reverted;
    assert!(records.iter().filter(back).all(by_maya), "{records:#?}");
    assert_eq!(records.iter().filter(back).count(), 1, "{records:#?}");
    stage.sandbox.settle().await;
    let again = stage.sweep(false).await;
    assert!(again.is_empty(), "told twice: {again:#?}");
    if let Some((_, old)) = &older {
        C::delete(&stage.admin, old).await;
    }
    C::delete(&stage.admin, &id).await;
}

/// Calls and rounds until closed, counted at the wire.
async fn counted<C: Control>(stage: &Stage) -> String {
    let role = format!("undrift-{}", stage.service);
    let mut tries = 0;
    let measure = async || {
        tries += 1;
        let (id, _) = stage.make::<C>(&format!("counted-{tries}")).await;
        let faults = stage.sandbox.account.faults();
        faults.set_latency(ROUND_TRIP, ROUND_TRIP);
        stage.sandbox.account.wire().clear();
        let record = stage.spoilt::<C>(&id).await;
        faults.set_latency(Duration::ZERO, Duration::ZERO);
        let told = rounds(&stage.sandbox, &role, &record);
        C::delete(&stage.admin, &id).await;
        told
    };
    golden(&format!("controls/{}.txt", C::POLICY), measure).await
}

async fn every_scene<C: Control>() {
    let mut stage = Stage::of::<C>().await;
    let rounds = counted::<C>(&stage).await;
    macro_rules! play {
        ($($scene:ident)*) => {
            $(if C::ONLY_ONE {
                stage = Stage::of::<C>().await;
            }
            $scene::<C>(&stage).await;)*
        };
    }
    play!(round_trip undo_is_refused nothing_comes_of_nothing two_in_a_row a_late_older_event
        others_are_first made_anew a_missed_change);
    tally::passed(C::POLICY, &rounds, CONTROLS);
}

macro_rules! controls {
    ($($test:ident: $control:ty;)*) => {
        $(#[tokio::test]
        async fn $test() {
            every_scene::<$control>().await;
        })*

        const CONTROLS: usize = [$(<$control as Control>::POLICY),*].len();

        /// No shipped policy is without its scenes.
        #[test]
        fn every_shipped_policy_is_played() {
            let shipped = undrift_documents::load(&root().join("policies")).unwrap();
            let played = [$(<$control as Control>::POLICY),*];
            for document in &shipped.policies {
                let id = document.policy.id.as_str();
                assert!(played.contains(&id), "no scenes for {id}");
            }
        }
    };
}

/// Gives all controls, each with a name for its tests, to a macro.
macro_rules! every_control {
    ($give:ident) => {
        $give! {
            a_group_open_on_an_administration_port: crate::controls::ec2::OpenGroup<22>;
            a_group_open_on_a_database_port: crate::controls::ec2::OpenGroup<5432>;
            a_group_open_on_any_port: crate::controls::ec2::OpenGroup<8080>;
            a_shared_snapshot: crate::controls::ec2::Shared<false>;
            a_shared_image: crate::controls::ec2::Shared<true>;
            an_instance_that_answers_without_a_token: crate::controls::ec2::Tokenless;
            a_stopped_trail: crate::controls::cloudtrail::Stopped;
            a_role_that_is_made_an_administrator: crate::controls::iam::Attached;
            a_role_with_an_inline_policy_for_everything: crate::controls::iam::Inline;
            a_role_that_trusts_strangers: crate::controls::iam::Trusting;
            a_user_among_administrators: crate::controls::iam::Member;
            a_policy_switched_to_everything: crate::controls::iam::Version;
            a_key_for_somebody_else: crate::controls::iam::Key;
            a_bucket_with_a_public_policy: crate::controls::s3::PublicPolicy;
            a_bucket_with_a_public_list: crate::controls::s3::PublicList;
            a_bucket_whose_block_is_weakened: crate::controls::s3::WeakenedBlock;
            an_account_whose_block_is_weakened: crate::controls::s3::WeakenedAccount;
        }
    };
}

every_control!(controls);
pub(crate) use every_control;
