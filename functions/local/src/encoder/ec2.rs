//! EC2, whose older actions are recorded in a form of their own and whose newer ones as XML.

pub(super) mod newer;
pub(super) mod older;
pub(super) mod older_answer;
