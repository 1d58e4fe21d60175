//! The janitor: what a crash left open, what no function could handle, and putting it back.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::{Client, FaultAction, FaultRule};
use undrift_stack::{Deployment, Redriven};
use undrift_tests::groups::{authorize, ipv4, make, open};
use undrift_tests::local::Local;
use undrift_tests::sandbox::{PATIENCE, Sandbox, binaries, next_second, root};

/// Longer than anything here takes.
const LONG: u64 = 120_000;
const OFFICE: &str = "81.2.69.160/32";

/// Waits until something is so.
async fn until<T>(what: &str, mut is_so: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = is_so().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ssh(client: &Client, group: &str) {
    authorize(client, group, json!([ipv4("tcp", 22, 22, "0.0.0.0/0")])).await;
}

fn of<'r>(records: &'r [Record], group: &str) -> Vec<&'r Record> {
    let of = records
        .iter()
        .filter(|r| r.key.resource.id.as_str() == group);
    of.collect()
}

/// A function is killed at its call that takes SSH from the world away, and its message is lost.
async fn killed_at_its_call(action: FaultAction) -> (Sandbox, Client, String) {
    let sandbox = Sandbox::start().await;
    let maya = sandbox.user("maya").await;
    let group = make(&maya, "left-open", &sandbox.vpc().await).await;
    authorize(&maya, &group, json!([ipv4("tcp", 22, 22, OFFICE)])).await;
    sandbox.settle().await;
    next_second().await;
    let faults = sandbox.account.faults();
    // Its own attempts time out, and are sent again: none gets through.
    faults.add(FaultRule::new(
        "ec2",
        "RevokeSecurityGroupIngress",
        100,
        action,
    ));
    ssh(&maya, &group).await;
    until("the call is sent", async || {
        (!faults.struck().is_empty()).then_some(())
    })
    .await;
    let seen = async || open(&sandbox.account.admin(), &group).await.len();
    if matches!(faults.struck()[0].action, FaultAction::DelayAnswer(_)) {
        until("the call is carried out", async || {
            (seen().await == 1).then_some(())
        })
        .await;
    }
    sandbox.stack.services["ec2"].revert.kill();
    faults.clear();
    sandbox.queue().purge();
    sandbox.settle().await;
    (sandbox, maya, group)
}

/// The records of a group, but for that of the office's rule.
fn told<'r>(records: &'r [Record], group: &str) -> Vec<&'r Record> {
    let mut told = of(records, group);
    told.retain(|r| r.outcome.kind != OutcomeKind::Left);
    told
}

/// After the lease, and not before, the janitor has it closed.
async fn is_closed_after_the_lease(sandbox: &Sandbox, group: &str) -> Record {
    let before = sandbox.stack.janitor().await.unwrap();
    assert_eq!((before.finished, before.troubles.len()), (0, 0));
    assert!(told(&sandbox.records().await, group).is_empty());
    let tidied = until("its lease is over", async || {
        let tidied = sandbox.stack.janitor().await.unwrap();
        assert!(tidied.troubles.is_empty(), "{:?}", tidied.troubles);
        (tidied.finished > 0).then_some(tidied)
    })
    .await;
    assert_eq!(tidied.finished, 1);
    let after = sandbox.stack.janitor().await.unwrap();
    assert_eq!(after.finished, 0, "what is closed is open no longer");
    sandbox.settle().await;
    let revisions = sandbox.stack.revisions().await.unwrap();
    let all = told(&revisions, group);
    assert_eq!(all.len(), 1, "exactly one closed record: {all:?}");
    assert_eq!(all[0].outcome.kind, OutcomeKind::Reverted);
    let left = open(&sandbox.account.admin(), group).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left.first().is_some_and(|rule| rule.contains(OFFICE)));
    all[0].clone()
}

#[tokio::test]
async fn what_a_crash_left_undone_is_done_once_its_lease_is_over() {
    let (sandbox, maya, group) = killed_at_its_call(FaultAction::Delay(LONG)).await;
    assert_eq!(open(&maya, &group).await.len(), 2, "nothing was sent");
    let record = is_closed_after_the_lease(&sandbox, &group).await;
    assert_eq!(record.sent.len(), 1);
}

#[tokio::test]
async fn what_was_done_before_the_crash_is_only_closed() {
    let (sandbox, _, group) = killed_at_its_call(FaultAction::DelayAnswer(LONG)).await;
    let record = is_closed_after_the_lease(&sandbox, &group).await;
    assert!(record.sent.is_empty());
    assert!(
        record.outcome.reason.contains("interruption"),
        "{:?}",
        record.outcome
    );
}

/// EC2's function, which can't live until it is mended.
struct Broken {
    folder: TempDir,
}

impl Broken {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn flag(&self) -> PathBuf {
        self.folder.path().join("mended")
    }

    fn mend(&self) {
        std::fs::write(self.flag(), "").unwrap();
    }

    fn binary(&self, real: &Path) -> PathBuf {
        let file = self.folder.path().join("undrift-ec2");
        let script = format!(
            "#!/bin/sh\n[ -e {} ] && exec {}\nexit 1\n",
            self.flag().display(),
            real.display()
        );
        std::fs::write(&file, script).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    /// With messages that are dead letters soon.
    async fn deploy(&self) -> Sandbox {
        let binaries = binaries().await;
        let broken = self.binary(binaries.get("undrift-ec2").unwrap());
        let mut deployment = Deployment::new(&root(), binaries.replace("undrift-ec2", broken));
        deployment.max_receives = 3;
        deployment.visibility = Duration::from_secs(4);
        Sandbox::deploy(deployment).await
    }
}

async fn dead_letters(sandbox: &Sandbox, count: usize) {
    until("all are dead letters", async || {
        let dead = sandbox.queue().dead_letters().len();
        (dead == count && sandbox.queue().is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_no_function_handles_has_its_record_and_is_handled_when_one_lives_again() {
    let broken = Broken::new();
    let sandbox = broken.deploy().await;
    let maya = sandbox.user("maya").await;
    let group = make(&maya, "unhandled", &sandbox.vpc().await).await;
    ssh(&maya, &group).await;
    // What can't be decoded is a dead letter too, and is no trouble to the others.
    sandbox.queue().send("no event");
    dead_letters(&sandbox, 3).await;

    let tidied = sandbox.stack.janitor().await.unwrap();
    assert_eq!((tidied.rejected, tidied.kept), (1, 2), "{tidied:?}");
    assert_eq!(tidied.recorded, 1, "no policy judges that a group is made");
    let records = sandbox.records().await;
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record.outcome.kind, OutcomeKind::Failed);
    assert_eq!(record.key.resource.id.as_str(), group);
    assert!(record.is_unseen());
    assert!(
        record.outcome.reason.contains("undrift redrive"),
        "{:?}",
        record.outcome
    );
    let notices = sandbox.stack.take_notices().await.unwrap();
    assert!(!notices.is_empty(), "people are told");

    let again = sandbox.stack.janitor().await.unwrap();
    assert_eq!((again.kept, again.recorded), (2, 0));
    assert_eq!(sandbox.stack.revisions().await.unwrap().len(), 1);
    assert_eq!(open(&maya, &group).await.len(), 1);

    broken.mend();
    let mended = sandbox.stack.janitor().await.unwrap();
    assert_eq!((mended.handled, mended.kept), (2, 0), "{mended:?}");
    let records = sandbox.records().await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].outcome.kind, OutcomeKind::Reverted);
    assert_eq!(records[0].revision, 2);
    assert!(open(&maya, &group).await.is_empty());
    assert!(sandbox.queue().dead_letters().is_empty());
}

fn moved(redriven: &Redriven) -> u64 {
    redriven.queues.iter().map(|q| q.moved).sum()
}

#[tokio::test]
async fn redriving_many_loses_and_doubles_nothing_though_the_janitor_is_killed_at_it() {
    const GROUPS: usize = 12;
    let broken = Broken::new();
    let sandbox = broken.deploy().await;
    let maya = sandbox.user("maya").await;
    let vpc = sandbox.vpc().await;
    let mut groups = Vec::new();
    for n in 0..GROUPS {
        let group = make(&maya, &format!("redrive-{n}"), &vpc).await;
        ssh(&maya, &group).await;
        groups.push(group);
    }
    dead_letters(&sandbox, 2 * GROUPS).await;
    let tidied = sandbox.stack.janitor().await.unwrap();
    assert_eq!(
        (tidied.recorded, tidied.kept),
        (GROUPS, 2 * GROUPS),
        "{tidied:?}"
    );
    broken.mend();

    // Killed when it has sent some back and is about to delete one of them.
    let faults = sandbox.account.faults();
    let deleting = FaultRule {
        access_key: Some(sandbox.stack.janitor.credentials().access_key.clone()),
        after: 3,
        ..FaultRule::new("sqs", "DeleteMessage", 100, FaultAction::Delay(LONG))
    };
    faults.add(deleting);
    let killed = async {
        until("it deletes", async || {
            (!faults.struck().is_empty()).then_some(())
        })
        .await;
        sandbox.stack.janitor.kill();
        faults.clear();
    };
    let (redriven, ()) = tokio::join!(sandbox.stack.redrive(), killed);
    assert!(redriven.is_err(), "it was killed");

    // What it was at is hidden for a while; nothing is lost.
    let mut all = 0;
    until("all are put back", async || {
        let redriven = sandbox.stack.redrive().await.unwrap();
        assert!(redriven.queues.iter().all(|q| q.failed.is_none()));
        all += moved(&redriven);
        let ec2 = redriven
            .queues
            .iter()
            .find(|q| q.to == "undrift-ec2")
            .unwrap();
        (redriven.finished && ec2.hidden == 0 && moved(&redriven) == 0).then_some(())
    })
    .await;
    let expected = u64::try_from(2 * GROUPS - 3).unwrap();
    assert_eq!(all, expected, "one of them came twice");
    // On a busy machine one may have been received too often once more.
    until("all are handled", async || {
        sandbox.stack.janitor().await.unwrap();
        let queue = sandbox.queue();
        (queue.is_empty() && queue.dead_letters().is_empty()).then_some(())
    })
    .await;

    // Not once all is at rest: notices, of which there are many, may take longer.
    let records = sandbox.stack.records().await.unwrap();
    assert_eq!(records.len(), GROUPS);
    for group in &groups {
        let of = of(&records, group);
        assert_eq!(of.len(), 1);
        assert_eq!(
            (of[0].outcome.kind, of[0].revision),
            (OutcomeKind::Reverted, 2)
        );
        assert!(open(&maya, group).await.is_empty());
    }
    assert!(sandbox.queue().dead_letters().is_empty());
    assert_eq!(moved(&sandbox.stack.redrive().await.unwrap()), 0);
}

#[tokio::test]
async fn the_command_puts_dead_letters_back_and_says_how_many() {
    binaries().await;
    let local = Local::start(&["--output", "json"]);
    let run = local.undrift(&["redrive"]);
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    let text = String::from_utf8(run.stdout).unwrap();
    let queues: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let ec2 = queues.iter().find(|q| q["to"] == "undrift-ec2").unwrap();
    assert_eq!(
        (&ec2["queue"], &ec2["moved"]),
        (&json!("undrift-ec2-dead"), &json!(0))
    );
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.contains("nothing was put back"), "{said}");
}
