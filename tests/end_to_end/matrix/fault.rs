//! Faults.
use crate::controls::Control;
pub(super) async fn matrix<C: Control>() {
    let _ = super::runs::<C>();
}
