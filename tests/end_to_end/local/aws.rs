//! The stock `aws` command, with the words that README and `undrift local` print.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use undrift_local::{Progress, Venv};
use undrift_tests::local::{Local, until};
use undrift_tests::sandbox::{binaries, root, target};

/// The folder with the `aws` command.
async fn aws() -> PathBuf {
    let requirements = root().join("tests/awscli/requirements.txt");
    let silence: Progress = Arc::new(|_| {});
    let venv = Venv::ensure(&target(), &requirements, &silence).await;
    let aws = venv.unwrap().program("aws");
    aws.parent().unwrap().to_owned()
}

/// A shell in a second terminal, in the tree, with that `aws` first on its path.
struct Terminal<'l> {
    local: &'l Local,
    aws: PathBuf,
    exports: String,
}

impl Terminal<'_> {
    /// Runs lines as they were printed; gives what they print.
    fn run(&self, lines: &str) -> String {
        let mut path = self.aws.as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut shell: Command = self.local.beside("sh");
        shell
            .args(["-ec", &format!("{}\n{lines}", self.exports)])
            .env("PATH", path)
            .env("AWS_PAGER", "");
        let output = shell.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{lines}\n{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn ports(&self) -> Vec<i64> {
        let text = self.run("aws ec2 describe-security-group-rules --output json");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let rules = answer["SecurityGroupRules"].as_array().unwrap();
        let mut ports: Vec<i64> = rules
            .iter()
            .filter_map(|r| r["FromPort"].as_i64())
            .collect();
        ports.retain(|p| *p >= 0);
        ports.sort_unstable();
        ports
    }
}

/// The commands in a text that begin so, without what stands before them.
fn commands(text: &str, beginning: &str) -> Vec<String> {
    let lines = text.lines().map(|l| l.trim().trim_start_matches("$ "));
    let fitting = lines.filter(|l| l.starts_with(beginning));
    fitting.map(str::to_owned).collect()
}

#[tokio::test]
async fn the_printed_commands_open_a_group_and_it_comes_back() {
    binaries().await;
    let aws = aws().await;
    let mut local = Local::start(&["--output", "table"]);
    let help = until("the help is printed", || {
        let text = local.err().join("\n");
        text.contains("Ctrl-C").then_some(text)
    });
    let exports = commands(&help, "export ").join("\n");
    assert!(exports.contains(&local.endpoint()), "{help}");
    let printed = commands(&help, "aws ec2 ");
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert_eq!(
        printed,
        commands(&readme, "aws ec2 "),
        "README and help differ"
    );
    assert_eq!(
        commands(&help, "cargo undrift "),
        commands(&readme, "cargo undrift ")
            .into_iter()
            .filter(|c| c.ends_with("--local"))
            .collect::<Vec<_>>()
    );

    let terminal = Terminal {
        local: &local,
        aws,
        exports,
    };
    terminal.run(&printed[0]);
    terminal.run(&printed[1].replace("22", "443"));
    terminal.run(&printed[1]);
    until("only 443 is open", || {
        (terminal.ports() == [443]).then_some(())
    });

    // Live, in the first terminal: who, what, which policy, how fast, what stayed, and the way back.
    let block = until("the revert is told", || {
        let out = local.out();
        let at = out.iter().position(|l| l.contains("  reverted  sg-"))?;
        let block: Vec<String> = out[at..]
            .iter()
            .take_while(|l| !l.is_empty())
            .cloned()
            .collect();
        block.iter().any(|l| l.contains("undo")).then_some(block)
    });
    let said = block.join("\n");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "who you: AuthorizeSecurityGroupIngress",
        "brought tcp/22 from 0.0.0.0/0 lets 3,702,258,688 IPv4 addresses of the internet reach tcp/22",
        "policy ec2-security-group-open-admin-ports (critical)",
        "s after the call was answered",
        "stayed tcp/443 from 0.0.0.0/0",
    ] {
        assert!(words.contains(part), "`{part}` is missing from\n{said}");
    }
    let all = [local.out(), local.err()].concat();
    assert!(all.iter().all(|l| !l.contains('\u{1b}')), "{all:?}");
    assert!(
        all.iter()
            .all(|l| l.chars().count() <= 80 || l.contains("aws ec2")),
        "{all:?}"
    );

    // From the second terminal: the records, one of them, and the way back, as it was printed.
    let listed = terminal.run("cargo undrift records --local");
    let listed: Vec<Value> = listed
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(listed.len(), 2, "{listed:?}");
    let undo = block.iter().find_map(|l| l.split_once("cargo "));
    let undo = format!("cargo {}", undo.unwrap().1);
    let shown = terminal.run(&format!(
        "{} --output table",
        undo.replace(" undo ", " show ")
    ));
    assert!(shown.contains("user/you"), "{shown}");
    terminal.run(&undo);
    assert_eq!(terminal.ports(), [22, 443]);
    until("the undo is told", || {
        local
            .out()
            .iter()
            .any(|l| l.contains("  undone  sg-"))
            .then_some(())
    });
    assert_eq!(local.end("INT").code(), Some(0));
    assert!(local.left().is_empty(), "{:?} is left", local.left());
}
