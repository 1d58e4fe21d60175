//! The scenes, in their order.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::{Account, Client, QueueFaults, SlackMessage};
use undrift_stack::{Asked, Stack, StackError};

use super::Stage;
use super::group::{Group, words};
use super::ways::{open, ways};
use crate::ending::{Failure, counted};
use crate::live::short;
use crate::paper;
use crate::shell::plain;

pub(super) const WORLD: &str = "0.0.0.0/0";
/// How long the demo waits for Undrift. A change whose effect isn't visible is judged once it is
/// ten seconds old, and machines that were just built on may be busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The story's own time from the opening to the closing: 10:00 to 13:15.
const STORY: Duration = Duration::from_mins(3 * 60 + 15);

/// The people and things of the play.
pub(super) struct Cast {
    account: Account,
    stack: Stack,
    pub(super) maya: Client,
    tom: Client,
    pub(super) group: Group,
    /// The group before anybody opened it.
    pub(super) before: Vec<Value>,
    /// The office's rule.
    pub(super) office: String,
    /// How long each opening lasted.
    pub(super) lasted: Vec<Duration>,
}

impl Cast {
    /// Faults of the queue that feeds EC2's function.
    fn disturb(&self, faults: QueueFaults) {
        if let Some(service) = self.stack.services.get("ec2") {
            service.queue.set_faults(faults);
        }
    }
}

/// How many ways were tried when a colleague comes by.
const BEFORE_THE_COLLEAGUE: usize = 3;

/// Plays the demo; gives how much was not as it should be.
pub(crate) async fn play(
    stage: &mut Stage<'_>,
    account: Account,
    stack: Stack,
) -> Result<usize, Failure> {
    story(stage).await?;
    let mut cast = cast(stage, account, stack).await?;
    let ways = ways(&cast.group.id, &cast.office);
    for (index, way) in ways.into_iter().enumerate() {
        if index == BEFORE_THE_COLLEAGUE && stage.wrong() == 0 {
            colleague(stage, &cast).await?;
        }
        open(stage, &mut cast, index, way).await?;
        if stage.wrong() > 0 {
            break;
        }
    }
    if stage.wrong() == 0 {
        let record = the_record(stage, &cast).await?;
        the_notice(stage, &cast, &record).await?;
        undo(stage, &cast, &record).await?;
    }
    totals(stage, &cast)?;
    cast.account.stop().await;
    Ok(stage.wrong())
}

async fn story(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.title("A café, a security group, and three hours that don't happen")?;
    stage.say("In the usual shop:")?;
    stage.clock(
        "10:00",
        "An engineer in a café opens SSH to the whole internet.",
    )?;
    stage.clock("10:18", "A scanner sees it.")?;
    stage.clock("11:20", "A person sees what the scanner saw.")?;
    stage.clock(
        "13:15",
        "It is closed. Two people spend the afternoon on a report that asks nine questions.",
    )?;
    stage.say("Here the same happens on a local AWS account: real API calls, the real Lambda function, a real clock.")?;
    stage.pause(4.0).await;
    Ok(())
}

async fn cast(stage: &Stage<'_>, account: Account, stack: Stack) -> Result<Cast, Failure> {
    let user = |name: &'static str| {
        let account = &account;
        async move {
            account
                .client_for_user(name)
                .await
                .map_err(StackError::Local)
        }
    };
    let (maya, tom) = (user("maya").await?, user("tom").await?);
    let group = Group::make(&maya, account.admin(), "web").await?;
    let described = |port: u16, cidr: &str, why: &str| {
        json!({"IpPermissions": [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port,
            "IpRanges": [{"CidrIp": cidr, "Description": why}]}]})
    };
    let api = StackError::Api;
    group
        .authorize(&maya, described(443, WORLD, "the shop"))
        .await
        .map_err(api)?;
    let office = group
        .authorize(&maya, described(22, "81.2.69.160/32", "the office"))
        .await
        .map_err(api)?;
    let own = json!({"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432,
        "UserIdGroupPairs": [{"GroupId": group.id, "Description": "the database"}]}]});
    group.authorize(&maya, own).await.map_err(api)?;
    account.settle(PATIENCE).await.map_err(StackError::Local)?;
    let before = group.rules().await.map_err(api)?;
    stage.title(&format!("The group `web` ({}) as it should be", group.id))?;
    for rule in &before {
        stage.say(&plain(&words(rule)))?;
    }
    stage.pause(2.0).await;
    Ok(Cast {
        account,
        stack,
        maya,
        tom,
        group,
        before,
        office,
        lasted: Vec::new(),
    })
}

async fn colleague(stage: &mut Stage<'_>, cast: &Cast) -> Result<(), Failure> {
    stage.title("In between: a colleague is quicker")?;
    stage.whisper("CloudTrail's events are held back for a second here.")?;
    settle(cast).await?;
    cast.disturb(QueueFaults {
        seed: 1,
        delay: (Duration::from_secs(1), Duration::from_secs(1)),
        duplicate: 0.0,
        loss: 0.0,
        reorder: false,
    });
    stage.command(
        "maya",
        &format!(
            "aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port 22 --cidr 0.0.0.0/0",
            cast.group.id
        ),
    )?;
    let input = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": WORLD});
    let rule = cast
        .group
        .authorize(&cast.maya, input)
        .await
        .map_err(StackError::Api)?;
    stage.command(
        "tom",
        &format!(
            "aws ec2 revoke-security-group-ingress --group-id {} --security-group-rule-ids {rule}",
            cast.group.id
        ),
    )?;
    cast.group
        .revoke(&cast.tom, &rule)
        .await
        .map_err(StackError::Api)?;
    let closed = |r: &Record| r.outcome.kind == OutcomeKind::ClosedByOthers;
    let record = find(cast, closed).await?;
    cast.disturb(QueueFaults::default());
    match record {
        Some(record) => stage.seen(
            record.sent.is_empty(),
            &format!(
                "Undrift sends nothing and says so: {}",
                plain(&record.outcome.reason)
            ),
        )?,
        None => stage.seen(false, "there is no record of it")?,
    }
    stage.pause(2.0).await;
    Ok(())
}

async fn the_record(stage: &mut Stage<'_>, cast: &Cast) -> Result<Record, Failure> {
    settle(cast).await?;
    let records = cast.stack.records().await?;
    let reverted = records
        .iter()
        .filter(|r| r.outcome.kind == OutcomeKind::Reverted);
    let count = reverted.clone().count();
    stage.title("The report that took an afternoon: nine questions, answered by the record")?;
    let record = reverted.clone().next().cloned();
    let Some(record) = record else {
        stage.seen(false, "there is no record of a revert")?;
        return Err(Failure::Record("there is no record of a revert".to_owned()));
    };
    for answer in record.answers() {
        stage.answer(answer.question, &plain(&answer.answer))?;
    }
    stage.seen(
        count == cast.lasted.len(),
        &format!("{count} records of reverts are in the table, one for each opening"),
    )?;
    stage.pause(5.0).await;
    Ok(record)
}

async fn the_notice(stage: &mut Stage<'_>, cast: &Cast, record: &Record) -> Result<(), Failure> {
    settle(cast).await?;
    let messages = cast.stack.slack.messages();
    let key = record.key.to_string();
    let told = |m: &&SlackMessage| m.content.to_string().contains(&key);
    let Some(details) = messages.iter().find(|m| m.thread.is_some() && told(m)) else {
        return stage.seen(false, "no notice arrived in Slack");
    };
    stage.title("What engineers read in Slack")?;
    let roots: Vec<&SlackMessage> = messages.iter().filter(|m| m.thread.is_none()).collect();
    if let Some(root) = roots
        .iter()
        .find(|m| Some(&m.ts) == details.thread.as_ref())
    {
        stage.card(&super::slack::lines(root))?;
        let thread = messages
            .iter()
            .filter(|m| m.thread.as_ref() == Some(&root.ts));
        let replies = thread.count();
        stage.whisper(&format!(
            "… one message for all of maya's openings of this group today, edited each time; under it, in its thread, {replies} reports with the nine answers."
        ))?;
    }
    let mails = cast.stack.take_notices().await?;
    let whole = mails.iter().filter(|m| {
        let text = m.get("Message").and_then(Value::as_str);
        text.is_some_and(|text| text.contains(&key))
    });
    stage.seen(
        whole.count() == 1,
        &format!(
            "{} in the channel, {} by SNS: none is lost, none comes twice",
            counted(roots.len(), "message", "messages"),
            counted(mails.len(), "mail", "mails")
        ),
    )?;
    stage.pause(5.0).await;
    Ok(())
}

async fn undo(stage: &mut Stage<'_>, cast: &Cast, record: &Record) -> Result<(), Failure> {
    stage.title("It was wanted after all: undo")?;
    stage.command(
        "maya",
        &format!(
            "undrift undo {} --reason \"the vendor needs it today\"",
            record.key.event
        ),
    )?;
    let undone = cast
        .stack
        .undo(&record.key, "maya", "the vendor needs it today")
        .await?;
    settle(cast).await?;
    let rules = cast.group.rules().await.map_err(StackError::Api)?;
    let new: Vec<&Value> = rules.iter().filter(|r| !cast.before.contains(r)).collect();
    let open = new.iter().map(|r| words(r)).collect::<Vec<_>>().join("; ");
    let done = matches!(undone, Asked::Done(_)) && new.len() == 1;
    stage.seen(
        done,
        &format!("open again, and exempt for 24 hours: {open}"),
    )?;
    let Some(rule) = new
        .first()
        .and_then(|r| r.get("SecurityGroupRuleId")?.as_str())
    else {
        return Ok(());
    };
    stage.command("maya", "… takes it away and opens it once more, by hand")?;
    cast.group
        .revoke(&cast.maya, rule)
        .await
        .map_err(StackError::Api)?;
    let input = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": WORLD});
    let again = cast.group.authorize(&cast.maya, input).await;
    again.map_err(StackError::Api)?;
    settle(cast).await?;
    let records = cast.stack.records().await?;
    let last = records.iter().rfind(|r| !r.assessments.is_empty());
    let left = last.filter(|r| r.outcome.kind == OutcomeKind::Left);
    let rules = cast.group.rules().await.map_err(StackError::Api)?;
    stage.seen(
        left.is_some() && rules.len() == cast.before.len() + 1,
        &left.map_or_else(
            || "it was not left alone".to_owned(),
            |r| format!("left alone: {}", plain(&r.outcome.reason)),
        ),
    )?;
    if let Some(left) = left {
        stage.whisper(&format!(
            "found all the same, and on record: {}",
            paper::policies(left)
        ))?;
    }
    stage.pause(2.0).await;
    Ok(())
}

fn totals(stage: &mut Stage<'_>, cast: &Cast) -> Result<(), Failure> {
    stage.title("The sum")?;
    let total: Duration = cast.lasted.iter().sum();
    if let Some(worst) = cast.lasted.iter().max() {
        let times = STORY.as_millis() / worst.as_millis().max(1);
        let openings = format!("{} openings", cast.lasted.len());
        stage.row(
            "the story",
            "1 opening",
            "open for 3 h 15 min, and an afternoon of reports",
        )?;
        stage.row(
            "here",
            &openings,
            &format!(
                "open for {} together; the longest for {}",
                short(total),
                short(*worst)
            ),
        )?;
        stage.say(&format!(
            "The story's is {} times as long as the longest here.",
            crate::history::number(times)
        ))?;
    }
    stage.whisper("Not in these times: how long CloudTrail and EventBridge take to deliver an event in a real account, which is seconds, and promised by nobody.")?;
    match stage.wrong() {
        0 => stage.seen(true, "all was as it should be")?,
        n => stage.say(&format!("{n} things were not as they should be"))?,
    }
    if !stage.is_hurried() {
        stage.whisper("Go on by yourself: `cargo undrift local` keeps such an account running for your own tools.")?;
    }
    Ok(())
}

async fn settle(cast: &Cast) -> Result<(), Failure> {
    cast.account
        .settle(PATIENCE)
        .await
        .map_err(|e| Failure::Stack(StackError::Local(e)))
}

/// The record that a predicate picks, waiting for it.
async fn find(cast: &Cast, is_it: impl Fn(&Record) -> bool) -> Result<Option<Record>, Failure> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let records = cast.stack.records().await?;
        if let Some(record) = records.into_iter().find(&is_it) {
            return Ok(Some(record));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(None)
}
