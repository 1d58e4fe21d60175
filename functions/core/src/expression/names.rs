//! Checks every name of an expression against the kind's typed state.

use serde_json::Value;

use super::tree::{Each, Node};
use super::{DEEPEST, ExpressionError};
use crate::kind::{FacetName, Kind};

/// Functions and methods of CEL that policies may use, with how many arguments they take (a
/// method's target is one).
const FUNCTIONS: [(&str, usize); 7] = [
    ("size", 1),
    ("int", 1),
    ("string", 1),
    ("double", 1),
    ("contains", 2),
    ("startsWith", 2),
    ("endsWith", 2),
];

/// The functions about policy documents.
const IAM: [&str; 4] = ["iam.public", "iam.foreign", "iam.admin", "iam.privesc"];

/// What a part of an expression is, as far as names are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Type {
    /// All facets.
    State,
    /// The document's parameters.
    Params,
    /// A list of a facet's elements.
    Elements(String),
    /// An element of a facet.
    Element(String),
    /// A literal.
    Literal,
    /// Anything else.
    Any,
}

/// The functions that a tree calls whose parameters are to be checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Calls {
    /// `net.open`.
    pub(super) open: bool,
    /// One of `iam.*`.
    pub(super) iam: bool,
}

/// Checks a tree; says what it calls.
pub(super) fn check(
    tree: &Node,
    kind: &dyn Kind,
    params: &Value,
) -> Result<Calls, ExpressionError> {
    let mut names = Names {
        kind,
        params,
        bound: Vec::new(),
        loops: 0,
        calls: Calls::default(),
    };
    names.check(tree)?;
    Ok(names.calls)
}

struct Names<'n> {
    kind: &'n dyn Kind,
    params: &'n Value,
    bound: Vec<(String, Type)>,
    loops: usize,
    calls: Calls,
}

fn unknown(name: String, known: &[&str]) -> ExpressionError {
    ExpressionError::Unknown {
        name,
        known: known.join(", "),
    }
}

impl Names<'_> {
    fn check(&mut self, node: &Node) -> Result<Type, ExpressionError> {
        match node {
            Node::Text(_) | Node::Literal => Ok(Type::Literal),
            Node::Name(name) => self.root(name),
            Node::Select { of, member } => {
                let of_type = self.check(of)?;
                self.member(of, &of_type, member)
            }
            Node::List(items) => {
                let mut all = Vec::new();
                for item in items {
                    all.push(self.check(item)?);
                }
                Ok(match all.split_first() {
                    Some((Type::Element(facet), rest))
                        if rest.iter().all(|t| *t == Type::Element(facet.clone())) =>
                    {
                        Type::Elements(facet.clone())
                    }
                    _ => Type::Any,
                })
            }
            Node::Call {
                target,
                function,
                arguments,
            } => self.call(target.as_deref(), function, arguments),
            Node::Each(each) => self.each(each),
            Node::Other => Err(unknown("{…}".to_owned(), &["lists", "members", "calls"])),
        }
    }

    fn root(&self, name: &str) -> Result<Type, ExpressionError> {
        if let Some((_, bound)) = self.bound.iter().rev().find(|(n, _)| n == name) {
            return Ok(bound.clone());
        }
        match name {
            "state" => Ok(Type::State),
            "params" => Ok(Type::Params),
            _ => {
                let mut known = vec!["state", "params", "net.open"];
                known.extend(IAM);
                known.extend(
                    self.bound
                        .iter()
                        .map(|(n, _)| n.as_str())
                        .filter(|n| plain(n)),
                );
                Err(unknown(name.to_owned(), &known))
            }
        }
    }

    fn member(&self, of: &Node, of_type: &Type, member: &str) -> Result<Type, ExpressionError> {
        let name = || match of {
            Node::Name(root) => format!("{root}.{member}"),
            _ => member.to_owned(),
        };
        match of_type {
            Type::State => {
                let facets = self.kind.facets();
                if facets.contains(&member) {
                    return Ok(Type::Elements(member.to_owned()));
                }
                Err(unknown(name(), facets))
            }
            Type::Params => {
                let known = self.params.as_object();
                let known: Vec<&str> = known
                    .into_iter()
                    .flatten()
                    .map(|(k, _)| k.as_str())
                    .collect();
                if known.contains(&member) {
                    return Ok(Type::Any);
                }
                Err(unknown(name(), &known))
            }
            Type::Element(facet) => {
                let schema = self.kind.element_schema(&FacetName::from(facet.as_str()));
                let members = schema.get("properties").and_then(Value::as_object);
                let Some(members) = members else {
                    return Ok(Type::Any);
                };
                if members.contains_key(member) {
                    return Ok(Type::Any);
                }
                let known: Vec<&str> = members.keys().map(String::as_str).collect();
                Err(unknown(name(), &known))
            }
            Type::Elements(facet) => Err(ExpressionError::Misused {
                name: name(),
                why: format!(
                    "asks a list for a member; choose its elements, as in `state.{facet}.filter(r, r.{member} …)`"
                ),
            }),
            Type::Literal => Err(ExpressionError::Misused {
                name: name(),
                why: "asks a literal for a member".to_owned(),
            }),
            Type::Any => Ok(Type::Any),
        }
    }

    fn call(
        &mut self,
        target: Option<&Node>,
        function: &str,
        arguments: &[Node],
    ) -> Result<Type, ExpressionError> {
        match target {
            Some(Node::Name(namespace)) if namespace == "net" => {
                if function != "open" {
                    return Err(unknown(format!("net.{function}"), &["net.open"]));
                }
                self.calls.open = true;
                return self.on_list("net.open", "rules", arguments);
            }
            Some(Node::Name(namespace)) if namespace == "iam" => {
                let name = format!("iam.{function}");
                if !IAM.contains(&name.as_str()) {
                    return Err(unknown(name, &IAM));
                }
                self.calls.iam = true;
                return self.on_list(&name, "elements", arguments);
            }
            _ => {}
        }
        let mut types = Vec::new();
        for node in target.into_iter().chain(arguments) {
            types.push(self.check(node)?);
        }
        match (function, types.as_slice()) {
            ("_[_]" | "_[?_]", [of, _]) => match (target.into_iter().chain(arguments).nth(1), of) {
                (Some(Node::Text(member)), of) => {
                    let name = target.or(arguments.first()).unwrap_or(&Node::Literal);
                    self.member(name, of, member)
                }
                (_, Type::State | Type::Element(_)) => Err(ExpressionError::Misused {
                    name: "[…]".to_owned(),
                    why: "names a member by what is only known later; name it as in `state.name`"
                        .to_owned(),
                }),
                (_, Type::Elements(facet)) => Ok(Type::Element(facet.clone())),
                _ => Ok(Type::Any),
            },
            ("_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_", [a, b]) => {
                let is_list = |t: &Type| matches!(t, Type::Elements(_) | Type::State);
                if (is_list(a) && *b == Type::Literal) || (is_list(b) && *a == Type::Literal) {
                    return Err(ExpressionError::Misused {
                        name: function.trim_matches('_').to_owned(),
                        why: "compares a whole list with a text or number; compare its elements, as in \
                              `.filter(r, r.protocol == \"-1\")`"
                            .to_owned(),
                    });
                }
                Ok(Type::Any)
            }
            ("_+_", [a, b]) | ("_?_:_", [_, a, b]) => Ok(joined(a, b)),
            (name, _) if is_operator(name) => Ok(Type::Any),
            (name, given) => match FUNCTIONS.iter().find(|(known, _)| *known == name) {
                Some((_, takes)) if *takes == given.len() => Ok(Type::Any),
                Some((_, takes)) => Err(ExpressionError::Misused {
                    name: name.to_owned(),
                    why: format!(
                        "takes {}",
                        arguments_of(takes - usize::from(target.is_some()))
                    ),
                }),
                None => {
                    let mut known = vec![
                        "net.open", IAM[0], IAM[1], IAM[2], "filter", "exists", "all", "map", "has",
                    ];
                    known.extend(FUNCTIONS.map(|(name, _)| name));
                    Err(unknown(name.to_owned(), &known))
                }
            },
        }
    }

    /// A function that takes a list of elements and `params`, and gives those that are wrong.
    fn on_list(
        &mut self,
        name: &str,
        what: &str,
        arguments: &[Node],
    ) -> Result<Type, ExpressionError> {
        let misused = |why: String| ExpressionError::Misused {
            name: name.to_owned(),
            why,
        };
        let first = self.kind.facets().first().copied().unwrap_or("facet");
        let [list, params] = arguments else {
            return Err(misused(format!(
                "takes {what} and params, as in `{name}(state.{first}, params)`"
            )));
        };
        let list = self.check(list)?;
        if self.check(params)? != Type::Params {
            return Err(misused(
                "takes `params` themselves as its second argument".to_owned(),
            ));
        }
        match list {
            Type::Elements(_) | Type::Any => Ok(list),
            _ => Err(misused(format!(
                "takes a list of {what} as its first argument, such as `state.{first}`"
            ))),
        }
    }

    fn each(&mut self, each: &Each) -> Result<Type, ExpressionError> {
        let over = self.check(&each.over)?;
        self.check(&each.first)?;
        if self.loops >= DEEPEST {
            return Err(ExpressionError::TooDeep);
        }
        let taken = |name: &String| matches!(name.as_str(), "state" | "params" | "net" | "iam");
        if let Some(name) = each.names.iter().find(|name| taken(name)) {
            return Err(ExpressionError::Misused {
                name: name.clone(),
                why: "has a meaning already; give the elements another name, such as `r`"
                    .to_owned(),
            });
        }
        let element = match over {
            Type::Elements(facet) => Type::Element(facet),
            Type::State | Type::Element(_) | Type::Literal => {
                return Err(ExpressionError::Misused {
                    name: "filter, exists, all, map".to_owned(),
                    why: "go through a list, such as `state.ingress`".to_owned(),
                });
            }
            _ => Type::Any,
        };
        let before = self.bound.len();
        let named = each.names.iter().cloned();
        self.bound.extend(named.map(|name| (name, element.clone())));
        self.loops += 1;
        self.bound.push((each.gathered.clone(), Type::Any));
        self.check(&each.condition)?;
        let step = self.check(&each.step)?;
        self.bound.truncate(before);
        self.loops -= 1;
        self.bound.push((each.gathered.clone(), step));
        let result = self.check(&each.result);
        self.bound.truncate(before);
        result
    }
}

/// A name that people wrote, not one that a macro brought.
fn plain(name: &str) -> bool {
    !name.starts_with(['@', '_'])
}

fn is_operator(name: &str) -> bool {
    name.starts_with(['_', '!', '-', '@'])
}

/// What either of two parts is: a list of elements, if one is and the other may be.
fn joined(a: &Type, b: &Type) -> Type {
    match (a, b) {
        (Type::Elements(f), Type::Elements(g)) if f == g => a.clone(),
        (Type::Elements(_), Type::Any) => a.clone(),
        (Type::Any, Type::Elements(_)) => b.clone(),
        _ => Type::Any,
    }
}

fn arguments_of(count: usize) -> String {
    match count {
        0 => "no argument".to_owned(),
        1 => "one argument".to_owned(),
        n => format!("{n} arguments"),
    }
}
