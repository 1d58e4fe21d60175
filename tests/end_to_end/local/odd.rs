//! `undrift local` in odd surroundings: ports that are taken, two at once, addresses left behind, foreign settings.

use std::net::TcpListener;

use serde_json::json;
use undrift_tests::local::{Local, below, folder, listening, starting, undrift, until};
use undrift_tests::sandbox::{binaries, root};

use super::open_and_wait;

#[tokio::test]
async fn the_port_asked_for_is_served_and_a_taken_one_is_told() {
    binaries().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let mut local = Local::start(&["--port", &port]);
    assert_eq!(local.endpoint(), format!("http://127.0.0.1:{port}"));
    if cfg!(target_os = "linux") {
        let mut all = below(local.process.id());
        all.insert((local.process.id(), String::new()));
        let sockets: Vec<String> = all.iter().flat_map(|(pid, _)| listening(*pid)).collect();
        // The trail, moto, and a Runtime API for each function.
        assert!(sockets.len() >= 5, "{sockets:?}");
        let outside = sockets.iter().find(|s| !s.starts_with("0100007F:"));
        assert_eq!(outside, None, "127.0.0.1 only");
    }

    let other = folder();
    let taken = starting(&undrift(), &other, &["--port", &port])
        .output()
        .unwrap();
    let said = String::from_utf8(taken.stderr).unwrap();
    assert_eq!(taken.status.code(), Some(3), "{said}");
    assert!(said.contains(&port) && said.contains("--port"), "{said}");
    assert!(
        said.lines().count() == 1 && taken.stdout.is_empty(),
        "{said}"
    );
    assert_eq!(local.end("TERM").code(), Some(0));
}

#[tokio::test]
async fn of_two_at_once_the_newer_is_found_and_then_the_older_again() {
    binaries().await;
    let mut older = Local::start(&[]);
    let address = |local: &Local| {
        let text = std::fs::read_to_string(local.file()).unwrap_or_default();
        let address: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(address["endpoint"].as_str()?.to_owned())
    };
    for signal in ["TERM", "KILL"] {
        let shared = older.folder.clone();
        let mut newer = Local::spawn(starting(&undrift(), &shared, &[]), shared);
        let endpoint = newer.endpoint();
        assert_eq!(address(&older), Some(endpoint));
        let told = |l: &String| l.contains(&older.endpoint()) && l.contains("--local");
        until("the older is named", || {
            newer.err().iter().any(told).then_some(())
        });
        newer.end(signal);
        until("the older is found again", || {
            (address(&older) == Some(older.endpoint())).then_some(())
        });
        assert!(older.records().is_empty());
    }
    assert_eq!(older.end("TERM").code(), Some(0));
    assert!(older.left().is_empty(), "{:?} is left", older.left());
}

#[tokio::test]
async fn an_address_left_behind_is_found_to_be_and_written_over() {
    binaries().await;
    let folder = folder();
    let file = folder.path().join("local.json");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    for left in [
        json!({"endpoint": endpoint, "region": "eu-central-1", "process": 1}).to_string(),
        "{".to_owned(),
    ] {
        std::fs::write(&file, left).unwrap();
        let mut records = undrift_tests::local::command(undrift());
        records
            .args(["records", "--local"])
            .env("UNDRIFT_LOCAL_FILE", &file);
        let records = records.output().unwrap();
        let said = String::from_utf8(records.stderr).unwrap();
        assert_eq!(records.status.code(), Some(3), "{said}");
        assert!(said.contains("cargo undrift local"), "{said}");
    }
    let shared = folder.clone();
    let mut local = Local::spawn(starting(&undrift(), &folder, &[]), shared);
    local.endpoint();
    assert!(local.records().is_empty());
    assert_eq!(local.end("TERM").code(), Some(0));
    assert!(local.left().is_empty(), "{:?} is left", local.left());
}

/// A person's settings that say to take no notice of endpoints, a profile that isn't there, a region elsewhere.
#[tokio::test]
async fn a_persons_own_settings_do_not_reach_the_functions() {
    binaries().await;
    let home = std::env::var("HOME").unwrap();
    let keep = |name: &str, folder: &str| {
        std::env::var(name).unwrap_or_else(|_| format!("{home}/{folder}"))
    };
    let (cargo, rustup) = (keep("CARGO_HOME", ".cargo"), keep("RUSTUP_HOME", ".rustup"));
    for has_home in [true, false] {
        let folder = folder();
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(
            home.path().join(".aws/config"),
            "[default]\nignore_configured_endpoint_urls = true\nregion = us-gov-west-1\nuse_fips_endpoint = true\n",
        )
        .unwrap();
        let mut command = starting(&undrift(), &folder, &[]);
        command
            .current_dir(root().join("functions/core/src"))
            .env_remove("AWS_CONFIG_FILE")
            .env_remove("AWS_SHARED_CREDENTIALS_FILE")
            .env("CARGO_HOME", &cargo)
            .env("RUSTUP_HOME", &rustup)
            .env("AWS_PROFILE", "nobodys")
            .env("AWS_REGION", "us-gov-west-1")
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
            .env("AWS_ACCESS_KEY_ID", "real")
            .env("AWS_SECRET_ACCESS_KEY", "real")
            .env("MOTO_ACCOUNT_ID", "999999999999")
            .env("PYTHONPATH", "/nowhere")
            .env("HTTP_PROXY", "http://127.0.0.1:1");
        if has_home {
            command.env("HOME", home.path());
        } else {
            command.env_remove("HOME");
        }
        let mut local = Local::spawn(command, folder);
        open_and_wait(&local);
        assert_eq!(local.end("TERM").code(), Some(0));
        assert!(local.left().is_empty(), "{:?} is left", local.left());
    }
}
