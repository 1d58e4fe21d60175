//! CEL, fenced into one file: what a policy's `violation` says and how it is evaluated.

use std::sync::Arc;

use cel::common::ast::Expr;
use cel::{Context, ExecutionError, IdedExpr, Program};
use serde_json::{Map, Value, json};

use crate::kind::{ElementKey, ElementPath, FacetName, Image, Kind};
use crate::net;

/// The longest source: parsing and evaluating recurse, and 3,000 chained operators fit the stack.
const LONGEST_SOURCE: usize = 2048;
/// The most nodes of an expression.
const MOST_NODES: usize = 256;

/// Members of an element that say where it stands; no facet of AWS's has such names.
const FACET: &str = "@facet";
const KEY: &str = "@key";

/// Why an expression can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Longer than anybody needs.
    #[error("the expression is longer than {LONGEST_SOURCE} characters or {MOST_NODES} parts")]
    TooLong,
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
    program: Program,
    params: Value,
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
        let program =
            Program::compile(source).map_err(|e| ExpressionError::Syntax(e.to_string()))?;
        let mut names = Names {
            facets: kind.facets(),
            params,
            bound: Vec::new(),
            nodes: 0,
            calls_net_open: false,
        };
        names.check(program.expression())?;
        if names.calls_net_open {
            serde_json::from_value::<net::Params>(Value::Object(params.clone())).map_err(|e| {
                ExpressionError::Params {
                    function: "net.open",
                    why: e.to_string(),
                }
            })?;
        }
        Ok(Self {
            program,
            params: Value::Object(params.clone()),
        })
    }

    /// The elements of an image that are wrong.
    pub fn evaluate(&self, image: &Image) -> Result<Vec<Found>, EvaluationError> {
        let stopped = |e: String| EvaluationError::Stopped(e);
        let mut context = Context::default();
        context
            .add_variable("state", state(image))
            .map_err(|e| stopped(e.to_string()))?;
        context
            .add_variable("params", &self.params)
            .map_err(|e| stopped(e.to_string()))?;
        context
            .add_function("net.open", net_open)
            .map_err(|e| stopped(e.to_string()))?;
        let value = self
            .program
            .execute(&context)
            .map_err(|e| stopped(e.to_string()))?;
        let value = value.json().map_err(|e| stopped(e.to_string()))?;
        let Value::Array(items) = value else {
            return Err(EvaluationError::NotEvidence(short(&value)));
        };
        items.iter().map(found).collect()
    }
}

/// Checks names while it walks an expression.
struct Names<'n> {
    facets: &'n [&'n str],
    params: &'n Map<String, Value>,
    bound: Vec<String>,
    nodes: usize,
    calls_net_open: bool,
}

impl Names<'_> {
    fn check(&mut self, node: &IdedExpr) -> Result<(), ExpressionError> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(ExpressionError::TooLong);
        }
        match &node.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.root(name),
            Expr::Select(select) => {
                if let Expr::Ident(root) = &select.operand.expr
                    && !self.bound.contains(root)
                {
                    self.member(root, &select.field)?;
                }
                self.check(&select.operand)
            }
            Expr::List(list) => list.elements.iter().try_for_each(|e| self.check(e)),
            Expr::Call(call) => {
                let namespace = match call.target.as_deref().map(|t| &t.expr) {
                    Some(Expr::Ident(name)) if name == "net" && !self.bound.contains(name) => {
                        Some(name)
                    }
                    _ => None,
                };
                if let Some(namespace) = namespace {
                    if call.func_name != "open" {
                        return Err(ExpressionError::Unknown {
                            name: format!("{namespace}.{}", call.func_name),
                            known: "net.open".to_owned(),
                        });
                    }
                    self.calls_net_open = true;
                } else if let Some(target) = &call.target {
                    self.check(target)?;
                }
                call.args.iter().try_for_each(|a| self.check(a))
            }
            Expr::Comprehension(c) => {
                self.check(&c.iter_range)?;
                self.check(&c.accu_init)?;
                let before = self.bound.len();
                self.bound.push(c.iter_var.clone());
                self.bound.extend(c.iter_var2.clone());
                self.bound.push(c.accu_var.clone());
                self.check(&c.loop_cond)?;
                self.check(&c.loop_step)?;
                self.check(&c.result)?;
                self.bound.truncate(before);
                Ok(())
            }
            Expr::Map(_) | Expr::Struct(_) => Err(ExpressionError::Unknown {
                name: "{…}".to_owned(),
                known: "lists, members and calls".to_owned(),
            }),
        }
    }

    fn root(&self, name: &str) -> Result<(), ExpressionError> {
        if matches!(name, "state" | "params") || self.bound.iter().any(|b| b == name) {
            return Ok(());
        }
        Err(ExpressionError::Unknown {
            name: name.to_owned(),
            known: "state, params, net.open".to_owned(),
        })
    }

    fn member(&self, root: &str, member: &str) -> Result<(), ExpressionError> {
        let known: Vec<&str> = match root {
            "state" => self.facets.to_vec(),
            "params" => self.params.keys().map(String::as_str).collect(),
            _ => return Ok(()),
        };
        if known.contains(&member) {
            return Ok(());
        }
        Err(ExpressionError::Unknown {
            name: format!("{root}.{member}"),
            known: known.join(", "),
        })
    }
}

/// An image as an expression sees it: each facet a list of elements.
fn state(image: &Image) -> Value {
    let facets = image.facets.iter().map(|(name, elements)| {
        let list = elements.iter().map(|(key, element)| {
            let mut element = element.clone();
            if let Some(members) = element.as_object_mut() {
                members.insert(FACET.to_owned(), json!(name));
                members.insert(KEY.to_owned(), json!(key));
            }
            element
        });
        (name.to_string(), list.collect::<Value>())
    });
    Value::Object(facets.collect())
}

/// `net.open(rules, params)`: the rules that let the internet in, each with its reason.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form in which CEL hands arguments over"
)]
fn net_open(rules: Arc<Vec<cel::Value>>, params: cel::Value) -> Result<cel::Value, ExecutionError> {
    let fail = |why: String| ExecutionError::function_error("net.open", why);
    let params = params.json().map_err(|e| fail(e.to_string()))?;
    let params: net::Params = serde_json::from_value(params).map_err(|e| fail(e.to_string()))?;
    let rules: Vec<Value> = rules
        .iter()
        .map(|r| r.json().map_err(|e| fail(e.to_string())))
        .collect::<Result<_, _>>()?;
    let reaches: Vec<net::Reach> = rules
        .iter()
        .map(|r| net::Reach::of_rule(r).map_err(&fail))
        .collect::<Result<_, _>>()?;
    let found: Vec<Value> = net::open(&reaches, &params)
        .into_iter()
        .filter_map(|f| {
            let mut rule = rules.get(f.rule)?.clone();
            let (member, why) = match f.why {
                Ok(why) => ("@why", why),
                Err(why) => ("@undecided", why),
            };
            rule.as_object_mut()?.insert(member.to_owned(), json!(why));
            Some(rule)
        })
        .collect();
    cel::to_value(found).map_err(|e| fail(e.to_string()))
}

fn found(item: &Value) -> Result<Found, EvaluationError> {
    let text = |member: &str| item.get(member).and_then(Value::as_str);
    let (Some(facet), Some(key)) = (text(FACET), text(KEY)) else {
        return Err(EvaluationError::NotEvidence(short(item)));
    };
    Ok(Found {
        path: ElementPath {
            facet: FacetName::from(facet),
            key: ElementKey(key.to_owned()),
        },
        why: match text("@undecided") {
            Some(why) => Err(why.to_owned()),
            None => Ok(text("@why")
                .unwrap_or("is named by the policy's expression")
                .to_owned()),
        },
    })
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(100).collect()
}
