//! What may be done with values: comparisons, the logic that joins them, and a few functions of texts. Nothing that loops, adds up or
//! can fail for other reasons than an unknown fact.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use regex::RegexBuilder;

use super::{Checker, Type, Words};

/// What a compiled pattern may take.
const PATTERN_MAX_BYTES: usize = 256 << 10;

pub(super) fn call(checker: &mut Checker, called: &CallExpr) -> Result<Type, String> {
    let CallExpr { func_name, target, args } = called;
    match (func_name.as_str(), target.as_deref(), args.as_slice()) {
        (
            operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE,
            None,
            _,
        ) => {
            for operand in args {
                demand(checker, operand, &Type::Bool, "&&, || and ! join conditions")?;
            }
            Ok(Type::Bool)
        }
        (operators::CONDITIONAL, None, [choice, then, otherwise]) => {
            for operand in [choice, then, otherwise] {
                demand(checker, operand, &Type::Bool, "?: chooses between conditions")?;
            }
            Ok(Type::Bool)
        }
        (operators::EQUALS | operators::NOT_EQUALS, None, [left, right]) => same(checker, left, right),
        (
            operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
            None,
            [left, right],
        ) => {
            for operand in [left, right] {
                demand(checker, operand, &Type::Int, "<, <=, > and >= compare numbers")?;
            }
            Ok(Type::Bool)
        }
        (operators::IN, None, [element, list]) => within(checker, element, list),
        ("size", None, [of]) | ("size", Some(of), []) => match checker.type_of(of)? {
            Type::Text(_) | Type::List(_) | Type::EmptyList => Ok(Type::Int),
            other => Err(format!("asks for the size of {}", other.in_words())),
        },
        ("startsWith" | "endsWith" | "contains", Some(of), [argument]) => {
            for operand in [of, argument] {
                demand(checker, operand, &Type::Text(None), &format!("{func_name}() is asked of texts"))?;
            }
            Ok(Type::Bool)
        }
        ("matches", Some(of), [pattern]) => matches(checker, of, pattern),
        (name, _, _) => Err(format!(
            "uses {}, which rules do not have: comparisons, in, &&, ||, !, ?:, has(), size(), startsWith(), endsWith(), \
             contains(), matches(), exists() and all() are there",
            if name.starts_with(['_', '-', '@']) {
                name.trim_matches(['_', '@']).to_owned()
            } else {
                format!("{name}()")
            }
        )),
    }
}

fn demand(checker: &mut Checker, operand: &IdedExpr, wanted: &Type, rule: &str) -> Result<(), String> {
    let found = checker.type_of(operand)?;
    if found.compares_with(wanted) {
        return Ok(());
    }
    Err(format!("has {} where {} is wanted: {rule}", found.in_words(), wanted.in_words()))
}

fn same(checker: &mut Checker, left: &IdedExpr, right: &IdedExpr) -> Result<Type, String> {
    let (left_type, right_type) = (checker.type_of(left)?, checker.type_of(right)?);
    if !left_type.compares_with(&right_type) {
        return Err(format!("compares {} with {}", left_type.in_words(), right_type.in_words()));
    }
    known_words(&left_type, right)?;
    known_words(&right_type, left)?;
    Ok(Type::Bool)
}

fn within(checker: &mut Checker, element: &IdedExpr, list: &IdedExpr) -> Result<Type, String> {
    let element_type = checker.type_of(element)?;
    match checker.type_of(list)? {
        Type::EmptyList => Ok(Type::Bool),
        Type::List(of) if of.compares_with(&element_type) => {
            known_words(&element_type, list)?;
            known_words(&of, element)?;
            Ok(Type::Bool)
        }
        Type::List(of) => {
            Err(format!("looks for {} in a list of which each is {}", element_type.in_words(), of.in_words()))
        }
        other => Err(format!("looks for {} in {}; in takes a list", element_type.in_words(), other.in_words())),
    }
}

/// If a closed set of names is compared with texts that are written out, they must be among them.
fn known_words(of: &Type, literals: &IdedExpr) -> Result<(), String> {
    let words = match of {
        Type::Text(Some(words)) => *words,
        Type::List(element) => match **element {
            Type::Text(Some(words)) => words,
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    match &literals.expr {
        Expr::Literal(LiteralValue::String(word)) => known(words, word.inner()),
        Expr::List(list) => list.elements.iter().try_for_each(|element| match &element.expr {
            Expr::Literal(LiteralValue::String(word)) => known(words, word.inner()),
            _ => Ok(()),
        }),
        _ => Ok(()),
    }
}

fn known(words: Words, word: &str) -> Result<(), String> {
    if words.has(word) { Ok(()) } else { Err(words.complaint(word)) }
}

/// The pattern is written out, so that whether it is one is known when the policy is loaded.
fn matches(checker: &mut Checker, of: &IdedExpr, pattern: &IdedExpr) -> Result<Type, String> {
    demand(checker, of, &Type::Text(None), "matches() is asked of a text")?;
    demand(checker, pattern, &Type::Text(None), "matches() takes a pattern")?;
    let Expr::Literal(LiteralValue::String(text)) = &pattern.expr else {
        return Err("has matches() with a pattern that is not written out".to_owned());
    };
    let compiled = RegexBuilder::new(text.inner()).size_limit(PATTERN_MAX_BYTES).build();
    compiled.map(|_| Type::Bool).map_err(|error| {
        let words = error.to_string();
        let last = words.lines().last().unwrap_or_default().trim();
        format!("has a pattern {:?} that is none: {last}", text.inner())
    })
}
