//! YAML, fenced into one file: what is read, within which limits, and where each node stands.

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Error, Location, Options, Spanned};

use crate::error::{Fault, Place};
use crate::nearest::did_you_mean;

/// The largest file that is read: the longest shipped document has a hundredth of it.
pub(crate) const LARGEST: u64 = 256 * 1024;

/// Limits that a handwritten document never meets and that stop a bomb at once: the crate's own
/// defaults are made for documents of 256 MB.
fn options() -> Options {
    let mut aliases = AliasLimits::default();
    aliases.max_total_replayed_events = 5_000;
    aliases.max_replay_stack_depth = 8;
    aliases.max_alias_expansions_per_anchor = 100;
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 50_000,
            max_nodes: 25_000,
            max_aliases: 100,
            max_anchors: 100,
            max_depth: 32,
            max_documents: 1,
            max_merge_keys: 0,
            max_recorded_anchor_events: 10_000,
            max_recorded_anchor_bytes: 256 * 1024,
            max_total_scalar_bytes: 256 * 1024,
            flow_nesting_limit: 32,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        alias_limits: aliases,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// Reads a text as `T`.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|e| fault(&e))
}

/// Reads where each node of a text stands.
pub(crate) fn places(text: &str) -> Result<Node, Fault> {
    serde_saphyr::from_str_with_options::<Spanned<Node>>(text, options())
        .map(|n| n.value)
        .map_err(|e| fault(&e))
}

fn place(location: Location) -> Place {
    let narrow = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Place {
        line: narrow(location.line()),
        column: narrow(location.column()),
        length: narrow(location.span().len()),
    }
}

fn fault(error: &Error) -> Fault {
    let mut at = error.location().map(place);
    let quoted = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
        names.join(", ")
    };
    let message = match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => match did_you_mean(field, expected) {
            Some(near) => format!("unknown field `{field}`; did you mean `{near}`?"),
            None => format!("unknown field `{field}`; known are {}", quoted(expected)),
        },
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => match did_you_mean(variant, expected) {
            Some(near) => format!("`{variant}` is not known here; did you mean `{near}`?"),
            None => format!("`{variant}` is not one of {}", quoted(expected)),
        },
        Error::SerdeMissingField { field, .. } => {
            // The place is where the mapping ends, which says nothing of the whole document's.
            at = at.filter(|p| p.column > 1);
            format!("the field `{field}` is missing")
        }
        Error::Eof { .. } => {
            at = at.filter(|p| p.line > 1);
            "it ends too early".to_owned()
        }
        Error::InvalidScalar { ty, .. } if ty.starts_with(['u', 'i']) => {
            "this is no whole number, or not one that fits here".to_owned()
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("`{key}` is here a second time; keep one")
        }
        Error::MergeKeyNotAllowed { .. } => {
            "merge keys (`<<`) are not read; write the members out".to_owned()
        }
        Error::Budget {
            breach: BudgetBreach::Documents { .. },
            ..
        }
        | Error::MultipleDocuments { .. } => {
            "a second document begins here; a file holds one: move it to a file of its own"
                .to_owned()
        }
        Error::AliasError { error, .. } => fault(error).message,
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::Budget {
            breach: BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. },
            ..
        } => {
            "aliases (`*name`) repeat more than a document may hold; write out what they stand for"
                .to_owned()
        }
        Error::Budget {
            breach: BudgetBreach::Depth { .. },
            ..
        } => TOO_DEEP.to_owned(),
        Error::Budget { .. } => {
            format!(
                "this is more than a document may hold ({}); split it",
                first_line(&error.to_string())
            )
        }
        Error::UnknownAnchor { .. } => {
            "this alias (`*name`) stands for nothing; put a text that begins with `*` in quotes"
                .to_owned()
        }
        Error::UnsupportedTag { .. } => "tags (`!name`) are not read; leave it out".to_owned(),
        other => plain(&other.to_string()),
    };
    Fault { at, message }
}

const TOO_DEEP: &str = "lists and mappings are nested too deeply here; no document needs that";

/// A parser's words, and what people do about it.
const PLAINLY: &[(&str, &str)] = &[
    (
        "tabs disallowed",
        "a tab stands where the line is indented; YAML wants spaces there",
    ),
    (
        "did not find expected key",
        "this line begins further left than its neighbours above; begin it where they begin",
    ),
    (
        "mapping values are not allowed",
        "a `: ` can't stand inside a value; put the text in quotes, or begin the line where its \
         neighbours begin",
    ),
    (
        "simple key expected ':'",
        "this line is no `name: value`; is the space after the colon missing?",
    ),
    (
        "while parsing a flow sequence, expected",
        "the list that was opened by `[` isn't closed; a `]` is missing before this",
    ),
    (
        "while parsing a flow mapping, expected",
        "the mapping that was opened by `{` isn't closed; a `}` is missing before this",
    ),
    (
        "invalid indentation in multiline quoted scalar",
        "a text in quotes goes on here; its closing quote is missing further up",
    ),
    (
        "unexpected character: `\\u{0}'",
        "a NUL byte stands here; take it out",
    ),
    (
        "parsed date is not valid",
        "there is no such day; look at its month's length",
    ),
];

/// Messages of derived and foreign readers that don't say what is wanted.
fn plain(message: &str) -> String {
    if message.contains("untagged enum Desired") {
        return "write `before`, `after`, or the facets that are wanted".to_owned();
    }
    if message.contains("recursion limit") {
        return TOO_DEEP.to_owned();
    }
    for (part, plainly) in PLAINLY {
        if message.contains(part) {
            return (*plainly).to_owned();
        }
    }
    if message.starts_with("failed to parse") {
        return "this is no time; write it like 2026-01-31T18:00:00Z".to_owned();
    }
    first_line(message)
}

/// The crate's messages end in `at line 3, column 7`, which is said already.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or(line);
    line.trim_end_matches(['.', ':']).to_owned()
}

/// A node of a document, for its places only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    members: Vec<(Option<String>, Child)>,
}

#[derive(Debug, Clone)]
struct Child {
    key: Option<Place>,
    value: Place,
    node: Node,
}

/// One step on the way to a node.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'s> {
    /// A member of a mapping.
    In(&'s str),
    /// A member of a sequence.
    At(usize),
}

impl Node {
    /// The place of the value there, or of the nearest node on the way that exists.
    pub(crate) fn value(&self, way: &[Step<'_>]) -> Option<Place> {
        self.last(way).map(|c| c.value)
    }

    /// The place of the key there: right for values that begin on a line of their own.
    pub(crate) fn key(&self, way: &[Step<'_>]) -> Option<Place> {
        self.last(way).map(|c| c.key.unwrap_or(c.value))
    }

    /// Where the mapping or list there begins: its first member.
    pub(crate) fn start(&self, way: &[Step<'_>]) -> Option<Place> {
        let node = match self.last(way) {
            Some(child) => &child.node,
            None => self,
        };
        let first = node.members.first().map(|(_, c)| c.key.unwrap_or(c.value));
        first.or_else(|| self.value(way))
    }

    fn last(&self, way: &[Step<'_>]) -> Option<&Child> {
        let (mut node, mut last) = (self, None);
        for step in way {
            let found = match step {
                Step::In(name) => node
                    .members
                    .iter()
                    .find(|(key, _)| key.as_deref() == Some(*name)),
                Step::At(index) => node.members.get(*index),
            };
            let Some((_, child)) = found else { break };
            last = Some(child);
            node = &child.node;
        }
        last
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Nodes;

        impl<'de> Visitor<'de> for Nodes {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("YAML")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut node = Node::default();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    let child = map.next_value::<Spanned<Node>>()?;
                    node.members.push((
                        Some(key.value),
                        Child {
                            key: Some(place(key.referenced)),
                            value: place(child.referenced),
                            node: child.value,
                        },
                    ));
                }
                Ok(node)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let mut node = Node::default();
                while let Some(child) = seq.next_element::<Spanned<Node>>()? {
                    node.members.push((
                        None,
                        Child {
                            key: None,
                            value: place(child.referenced),
                            node: child.value,
                        },
                    ));
                }
                Ok(node)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
                Ok(Node::default())
            }
            fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
                Ok(Node::default())
            }
            fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
                Ok(Node::default())
            }
            fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
                Ok(Node::default())
            }
            fn visit_str<E>(self, _: &str) -> Result<Node, E> {
                Ok(Node::default())
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::default())
            }
            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::default())
            }
        }

        from.deserialize_any(Nodes)
    }
}
