//! An expression as a tree of our own, free of the CEL implementation.

use crate::kind::FacetName;

/// A part of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// A text.
    Text(String),
    /// Another literal.
    Literal,
    /// A name.
    Name(String),
    /// `of.member`, also in `has(of.member)`.
    Select {
        /// Of what.
        of: Box<Node>,
        /// The member.
        member: String,
    },
    /// `[a, b]`
    List(Vec<Node>),
    /// A call; operators are calls too.
    Call {
        /// What a method is called on.
        target: Option<Box<Node>>,
        /// The function's name.
        function: String,
        /// The arguments.
        arguments: Vec<Node>,
    },
    /// A macro, written out: `filter`, `exists`, `all`, `map`, `exists_one`.
    Each(Box<Each>),
    /// What policies have no use for: maps and structures.
    Other,
}

/// A macro, written out as the loop that it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Each {
    /// What is gone through.
    pub(super) over: Node,
    /// The names of what it finds there.
    pub(super) names: Vec<String>,
    /// The name of what is gathered.
    pub(super) gathered: String,
    /// What is gathered at first.
    pub(super) first: Node,
    /// Whether it goes on.
    pub(super) condition: Node,
    /// What is gathered next.
    pub(super) step: Node,
    /// What comes of it.
    pub(super) result: Node,
}

impl Node {
    /// The facet, where the whole is `net.open(state.<facet>, params)`.
    pub(super) fn whole_is_open(&self) -> Option<FacetName> {
        let Self::Call {
            target: Some(target),
            function,
            arguments,
        } = self
        else {
            return None;
        };
        let is_name = |node: &Self, name: &str| *node == Self::Name(name.to_owned());
        let [Self::Select { of, member }, params] = arguments.as_slice() else {
            return None;
        };
        (is_name(target, "net")
            && function == "open"
            && is_name(of, "state")
            && is_name(params, "params"))
        .then(|| FacetName::from(member.as_str()))
    }
}
