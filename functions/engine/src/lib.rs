//! The order of work, through small ports: look, claim, apply, verify, close, undo.

pub mod port;
