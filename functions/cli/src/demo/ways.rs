//! Six ways to open SSH to the internet.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use undrift_stack::StackError;

use super::Stage;
use super::scenes::{Cast, PATIENCE, WORLD};
use crate::ending::Failure;
use crate::live::short;

/// How many ways there are.
const WAYS: usize = 6;

/// One way to open the group.
pub(super) struct Way {
    name: &'static str,
    typed: String,
    call: Call,
}

enum Call {
    Authorize(Value),
    WidenTheOffice,
}

/// The ways, from the plain one on.
pub(super) fn ways(group: &str, office: &str) -> [Way; WAYS] {
    let authorize =
        |rest: &str| format!("aws ec2 authorize-security-group-ingress --group-id {group} {rest}");
    let way = |name, typed, input| Way {
        name,
        typed,
        call: Call::Authorize(input),
    };
    [
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
                "aws ec2 modify-security-group-rules --group-id {group} --security-group-rules 'SecurityGroupRuleId={office},SecurityGroupRule={{IpProtocol=tcp,FromPort=22,ToPort=22,CidrIpv4=0.0.0.0/0,Description=just for today}}'"
            ),
            call: Call::WidenTheOffice,
        },
    ]
}

/// Opens the group, and sees how long that lasts.
pub(super) async fn open(
    stage: &mut Stage<'_>,
    cast: &mut Cast,
    index: usize,
    way: Way,
) -> Result<(), Failure> {
    stage.title(&format!("{}/{WAYS}  {}", index + 1, way.name))?;
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
        return stage.seen(false, &format!("still open after {} s", PATIENCE.as_secs()));
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
