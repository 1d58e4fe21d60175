//! Denials.
