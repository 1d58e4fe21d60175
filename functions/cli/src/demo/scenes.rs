//! The scenes, in their order.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::{Account, Client, QueueFaults};
use undrift_stack::{Stack, StackError, Undone};

use super::Stage;
use super::group::{Group, words};
use crate::ending::Failure;
use crate::live::short;
use crate::paper;
use crate::shell::plain;

const WORLD: &str = "0.0.0.0/0";
/// How long the demo waits for something to happen before it says that it didn't.
const PATIENCE: Duration = Duration::from_secs(15);
/// The story's own time from the opening to the closing: 10:00 to 13:15.
const STORY: Duration = Duration::from_mins(3 * 60 + 15);

/// The people and things of the play.
struct Cast {
    account: Account,
    stack: Stack,
    maya: Client,
    tom: Client,
    group: Group,
    /// The group before anybody opened it.
    before: Vec<Value>,
    /// The office's rule.
    office: String,
    /// How long each opening lasted.
    lasted: Vec<Duration>,
}

/// Plays the demo; gives how much was not as it should be.
pub(crate) async fn play(
    stage: &mut Stage<'_>,
    account: Account,
    stack: Stack,
) -> Result<usize, Failure> {
    story(stage).await?;
    let mut cast = cast(stage, account, stack).await?;
    six_ways(stage, &mut cast).await?;
    if stage.wrong() == 0 {
        colleague(stage, &cast).await?;
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

/// One way to open the group.
struct Way {
    name: &'static str,
    typed: String,
    call: Call,
}

enum Call {
    Authorize(Value),
    WidenTheOffice,
}

fn ways(group: &str) -> Vec<Way> {
    let authorize =
        |rest: &str| format!("aws ec2 authorize-security-group-ingress --group-id {group} {rest}");
    let way = |name, typed, input| Way {
        name,
        typed,
        call: Call::Authorize(input),
    };
    vec![
        way(
            "SSH from everywhere",
            authorize("--protocol tcp --port 22 --cidr 0.0.0.0/0"),
            json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": WORLD}),
        ),
        way(
            "… over IPv6",
            authorize(
                "--ip-permissions 'IpProtocol=tcp,FromPort=22,ToPort=22,Ipv6Ranges=[{CidrIpv6=::/0}]'",
            ),
            json!({"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]}),
        ),
        way(
            "… hidden in a range of ports",
            authorize("--protocol tcp --port 20-30 --cidr 0.0.0.0/0"),
            json!({"IpProtocol": "tcp", "FromPort": 20, "ToPort": 30, "CidrIp": WORLD}),
        ),
        way(
            "… with every protocol",
            authorize("--protocol -1 --cidr 0.0.0.0/0"),
            json!({"IpProtocol": "-1", "CidrIp": WORLD}),
        ),
        way(
            "… as two halves of the internet, so that no rule says 0.0.0.0/0",
            authorize(
                "--ip-permissions 'IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=0.0.0.0/1},{CidrIp=128.0.0.0/1}]'",
            ),
            json!({"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                "IpRanges": [{"CidrIp": "0.0.0.0/1"}, {"CidrIp": "128.0.0.0/1"}]}]}),
        ),
        Way {
            name: "… by widening the office's rule",
            typed: format!(
                "aws ec2 modify-security-group-rules --group-id {group} --security-group-rules '…CidrIpv4=0.0.0.0/0…'"
            ),
            call: Call::WidenTheOffice,
        },
    ]
}

async fn six_ways(stage: &mut Stage<'_>, cast: &mut Cast) -> Result<(), Failure> {
    let ways = ways(&cast.group.id);
    let count = ways.len();
    for (index, way) in ways.into_iter().enumerate() {
        stage.title(&format!("{}/{count}  {}", index + 1, way.name))?;
        stage.command("maya", &way.typed)?;
        if matches!(way.call, Call::WidenTheOffice) {
            // CloudTrail dates calls to the second: what was before is known from an earlier one.
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
        let opened = match way.call {
            Call::Authorize(input) => cast.group.authorize(&cast.maya, input).await.map(|_| ()),
            Call::WidenTheOffice => {
                let wide = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                    "CidrIpv4": WORLD, "Description": "just for today"});
                cast.group.modify(&cast.maya, &cast.office, wide).await
            }
        };
        opened.map_err(StackError::Api)?;
        let Some(lasted) = until_closed(cast).await? else {
            stage.seen(false, &format!("still open after {} s", PATIENCE.as_secs()))?;
            return Ok(());
        };
        cast.lasted.push(lasted);
        let neighbours = cast.before.len();
        stage.seen(
            true,
            &format!(
                "closed {} after the call was answered; all {neighbours} rules of before are there, to the letter",
                short(lasted)
            ),
        )?;
        stage.pause(1.2).await;
    }
    Ok(())
}

/// Reads the group until it is what it was before; how long that took.
async fn until_closed(cast: &Cast) -> Result<Option<Duration>, Failure> {
    let start = Instant::now();
    loop {
        let rules = cast.group.rules().await.map_err(StackError::Api)?;
        if rules == cast.before {
            return Ok(Some(start.elapsed()));
        }
        if start.elapsed() > PATIENCE {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

async fn colleague(stage: &mut Stage<'_>, cast: &Cast) -> Result<(), Failure> {
    stage.title("A colleague is quicker")?;
    stage.whisper("CloudTrail's events are held back for a second here.")?;
    settle(cast).await?;
    cast.stack.queue.set_faults(QueueFaults {
        seed: 1,
        delay: (Duration::from_secs(1), Duration::from_secs(1)),
        duplicate: 0.0,
        loss: 0.0,
        reorder: false,
    });
    stage.command("maya", "… --protocol tcp --port 22 --cidr 0.0.0.0/0")?;
    let input = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": WORLD});
    let rule = cast
        .group
        .authorize(&cast.maya, input)
        .await
        .map_err(StackError::Api)?;
    stage.command("tom", "aws ec2 revoke-security-group-ingress …")?;
    cast.group
        .revoke(&cast.tom, &rule)
        .await
        .map_err(StackError::Api)?;
    let closed = |r: &Record| r.outcome.kind == OutcomeKind::ClosedByOthers;
    let record = find(cast, closed).await?;
    cast.stack.queue.set_faults(QueueFaults::default());
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
    let notices = cast.stack.take_notices().await?;
    stage.title("What engineers were told, by SNS")?;
    let text = |n: &Value, member: &str| {
        let text = n.get(member).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let key = record.key.to_string();
    let notice = notices.iter().find(|n| text(n, "Message").contains(&key));
    match notice {
        Some(notice) => {
            stage.say(&plain(&text(notice, "Subject")))?;
            let message = text(notice, "Message");
            let short: Vec<&str> = message.lines().take(14).collect();
            stage.quote(&short.join("\n"))?;
            stage.whisper("… and the nine answers, and how to undo it.")?;
            stage.seen(true, &format!("{} notices, each sent once", notices.len()))?;
        }
        None => stage.seen(false, "the notice did not arrive")?,
    }
    stage.pause(4.0).await;
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
    let done = matches!(undone, Undone::Done(_)) && new.len() == 1;
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
    let openings = cast.lasted.len();
    if let Some(worst) = cast.lasted.iter().max() {
        stage.say(&format!(
            "{openings} openings, together open for {}; the longest for {}. The story's one: 3 h 15 min, {} times as long as the longest.",
            short(total),
            short(*worst),
            (STORY.as_millis() / worst.as_millis().max(1))
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
