//! A panic is a mistake of ours: one line says so, without a trace that nobody asked for.

use crate::ending::Ending;

/// From here on a panic of any thread prints one line and ends the process.
pub(crate) fn say_one_line() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic
            .location()
            .map(|l| format!(" ({}:{})", l.file(), l.line()))
            .unwrap_or_default();
        // Not `eprintln`: it panics where standard error is closed.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("undrift: this is a mistake of undrift's own{at}; please report it\n")
                .as_bytes(),
        );
        std::process::exit(Ending::Blind.code().into());
    }));
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    /// Set for the child that is to die.
    const CHILD: &str = "UNDRIFT_TEST_PANICS";

    #[test]
    fn a_panic_is_one_line_and_code_3() {
        if std::env::var_os(CHILD).is_some() {
            super::say_one_line();
            panic!("secret words");
        }
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "panics::tests::a_panic_is_one_line_and_code_3",
                "--nocapture",
            ])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8(child.stderr).unwrap();
        assert_eq!(child.status.code(), Some(3), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains("panics.rs") && !said.contains("secret"),
            "{said}"
        );
    }
}
