//! Nothing of a local account outlives the process that started it, however that ends.
//!
//! Without the usual harness, since the program starts itself: what is ended by force must be a
//! process of its own. It looks into `/proc`, and so runs on Linux alone.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use support::account;
use undrift_local::{Account, Function, FunctionSpec, QueueOptions};

async fn function(account: &Account) -> Function {
    let mut spec = FunctionSpec::new("guest", account.python());
    spec.args = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/tests/function.py").to_owned()];
    spec.timeout = Duration::from_mins(5);
    account.run_function(spec).await.expect("a function")
}

/// The process that the tests below end.
async fn host() {
    let account = account().await;
    let function = function(&account).await;
    let busy = tokio::spawn(async move { function.invoke(&json!({ "do": "hang" })).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    println!("up {} {}", account.endpoint(), account.upstream());
    std::io::stdout().flush().expect("flushed");
    let _ = busy.await;
}

/// Starts and stops accounts, in both ways, then says so and waits.
async fn cycles() {
    for at in 0..20 {
        let account = account().await;
        let function = function(&account).await;
        let queue = account.queue("q", QueueOptions::default());
        account.map_queue(&queue, &function, 10);
        queue.send("{}");
        if at % 2 == 0 {
            account.stop().await;
        } else {
            drop(account);
        }
    }
    println!("up done done");
    tokio::time::sleep(Duration::from_mins(5)).await;
}

/// Starts one of the above and waits for its line of words.
fn start(name: &str, folder: &std::path::Path) -> (Child, Vec<String>) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .arg(name)
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let lines = BufReader::new(child.stdout.take().expect("output")).lines();
    let words = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line[line.find("up ")?..].to_owned()))
        .expect("it comes up");
    (
        child,
        words
            .split_whitespace()
            .skip(1)
            .map(str::to_owned)
            .collect(),
    )
}

/// State and parent of a process; none for what has ended, also if nobody has fetched its status.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let (state, parent) = (fields.next()?, fields.next()?);
    (state != "Z" && state != "X").then(|| parent.parse().ok())?
}

fn children(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}

/// The sockets a process listens on, as the kernel's table has them.
fn listening(pid: u32) -> Vec<String> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("files");
    let own: Vec<String> = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .collect();
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).expect("a table");
    let listens = table.lines().filter(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(3) == Some(&"0A")
            && fields
                .get(9)
                .is_some_and(|inode| own.contains(&format!("socket:[{inode}]")))
    });
    listens.map(str::to_owned).collect()
}

fn listens(url: &str) -> bool {
    TcpStream::connect(url.trim_start_matches("http://")).is_ok()
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("made");
    folder
}

fn ends_with_us(signal: &str) {
    let folder = folder(&format!("outlive-{signal}"));
    let (mut host, urls) = start("host", &folder);
    let below = children(host.id());
    assert!(below.len() >= 2, "moto and a function: {below:?}");
    assert!(urls.iter().all(|url| listens(url)), "{urls:?}");
    let killed = Command::new("kill")
        .args([&format!("-{signal}"), &host.id().to_string()])
        .status();
    assert!(killed.expect("kill").success());
    host.wait().expect("ended");
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        let left: Vec<&u32> = below
            .iter()
            .filter(|pid| parent_of(**pid).is_some())
            .collect();
        let open: Vec<&String> = urls.iter().filter(|url| listens(url)).collect();
        if left.is_empty() && open.is_empty() {
            break;
        }
        assert!(
            Instant::now() < until,
            "after {signal} processes {left:?} and ports {open:?} are left"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
}

fn a_kill_in_the_middle_of_an_invocation_leaves_nothing() {
    ends_with_us("KILL");
}

fn a_termination_in_the_middle_of_an_invocation_leaves_nothing() {
    ends_with_us("TERM");
}

fn twenty_starts_and_stops_leave_nothing() {
    let folder = folder("outlive-cycles");
    let (mut host, _) = start("cycles", &folder);
    let until = Instant::now() + Duration::from_secs(2);
    let pid = host.id();
    while !children(pid).is_empty() || !listening(pid).is_empty() {
        assert!(
            Instant::now() < until,
            "left: processes {:?}, ports {:?}",
            children(pid),
            listening(pid)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    host.kill().expect("killed");
    host.wait().expect("ended");
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
}

type Test = (&'static str, fn());

const TESTS: [Test; 3] = [
    (
        "a_kill_in_the_middle_of_an_invocation_leaves_nothing",
        a_kill_in_the_middle_of_an_invocation_leaves_nothing,
    ),
    (
        "a_termination_in_the_middle_of_an_invocation_leaves_nothing",
        a_termination_in_the_middle_of_an_invocation_leaves_nothing,
    ),
    (
        "twenty_starts_and_stops_leave_nothing",
        twenty_starts_and_stops_leave_nothing,
    ),
];

fn main() {
    let runtime = || tokio::runtime::Runtime::new().expect("a runtime");
    match std::env::args().nth(1).as_deref() {
        Some("host") => return runtime().block_on(host()),
        Some("cycles") => return runtime().block_on(cycles()),
        _ => {}
    }
    let tests = if cfg!(target_os = "linux") {
        &TESTS[..]
    } else {
        &[]
    };
    println!("\nrunning {} tests", tests.len());
    for (name, test) in tests {
        // A panic ends the program with a code of its own.
        test();
        println!("test {name} ... ok");
    }
    let passed = tests.len();
    println!(
        "\ntest result: ok. {passed} passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n"
    );
}
