//! An expression as text again, for whoever is told which part of a condition decided.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

/// Longer parts are cut.
const SHOWN_MAX_CHARS: usize = 160;

pub(super) fn render(expression: &IdedExpr) -> String {
    let whole = text(expression);
    if whole.chars().count() <= SHOWN_MAX_CHARS {
        return whole;
    }
    whole.chars().take(SHOWN_MAX_CHARS).chain("...".chars()).collect()
}

fn text(expression: &IdedExpr) -> String {
    match &expression.expr {
        Expr::Ident(name) => name.clone(),
        Expr::Literal(value) => literal(value),
        Expr::Select(select) if select.test => format!("has({}.{})", text(&select.operand), select.field),
        Expr::Select(select) => format!("{}.{}", text(&select.operand), select.field),
        Expr::List(list) => format!("[{}]", joined(&list.elements)),
        Expr::Call(call) => called(call),
        Expr::Comprehension(comprehension) => {
            // What exists() and all() are made of: the step is "so far || condition", or "so far && condition".
            let step = match &comprehension.loop_step.expr {
                Expr::Call(CallExpr { func_name, args, .. }) => {
                    args.last().map(|last| (func_name.as_str(), text(last)))
                }
                _ => None,
            };
            let (operator, condition) = step.unwrap_or_default();
            let name = if operator == operators::LOGICAL_AND { "all" } else { "exists" };
            format!("{}.{name}({}, {condition})", text(&comprehension.iter_range), comprehension.iter_var)
        }
        Expr::Unspecified | Expr::Map(_) | Expr::Struct(_) => "(...)".to_owned(),
    }
}

fn called(call: &CallExpr) -> String {
    let CallExpr { func_name, target, args } = call;
    match (func_name.as_str(), target, args.as_slice()) {
        (operators::LOGICAL_NOT, None, [operand]) => format!("!{}", within(operand)),
        (operators::NEGATE, None, [operand]) => format!("-{}", within(operand)),
        (operators::CONDITIONAL, None, [choice, then, otherwise]) => {
            format!("{} ? {} : {}", within(choice), within(then), within(otherwise))
        }
        (operators::IN, None, [left, right]) => format!("{} in {}", within(left), within(right)),
        (name, None, [left, right]) if name.starts_with('_') => {
            format!("{} {} {}", within(left), name.trim_matches('_'), within(right))
        }
        (name, Some(target), _) => format!("{}.{name}({})", within(target), joined(args)),
        (name, None, _) => format!("{name}({})", joined(args)),
    }
}

/// An operand: with parentheses if it is made of operands itself.
fn within(expression: &IdedExpr) -> String {
    match &expression.expr {
        Expr::Call(CallExpr { func_name, target: None, .. })
            if func_name.starts_with('_') || func_name == operators::IN =>
        {
            format!("({})", text(expression))
        }
        _ => text(expression),
    }
}

fn joined(expressions: &[IdedExpr]) -> String {
    expressions.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn literal(value: &LiteralValue) -> String {
    match value {
        LiteralValue::Boolean(truth) => truth.inner().to_string(),
        LiteralValue::Int(number) => number.inner().to_string(),
        LiteralValue::UInt(number) => format!("{}u", number.inner()),
        LiteralValue::Double(number) => number.inner().to_string(),
        LiteralValue::String(text) => format!("{:?}", text.inner()),
        LiteralValue::Bytes(_) => "b\"...\"".to_owned(),
        LiteralValue::Null => "null".to_owned(),
    }
}
