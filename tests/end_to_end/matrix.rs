//! Crashes and faults at every call in the way, for every control, on the local account and by the
//! real binaries.
//!
//! A clean run is recorded at the wire. Then each of its calls has its cells: the function is
//! killed (SIGKILL) just before AWS sees the call, and just after it was done; and each fault that
//! the call may meet. In each cell a resource is spoilt, the cell's failure strikes exactly that
//! call, the message comes again, and in the end the resource must be what it was, with exactly one
//! closed record that says what is true. Which cells there must be is derived from the plan and
//! from what the kind reads ([`derive`](mod@derive)): one that wasn't run fails.
//!
//! They take long, and run on command only: `UNDRIFT_MATRIX=usual` in the environment of `cargo test`
//! runs four controls of different shapes, `UNDRIFT_MATRIX=all` all of them. A control's failing
//! cells are all printed.

mod crash;
mod denial;
mod derive;
mod ends;
mod fault;
mod lane;
mod place;
mod tally;

use crate::controls::{Control, every_control};

/// The controls of a usual run: a revoke that commutes with other people's edits, a whole document
/// that is looked at twice, a policy that is detached, an attribute that is set.
const USUAL: [&str; 4] = [
    "ec2-security-group-open-admin-ports",
    "s3-bucket-policy-public",
    "iam-admin-policy-attached",
    "ec2-snapshot-shared-publicly-or-foreign",
];

fn runs<C: Control>() -> bool {
    match std::env::var("UNDRIFT_MATRIX").as_deref() {
        Ok("all") => true,
        Ok("usual") => USUAL.contains(&C::POLICY),
        _ => false,
    }
}

macro_rules! matrices {
    ($($test:ident: $control:ty;)*) => {
        const POLICIES: &[&str] = &[$(<$control as Control>::POLICY),*];

        mod crashes {
            $(#[tokio::test]
            async fn $test() {
                super::crash::matrix::<$control>().await;
            })*
        }

        mod faults {
            $(#[tokio::test]
            async fn $test() {
                super::fault::matrix::<$control>().await;
            })*
        }
    };
}

every_control!(matrices);

/// A usual run has the controls it says.
#[test]
fn the_usual_controls_exist() {
    for policy in USUAL {
        assert!(POLICIES.contains(&policy), "no control {policy}");
    }
}
