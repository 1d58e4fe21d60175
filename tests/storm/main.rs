//! A storm: many violating changes on many groups at once, while EC2 throttles as EC2 does, on the
//! local account and by the real binaries. None is lost, none ends wrong; what it costs is printed.
//!
//! `cargo test` runs a small one. `UNDRIFT_STORM=2000/200` in the environment of `cargo test -p
//! undrift-tests --test storm -- --nocapture` says how many changes on how many groups.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::{Called, Client};
use undrift_stack::Deployment;
use undrift_tests::groups::{authorize, ipv4, live, make};
use undrift_tests::local::below;
use undrift_tests::sandbox::{Sandbox, binaries, root};

/// Changes, and groups.
const SMALL: (usize, usize) = (200, 20);
/// How many invocations of the function run at once.
const AT_ONCE: usize = 4;
/// How many changes are made at once.
const MAKERS: usize = 8;
/// How long the account may take to come to rest.
const PATIENCE: Duration = Duration::from_hours(1);

fn size() -> (usize, usize) {
    let Ok(said) = std::env::var("UNDRIFT_STORM") else {
        return SMALL;
    };
    let (changes, groups) = said.split_once('/').expect("UNDRIFT_STORM=changes/groups");
    (changes.parse().unwrap(), groups.parse().unwrap())
}

/// A group with rules that must survive, and what it is then.
async fn with_neighbours(client: &Client, name: String, vpc: &str) -> (String, Vec<Value>) {
    let group = make(client, &name, vpc).await;
    let fine = json!([
        ipv4("tcp", 443, 443, "0.0.0.0/0"),
        ipv4("tcp", 22, 22, "81.2.69.160/32")
    ]);
    authorize(client, &group, fine).await;
    let rules = live(client, &group).await;
    (group, rules)
}

/// The most memory that a function of EC2 has had, in MiB.
fn memory() -> f64 {
    let peaks = below(std::process::id()).into_iter().filter_map(|seen| {
        let folder = format!("/proc/{}", seen.0);
        let name = std::fs::read_to_string(format!("{folder}/cmdline")).ok()?;
        if !name.contains("undrift-ec2") {
            return None;
        }
        let status = std::fs::read_to_string(format!("{folder}/status")).ok()?;
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
        peak.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()
    });
    peaks.fold(0.0, f64::max) / 1024.0
}

fn per(count: usize, events: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / f64::from(u32::try_from(events).unwrap())
}

/// How often each operation of each service was called.
type Tally = BTreeMap<(String, String), usize>;

/// What others than the maker called since, and how often each.
fn tally(now: BTreeMap<Called, usize>, then: &BTreeMap<Called, usize>, maker: &str) -> Tally {
    let others = now.into_iter();
    let others = others.filter(|(called, _)| called.access_key.as_deref() != Some(maker));
    let mut tally = Tally::new();
    for (called, count) in others {
        let since = count - then.get(&called).unwrap_or(&0);
        *tally.entry((called.service, called.operation)).or_default() += since;
    }
    tally.retain(|_, count| *count > 0);
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_ends_wrong_in_a_storm() {
    let (changes, groups) = size();
    let mut deployment = Deployment::new(&root(), binaries().await);
    deployment.concurrency = AT_ONCE;
    let sandbox = Sandbox::deploy(deployment).await;
    let maya = sandbox.user("maya").await;
    let vpc = sandbox.vpc().await;
    let made = (0..groups).map(|n| with_neighbours(&maya, format!("group-{n}"), &vpc));
    let made: Vec<(String, Vec<Value>)> = stream::iter(made).buffered(MAKERS).collect().await;
    sandbox.account.settle(PATIENCE).await.unwrap();

    let then = sandbox.account.wire().counts();
    let maker = maya.credentials().access_key.clone();
    sandbox.account.faults().throttle_ec2(Some(&maker));
    let begun = Instant::now();
    // Each group in turn, so that one batch holds changes of many.
    let opened = (0..changes).map(|n| {
        let (group, _) = &made[n % groups];
        let port = i64::try_from(n / groups).unwrap() + 1_000;
        let opened = json!([ipv4("tcp", port, port, "0.0.0.0/0")]);
        authorize(&maya, group, opened)
    });
    let opened: Vec<Vec<String>> = stream::iter(opened).buffered(MAKERS).collect().await;
    let poured = begun.elapsed();
    assert_eq!(opened.iter().flatten().count(), changes);
    sandbox.account.settle(PATIENCE).await.unwrap();
    let took = begun.elapsed();
    let throttled = sandbox.account.faults().struck().len();
    let memory = memory();
    sandbox.account.faults().clear();

    let records = sandbox.stack.records().await.unwrap();
    let mut wrong = Vec::new();
    for (group, before) in &made {
        let now = live(&maya, group).await;
        if now != *before {
            wrong.push(format!("{group} is {now:?}, and was {before:?}"));
        }
    }
    let reverted = |r: &&Record| r.outcome.kind == OutcomeKind::Reverted;
    let of_groups: Vec<&Record> = records.iter().filter(reverted).collect();
    let keys: BTreeSet<String> = of_groups.iter().map(|r| r.key.to_string()).collect();
    if keys.len() != changes || of_groups.len() != changes {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for record in &records {
            *kinds.entry(record.outcome.kind.word()).or_default() += 1;
        }
        wrong.push(format!("{changes} changes, and records: {kinds:?}"));
    }
    let dead = sandbox.queue().dead_letters().len();
    if dead > 0 {
        wrong.push(format!("{dead} dead letters"));
    }

    let calls = tally(sandbox.account.wire().counts(), &then, &maker);
    let of = |service: &str| -> usize {
        let its = calls.iter().filter(|((s, _), _)| s == service);
        its.map(|(_, count)| count).sum()
    };
    let (journal, ec2) = (of("dynamodb"), of("ec2"));
    println!("storm: {changes} changes on {groups} groups, {AT_ONCE} functions");
    println!(
        "  lost {}, wrong {}",
        changes - keys.len().min(changes),
        wrong.len()
    );
    println!(
        "  made within {:.1} s, all closed after {:.1} s",
        poured.as_secs_f64(),
        took.as_secs_f64()
    );
    println!(
        "  throttled {throttled} times; calls per change: EC2 {:.2}, journal {:.2}",
        per(ec2, changes),
        per(journal, changes)
    );
    println!("  the most memory of one function: {memory:.1} MiB (unoptimized build)");
    for ((service, operation), count) in &calls {
        println!("  {count:>7} {service}:{operation}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(throttled > 0, "EC2 never throttled: it was no storm");
}
