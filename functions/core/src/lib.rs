//! What Undrift knows, as data and pure functions: no AWS, no clock, no I/O.
//!
//! The modules follow the way a change goes through the house:
//!
//! | module | takes | gives |
//! |---|---|---|
//! | [`change`] | a CloudTrail record | a [`change::Change`]: who altered what, when, through what |
//! | [`kind`] | a change | the resources it touched and what the record itself shows of them |
//! | [`policy`] | a bundle | which changes are judged, what is wrong, what to do about it |
//! | [`route`](mod@route) | changes, bundle | which policies speak about which resource |
//! | [`judge`](mod@judge) | live image, touches, policies | [`judge::Assessment`]s with evidence |
//! | [`decide`](mod@decide) | assessments, modes, exemptions, pause | act, propose or leave |
//! | [`plan`](mod@plan) | images, evidence | the desired image and the calls that lead there |
//! | [`weigh`](mod@weigh) | all changes of a resource | the three above in one, and one merged plan |
//! | [`observe`] | a live image and the changes up to it | the dated images that later changes are judged against |
//! | [`follow`] | a resource's recorded changes, in order | the same without ever reading it |
//! | [`sweep`] | a live image and what is remembered | what is wrong that no event told of |
//! | [`record`] | all of the above | the audit entry that answers the nine questions |
//! | [`notice`] | a record | what people are told |

pub mod change;
pub mod decide;
pub mod expression;
pub mod follow;
pub mod iam;
pub mod judge;
pub mod kind;
pub mod name;
pub mod net;
pub mod notice;
pub mod observe;
pub mod plan;
pub mod policy;
pub mod record;
pub mod route;
pub mod sweep;
pub mod weigh;
