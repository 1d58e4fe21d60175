//! What depends on what: nobody compiles an SDK to work on policies, and one TLS stack is enough.

use std::process::Command;

use undrift_tests::sandbox::root;

/// The names of all packages that a package is built from.
fn built_from(package: &str, features: &[&str]) -> Vec<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .current_dir(root())
        .args([
            "tree",
            "--locked",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .args(["--format", "{p}", "--package", package])
        .args(features)
        .output()
        .unwrap();
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let text = String::from_utf8(tree.stdout).unwrap();
    let name = |line: &str| line.split(" (").next().unwrap_or_default().to_owned();
    text.lines().map(name).collect()
}

#[test]
fn pure_crates_and_the_command_link_no_service_sdk() {
    for package in [
        "undrift-core",
        "undrift-engine",
        "undrift-documents",
        "undrift-cli",
    ] {
        let all = built_from(package, &[]);
        assert!(
            all.iter().any(|p| p.starts_with("serde ")),
            "{package}: {all:?}"
        );
        let sdk = all.iter().find(|p| p.starts_with("aws-sdk-"));
        assert_eq!(sdk, None, "{package}");
    }
}

#[test]
fn the_core_reaches_no_runtime_and_no_network() {
    let all = built_from("undrift-core", &[]);
    for forbidden in ["tokio ", "hyper ", "reqwest ", "lambda_runtime ", "rustls "] {
        assert!(!all.iter().any(|p| p.starts_with(forbidden)), "{forbidden}");
    }
}

#[test]
fn the_function_has_one_http_and_tls_stack() {
    let all = built_from("undrift-ec2", &["--features", "undrift-ec2/aws"]);
    assert!(all.iter().any(|p| p.starts_with("aws-sdk-ec2 ")));
    for forbidden in ["hyper v0.14", "rustls v0.21", "aws-lc-sys "] {
        assert!(!all.iter().any(|p| p.starts_with(forbidden)), "{forbidden}");
    }
}

#[test]
fn the_janitor_links_no_sdk_of_a_service_that_it_has_no_right_on() {
    let all = built_from("undrift-janitor", &["--features", "undrift-janitor/aws"]);
    assert!(all.iter().any(|p| p.starts_with("aws-sdk-sqs ")));
    for forbidden in [
        "aws-sdk-ec2 ",
        "aws-sdk-s3 ",
        "aws-sdk-iam ",
        "aws-sdk-cloudtrail ",
    ] {
        assert!(!all.iter().any(|p| p.starts_with(forbidden)), "{forbidden}");
    }
}
