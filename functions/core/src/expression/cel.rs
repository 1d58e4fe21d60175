//! CEL, fenced into one file: parsing, evaluation, and a fence against its panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::common::ast::{Expr, LiteralValue};
use cel::{Context, ExecutionError, IdedExpr};
use serde_json::{Value, json};

use super::tree::{Each, Node};
use super::view::{FACET, KEY};
use super::{EvaluationError, ExpressionError, Found, MOST_NODES, Viewed};
use crate::iam::{self, Question, Said};
use crate::kind::{ElementKey, ElementPath, FacetName};
use crate::name::AccountId;
use crate::net;

/// A parsed expression.
pub(super) struct Program(cel::Program);

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Program")
    }
}

/// Runs what isn't ours: a panic becomes an error.
fn fenced<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let said = panic
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        format!("CEL panicked: {}", said.unwrap_or_default())
    })
}

/// Room for the parser, which goes as deep as a source of the longest length is nested: some
/// kilobytes for each of 2,048 brackets. Only what is used of it is ever taken.
const STACK: usize = 64 * 1024 * 1024;

/// Parses a source. What comes of it is so small that evaluating needs no such room.
pub(super) fn parse(source: &str) -> Result<(Program, Node), ExpressionError> {
    let parse = || {
        let parsed = fenced(|| cel::Program::compile(source)).map_err(ExpressionError::Syntax)?;
        let program = parsed.map_err(|e| ExpressionError::Syntax(e.to_string()))?;
        let mut left = MOST_NODES;
        let tree = node(program.expression(), &mut left)?;
        Ok((Program(program), tree))
    };
    let no_room = |why: String| {
        Err(ExpressionError::Syntax(format!(
            "it can't be parsed: {why}"
        )))
    };
    std::thread::scope(|scope| {
        let room = std::thread::Builder::new().stack_size(STACK);
        match room.spawn_scoped(scope, parse) {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|_| no_room("the parser panicked".to_owned())),
            Err(e) => no_room(e.to_string()),
        }
    })
}

/// `left`: how many nodes there may be still.
fn node(expr: &IdedExpr, left: &mut usize) -> Result<Node, ExpressionError> {
    *left = left.checked_sub(1).ok_or(ExpressionError::TooLong)?;
    let mut all = |exprs: &[IdedExpr]| {
        let nodes = exprs.iter().map(|e| node(e, left));
        nodes.collect::<Result<Vec<_>, _>>()
    };
    Ok(match &expr.expr {
        Expr::Literal(LiteralValue::String(text)) => Node::Text(text.inner().to_owned()),
        Expr::Literal(_) => Node::Literal,
        Expr::Ident(name) => Node::Name(name.clone()),
        Expr::Select(select) => Node::Select {
            of: Box::new(node(&select.operand, left)?),
            member: select.field.clone(),
        },
        Expr::List(list) => Node::List(all(&list.elements)?),
        Expr::Call(call) => {
            let arguments = all(&call.args)?;
            let target = call.target.as_deref().map(|t| node(t, left)).transpose()?;
            Node::Call {
                target: target.map(Box::new),
                function: call.func_name.clone(),
                arguments,
            }
        }
        Expr::Comprehension(c) => {
            let mut names = vec![c.iter_var.clone()];
            names.extend(c.iter_var2.clone());
            Node::Each(Box::new(Each {
                over: node(&c.iter_range, left)?,
                names,
                gathered: c.accu_var.clone(),
                first: node(&c.accu_init, left)?,
                condition: node(&c.loop_cond, left)?,
                step: node(&c.loop_step, left)?,
                result: node(&c.result, left)?,
            }))
        }
        Expr::Unspecified | Expr::Map(_) | Expr::Struct(_) => Node::Other,
    })
}

/// Evaluates a program whose work is bounded.
pub(super) fn evaluate(
    program: &Program,
    view: &Viewed<'_>,
    params: &Value,
) -> Result<Vec<Found>, EvaluationError> {
    let value = fenced(|| execute(program, view, params)).map_err(EvaluationError::Stopped)?;
    let Value::Array(items) = value.map_err(EvaluationError::Stopped)? else {
        return Err(EvaluationError::NotEvidence("no list".to_owned()));
    };
    items.iter().map(found).collect()
}

fn execute(program: &Program, view: &Viewed<'_>, params: &Value) -> Result<Value, String> {
    let mut context = Context::default();
    context
        .add_variable("state", view.state())
        .map_err(|e| e.to_string())?;
    context
        .add_variable("params", params)
        .map_err(|e| e.to_string())?;
    context
        .add_function("net.open", net_open)
        .map_err(|e| e.to_string())?;
    for question in Question::ALL {
        let account = view.account().clone();
        let name = format!("iam.{}", question.name());
        let ask = move |elements: Arc<Vec<cel::Value>>, params: cel::Value| {
            asked(question, &account, &elements, &params)
        };
        context
            .add_function(&name, ask)
            .map_err(|e| e.to_string())?;
    }
    let value = program.0.execute(&context).map_err(|e| e.to_string())?;
    value.json().map_err(|e| e.to_string())
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
    let key = |rule: &'_ Value| rule.get(KEY).and_then(Value::as_str).map(str::to_owned);
    let keys: Vec<String> = rules.iter().map(|r| key(r).unwrap_or_default()).collect();
    let named: Vec<(&str, &net::Reach)> = keys.iter().map(String::as_str).zip(&reaches).collect();
    let found: Vec<Value> = net::open(&named, &params)
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

/// `iam.public(state.policy, params)` and the like: the elements of which it is so, or can't be told.
fn asked(
    question: Question,
    account: &AccountId,
    elements: &[cel::Value],
    params: &cel::Value,
) -> Result<cel::Value, ExecutionError> {
    let fail = |why: String| ExecutionError::function_error("iam", why);
    let params = params.json().map_err(|e| fail(e.to_string()))?;
    let params: iam::Params = serde_json::from_value(params).map_err(|e| fail(e.to_string()))?;
    let elements: Vec<Value> = elements
        .iter()
        .map(|e| e.json().map_err(|e| fail(e.to_string())))
        .collect::<Result<_, _>>()?;
    // What is said of something else than an element would be said of nothing.
    if elements.iter().any(|e| !e.is_object()) {
        return Err(fail("it was given something else than elements".to_owned()));
    }
    let said = question.ask(&elements, account, &params);
    let mut found = Vec::new();
    for (mut element, said) in elements.into_iter().zip(said) {
        let (member, why) = match said {
            Said::Yes(why) => ("@why", why),
            Said::CannotTell(why) => ("@undecided", why),
            Said::No => continue,
        };
        if let Some(members) = element.as_object_mut() {
            members.insert(member.to_owned(), json!(why));
        }
        found.push(element);
    }
    cel::to_value(found).map_err(|e| fail(e.to_string()))
}

fn found(item: &Value) -> Result<Found, EvaluationError> {
    let text = |member: &str| item.get(member).and_then(Value::as_str);
    let (Some(facet), Some(key)) = (text(FACET), text(KEY)) else {
        let shown = item.to_string().chars().take(100).collect();
        return Err(EvaluationError::NotEvidence(shown));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_what_is_not_ours_is_an_error() {
        let said = fenced(|| -> () { panic!("on {}", "purpose") });
        assert_eq!(said, Err("CEL panicked: on purpose".to_owned()));
    }
}
