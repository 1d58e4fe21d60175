//! What a policy's `violation` says, and how it is evaluated.
//!
//! [`cel`] is the one file that touches the CEL implementation: it parses into a [`tree`], and
//! evaluates. [`names`] checks every name of a tree against the kind's typed state, also behind
//! short-circuits; [`work`] bounds what an evaluation may cost before it begins. Nothing that a
//! document or an image holds makes an evaluation long, large, or a panic.

mod cel;
mod names;
mod tree;
mod view;
mod work;

use serde_json::{Map, Value};

use crate::kind::{ElementPath, FacetName, Kind};
use crate::{iam, net};

pub use view::Viewed;

use tree::Node;

/// The longest source, in bytes.
const LONGEST_SOURCE: usize = 2048;
/// The most nodes of an expression, macros written out.
const MOST_NODES: usize = 256;
/// The most loops that stand in each other (`filter`, `exists`, `all`, `map`).
const DEEPEST: usize = 2;

/// Why an expression can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Longer than anybody needs.
    #[error("the expression is longer than {LONGEST_SOURCE} characters or {MOST_NODES} parts")]
    TooLong,
    /// Loops in loops in loops.
    #[error(
        "more than {DEEPEST} of `filter`, `exists`, `all` and `map` stand in each other; a group \
         of 1,000 rules would take minutes"
    )]
    TooDeep,
    /// Not CEL.
    #[error("the expression is not CEL: {0}")]
    Syntax(String),
    /// A name that means nothing here.
    #[error("`{name}` is unknown here; known are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// What could have been meant.
        known: String,
    },
    /// A name that is known, used as what it isn't.
    #[error("`{name}` {why}")]
    Misused {
        /// The name.
        name: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// Parameters that a function refuses.
    #[error("params of `{function}`: {why}")]
    Params {
        /// The function.
        function: &'static str,
        /// Why.
        why: String,
    },
}

/// Why an expression gave no verdict. The verdict then is "undecided", never "compliant".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// CEL stopped.
    #[error("the expression could not be evaluated: {0}")]
    Stopped(String),
    /// The result is no list of evidence.
    #[error("the expression gave {0}, not a list of elements")]
    NotEvidence(String),
    /// It would take too long, or too much memory.
    #[error(
        "the resource is too large for the expression: it has {elements} elements, and the \
         expression would take {work} steps of {most}"
    )]
    TooMuch {
        /// Elements of the resource.
        elements: usize,
        /// What evaluation would cost.
        work: u64,
        /// The most that is spent.
        most: u64,
    },
    /// A facet that the expression reads isn't known.
    #[error("`state.{0}` is not known of this resource")]
    Facet(String),
    /// An element that a function can't read.
    #[error("{0}")]
    Element(String),
}

/// One element that an expression names as wrong, or that it can't judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The element.
    pub path: ElementPath,
    /// Why it is wrong; or why that can't be told.
    pub why: Result<String, String>,
}

/// A compiled `violation`.
#[derive(Debug)]
pub struct Expression {
    program: cel::Program,
    tree: Node,
    params: Value,
    /// The facet and what is asked of it, where the whole expression is `net.open(state.X, params)`:
    /// the one that most policies have, and that needs no CEL.
    open: Option<(FacetName, net::Params)>,
}

impl Expression {
    /// Compiles an expression, and checks every name in it, also behind short-circuits.
    pub fn compile(
        source: &str,
        kind: &dyn Kind,
        params: &Map<String, Value>,
    ) -> Result<Self, ExpressionError> {
        if source.len() > LONGEST_SOURCE {
            return Err(ExpressionError::TooLong);
        }
        let (program, tree) = cel::parse(source)?;
        let params = Value::Object(params.clone());
        let calls = names::check(&tree, kind, &params)?;
        let mut open = None;
        if calls.iam {
            serde_json::from_value::<iam::Params>(params.clone()).map_err(|e| {
                ExpressionError::Params {
                    function: "iam.*",
                    why: e.to_string(),
                }
            })?;
        }
        if calls.open {
            let read = serde_json::from_value::<net::Params>(params.clone());
            let read = read.map_err(|e| ExpressionError::Params {
                function: "net.open",
                why: e.to_string(),
            })?;
            open = tree.whole_is_open().map(|facet| (facet, read));
        }
        Ok(Self {
            program,
            tree,
            params,
            open,
        })
    }

    /// The elements of an image that are wrong.
    pub fn evaluate(&self, view: &Viewed<'_>) -> Result<Vec<Found>, EvaluationError> {
        match &self.open {
            Some((facet, params)) => view.open(facet, params),
            None => self.evaluate_by_cel(view),
        }
    }

    /// As [`Self::evaluate`], by CEL whatever the expression.
    pub fn evaluate_by_cel(&self, view: &Viewed<'_>) -> Result<Vec<Found>, EvaluationError> {
        work::bound(&self.tree, view)?;
        cel::evaluate(&self.program, view, &self.params)
    }
}
