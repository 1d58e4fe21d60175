//! `undrift local` as people use it: a client they know from one terminal, `undrift` from another.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use undrift_tests::sandbox::{binaries, root, target};

use crate::demo::undrift;

/// Opens SSH with boto3, beside a rule that is fine, and waits until only that one is left.
const OPEN_AND_WAIT: &str = r"
import boto3, time
ec2 = boto3.client('ec2')
group = ec2.create_security_group(GroupName='web', Description='web')['GroupId']
def open(port):
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol='tcp', FromPort=port, ToPort=port, CidrIp='0.0.0.0/0')
def ports():
    rules = ec2.describe_security_group_rules(Filters=[{'Name': 'group-id', 'Values': [group]}])['SecurityGroupRules']
    return sorted(r['FromPort'] for r in rules if not r['IsEgress'])
open(443); open(22)
start = time.time()
while ports() != [443]:
    assert time.time() - start < 20, ports()
print(group)
";

/// A running `undrift local`; killed if the test fails.
struct Local {
    process: Child,
    endpoint: String,
    folder: PathBuf,
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

impl Local {
    fn start() -> Self {
        // Its own file for other terminals to find it by, so that nobody else's is found.
        let folder = tempfile::tempdir().unwrap().keep();
        let mut process = Command::new(undrift())
            .current_dir(root())
            .args(["local", "--output", "table"])
            .env("UNDRIFT_LOCAL_FILE", folder.join("local.json"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.next().unwrap().unwrap();
        let endpoint = ready.strip_prefix("ready ").unwrap().to_owned();
        // Whoever prints must be read, or it stops.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            endpoint,
            folder,
        }
    }

    fn undrift(&self, arguments: &[&str]) -> Output {
        Command::new(undrift())
            .current_dir(root())
            .args(arguments)
            .args(["--local", "--output", "json"])
            .env("UNDRIFT_LOCAL_FILE", self.folder.join("local.json"))
            .output()
            .unwrap()
    }

    fn boto3(&self, script: &str) -> Output {
        let python = std::fs::read_dir(target())
            .unwrap()
            .filter_map(|e| Some(e.ok()?.path().join("bin/python")))
            .find(|p| p.to_string_lossy().contains("/moto-") && p.exists())
            .unwrap();
        Command::new(python)
            .args(["-c", script])
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_DEFAULT_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "you")
            .env("AWS_SECRET_ACCESS_KEY", "any")
            .output()
            .unwrap()
    }

    fn records(&self) -> Vec<Value> {
        let listed = self.undrift(&["records"]);
        assert!(listed.status.success(), "{listed:?}");
        let text = String::from_utf8(listed.stdout).unwrap();
        text.lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }

    fn end(mut self) -> Option<i32> {
        let pid = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < Duration::from_secs(10), "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[tokio::test]
async fn a_stock_client_opens_a_group_and_watches_it_come_back() {
    binaries().await;
    let local = Local::start();
    let opened = local.boto3(OPEN_AND_WAIT);
    assert!(
        opened.status.success(),
        "{}",
        String::from_utf8_lossy(&opened.stderr)
    );
    let start = Instant::now();
    let reverted = loop {
        let records = local.records();
        let reverted = |r: &&Value| r["outcome"]["kind"] == "reverted";
        if let Some(record) = records.iter().find(reverted) {
            break record["key"]["event"].as_str().unwrap().to_owned();
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{records:?}");
    };
    let shown = local.undrift(&["show", &reverted]);
    assert!(shown.status.success());
    let undone = local.undrift(&["undo", &reverted, "--reason", "a test"]);
    let said = String::from_utf8_lossy(&undone.stdout);
    assert!(
        undone.status.success() && said.contains("\"undone\""),
        "{said}"
    );
    assert_eq!(local.undrift(&["show", "nosuch"]).status.code(), Some(2));
    let (endpoint, file) = (local.endpoint.clone(), local.folder.join("local.json"));
    assert_eq!(local.end(), Some(0));
    assert!(!file.exists(), "its file is left behind");
    let address = endpoint.strip_prefix("http://").unwrap();
    assert!(
        std::net::TcpStream::connect(address).is_err(),
        "its port is left open"
    );
}
