//! The condition of one rule: CEL, parsed and checked once, evaluated for each question.
//!
//! The parts that `&&`, `||`, `!` and `?:` join are judged one by one, so that it is told apart whether a part is false, whether it hangs
//! on what this call does not have, and whether it failed; what CEL would answer for all of them is "error".

use std::{
    cmp::Ordering,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use cel::{
    ExecutionError, Value,
    common::{
        ast::{CallExpr, Expr, IdedExpr, operators},
        types::CelBool,
    },
    parser::Parser,
};

use super::{check, render::render, scope::Scope};

/// Longest condition: many times what a person reads.
pub(super) const CONDITION_MAX_BYTES: usize = 4096;

/// Nesting that the parser follows: each level takes it some 80 KiB of stack in a build without optimisation.
const NESTING_MAX: u16 = 48;

/// What a condition came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    /// It hangs on something that this call does not have, or not yet.
    Undecided,
    /// It hangs on something that could not be found out.
    Failed,
}

/// What a condition came to, and by which of its parts.
#[derive(Clone, Debug)]
pub(super) struct Finding<'a> {
    pub(super) truth: Truth,
    part: &'a IdedExpr,
    error: Option<String>,
}

/// Checked: it is true or false for every call of which all is known.
#[derive(Clone)]
pub(super) struct Condition {
    source: String,
    expression: IdedExpr,
    mentions: check::Mentions,
}

impl fmt::Debug for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.source)
    }
}

impl Condition {
    /// Call it where there is much stack: see [`super::document`].
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(source: &str) -> Result<Self, String> {
        if source.len() > CONDITION_MAX_BYTES {
            return Err(format!("has {} bytes; at most {CONDITION_MAX_BYTES} are taken", source.len()));
        }
        let parsed = Parser::new().max_recursion_depth(NESTING_MAX).parse(source);
        let expression = parsed.map_err(|errors| match errors.errors.first() {
            Some(error) => format!("{} at {}:{} of the condition", one_line(&error.msg), error.pos.0, error.pos.1 + 1),
            None => "cannot be parsed".to_owned(),
        })?;
        let mentions = check::condition(&expression)?;
        Ok(Self { source: source.to_owned(), expression, mentions })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn mentions(&self) -> &check::Mentions {
        &self.mentions
    }

    /// True if it is what the built-in table of roles says and no more: nothing needs to be evaluated for that.
    pub(super) fn is_role_allows(&self) -> bool {
        matches!(&self.expression.expr, Expr::Ident(name) if name == "role_allows")
    }

    pub(super) fn evaluate(&self, scope: &Scope) -> Finding<'_> {
        evaluate(&self.expression, scope)
    }

    /// The parts that `&&` joins: each must hold.
    pub(super) fn conjuncts(&self) -> Vec<check::Mentions> {
        let mut parts = Vec::new();
        let mut left = vec![&self.expression];
        while let Some(part) = left.pop() {
            match &part.expr {
                Expr::Call(CallExpr { func_name, args, .. }) if func_name == operators::LOGICAL_AND => {
                    left.extend(args);
                }
                _ => parts.push(check::mentions(part)),
            }
        }
        parts
    }
}

impl Finding<'_> {
    fn of(truth: Truth, part: &IdedExpr) -> Finding<'_> {
        Finding { truth, part, error: None }
    }

    /// For whoever asks why.
    pub(super) fn reason(&self) -> String {
        let part = render(self.part);
        match (&self.truth, &self.error) {
            (Truth::True, _) => format!("{part} holds"),
            (Truth::False, _) => format!("{part} does not hold"),
            (_, Some(error)) => format!("{part}: {error}"),
            (_, None) => part,
        }
    }
}

fn evaluate<'a>(expression: &'a IdedExpr, scope: &Scope) -> Finding<'a> {
    if let Expr::Call(CallExpr { func_name, target: None, args }) = &expression.expr {
        match (func_name.as_str(), args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => {
                let order = [Truth::False, Truth::Undecided, Truth::Failed, Truth::True];
                return first_of(expression, [left, right], scope, order);
            }
            (operators::LOGICAL_OR, [left, right]) => {
                let order = [Truth::True, Truth::Failed, Truth::Undecided, Truth::False];
                return first_of(expression, [left, right], scope, order);
            }
            (operators::LOGICAL_NOT, [operand]) => {
                let Finding { truth, error, .. } = evaluate(operand, scope);
                let truth = match truth {
                    Truth::True => Truth::False,
                    Truth::False => Truth::True,
                    other => other,
                };
                return Finding { truth, part: expression, error };
            }
            (operators::CONDITIONAL, [choice, then, otherwise]) => {
                let chosen = evaluate(choice, scope);
                return match chosen.truth {
                    Truth::True => evaluate(then, scope),
                    Truth::False => evaluate(otherwise, scope),
                    Truth::Undecided | Truth::Failed => chosen,
                };
            }
            _ => {}
        }
    }
    leaf(expression, scope)
}

/// Of two parts the one that decides: whose truth comes first in this order. If they are at one, it is the whole.
fn first_of<'a>(whole: &'a IdedExpr, parts: [&'a IdedExpr; 2], scope: &Scope, order: [Truth; 4]) -> Finding<'a> {
    let rank = |finding: &Finding<'_>| order.iter().position(|truth| *truth == finding.truth);
    let [left, right] = parts;
    let left = evaluate(left, scope);
    if rank(&left) == Some(0) {
        return left;
    }
    let right = evaluate(right, scope);
    match rank(&right).cmp(&rank(&left)) {
        Ordering::Less => right,
        Ordering::Greater => left,
        Ordering::Equal => Finding { part: whole, ..left },
    }
}

fn leaf<'a>(expression: &'a IdedExpr, scope: &Scope) -> Finding<'a> {
    // A defect of the library must not decide anything.
    let value = catch_unwind(AssertUnwindSafe(|| {
        let value = Value::resolve_val(expression, scope.context())?;
        Ok(value.downcast_ref::<CelBool>().map(|truth| *truth.inner()))
    }));
    let failed = |truth, error: String| Finding { truth, part: expression, error: Some(error) };
    match value {
        Ok(Ok(Some(true))) => Finding::of(Truth::True, expression),
        Ok(Ok(Some(false))) => Finding::of(Truth::False, expression),
        Ok(Err(ExecutionError::UndeclaredReference(name))) => {
            failed(Truth::Undecided, format!("this call has no {name}, or not yet"))
        }
        Ok(Err(ExecutionError::NoSuchKey(name))) => {
            failed(Truth::Failed, format!("the {name} of the target is unknown"))
        }
        Ok(Err(error)) => failed(Truth::Failed, one_line(&error.to_string())),
        Ok(Ok(None)) => failed(Truth::Failed, "is neither true nor false".to_owned()),
        Err(_) => failed(Truth::Failed, "the evaluation panicked".to_owned()),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
