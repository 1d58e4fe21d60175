//! The adapters' own tests need the service SDKs, which no member links by itself: so that
//! `cargo test` is everything, they are run from here.

use std::process::Command;

use undrift_tests::sandbox::{binaries, root};

#[tokio::test]
async fn the_adapters_pass_their_tests_with_the_sdk() {
    // Built first, and with the same features, so that nothing is compiled twice at once.
    binaries().await;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let features = "undrift-aws/aws,undrift-aws/invoke,undrift-notify/aws";
    let run = Command::new(cargo)
        .current_dir(root())
        .args(["test", "--locked", "--features", features])
        .args(["--package", "undrift-aws", "--package", "undrift-notify"])
        .arg("--tests")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let passed = said.matches("test result: ok").count();
    assert!(passed >= 3, "the tests did not run:\n{said}");
}
