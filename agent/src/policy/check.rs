//! The schema of conditions: which variables there are, of which type, and what may be done with them. What is not in it is an error
//! when the policy is loaded; what is left cannot run long, and fails only for want of a fact.

mod operations;

use std::collections::BTreeSet;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SelectExpr};

use self::operations::call;
use super::vocabulary::Words;

/// Parts of a condition: names, values, operators.
const PARTS_MAX: usize = 500;
/// How deep they are nested.
const DEPTH_MAX: usize = 64;

/// What an expression gives.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Type {
    Bool,
    Int,
    /// With the names that it can be, if they are a closed set.
    Text(Option<Words>),
    List(Box<Type>),
    /// A list without elements.
    EmptyList,
    Record(Record),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    Principal,
    Target,
}

/// The variables that an expression hangs on, the fields of the target as "target.user".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions(BTreeSet<String>);

impl Mentions {
    pub(super) fn has(&self, variable: &str) -> bool {
        self.0.contains(variable)
    }
}

/// Checks a whole condition.
pub(super) fn condition(expression: &IdedExpr) -> Result<Mentions, String> {
    let mut checker = Checker::default();
    match checker.type_of(expression)? {
        Type::Bool => Ok(checker.mentions),
        other => Err(format!("is {}; a condition is true or false", other.in_words())),
    }
}

/// What a part of a condition that has been checked hangs on.
pub(super) fn mentions(expression: &IdedExpr) -> Mentions {
    let mut checker = Checker::default();
    // Of a part of `exists(x, ...)` the variable would be unknown; parts are taken at the top only.
    let _ = checker.type_of(expression);
    checker.mentions
}

#[derive(Default)]
struct Checker {
    mentions: Mentions,
    parts: usize,
    depth: usize,
    /// Variables of `exists` and `all`.
    bound: Vec<(String, Type)>,
}

impl Checker {
    fn type_of(&mut self, expression: &IdedExpr) -> Result<Type, String> {
        self.parts += 1;
        self.depth += 1;
        if self.parts > PARTS_MAX || self.depth > DEPTH_MAX {
            return Err(format!("is too large: at most {PARTS_MAX} parts, {DEPTH_MAX} deep; make several rules of it"));
        }
        let found = self.type_of_kind(&expression.expr);
        self.depth -= 1;
        found
    }

    fn type_of_kind(&mut self, expression: &Expr) -> Result<Type, String> {
        match expression {
            Expr::Literal(value) => literal(value),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => self.field(select),
            Expr::List(list) if list.optional_indices.is_empty() => self.list(&list.elements),
            Expr::Call(called) => call(self, called),
            Expr::Comprehension(comprehension) => self.quantifier(comprehension),
            Expr::List(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err("makes a map, a message or an optional, which no rule needs".to_owned())
            }
        }
    }

    fn variable(&mut self, name: &str) -> Result<Type, String> {
        if let Some((_, found)) = self.bound.iter().rev().find(|(bound, _)| bound == name) {
            return Ok(found.clone());
        }
        let found = match name {
            "principal" => Type::Record(Record::Principal),
            "target" => Type::Record(Record::Target),
            "method" => Type::Text(Some(Words::Methods)),
            "data_class" => Type::Text(Some(Words::DataClasses)),
            "signal" => Type::Text(Some(Words::Signals)),
            "settings" => Type::List(Box::new(Type::Text(Some(Words::Settings)))),
            "acts" | "dry_run" | "role_allows" => Type::Bool,
            _ => {
                return Err(format!(
                    "{name:?} is no variable; principal, method, acts, target, data_class, signal, settings, dry_run and \
                     role_allows are"
                ));
            }
        };
        self.mentions.0.insert(name.to_owned());
        Ok(found)
    }

    fn field(&mut self, select: &SelectExpr) -> Result<Type, String> {
        let SelectExpr { operand, field, .. } = select;
        let Type::Record(record) = self.type_of(operand)? else {
            return Err(format!("has no field {field:?}: only principal and target have fields"));
        };
        let found = record.field(field)?;
        if record == Record::Target {
            self.mentions.0.insert(format!("target.{field}"));
        }
        // has(): whether it is known.
        Ok(if select.test { Type::Bool } else { found })
    }

    fn list(&mut self, elements: &[IdedExpr]) -> Result<Type, String> {
        let mut of = None;
        for element in elements {
            let found = self.type_of(element)?;
            match &of {
                None => of = Some(found),
                Some(first) if first.compares_with(&found) => {}
                Some(first) => {
                    return Err(format!("has a list of {} and {}", first.in_words(), found.in_words()));
                }
            }
        }
        Ok(of.map_or(Type::EmptyList, |of| Type::List(Box::new(of))))
    }

    /// `list.exists(x, condition)` and `list.all(x, condition)`, as the parser writes them out.
    fn quantifier(&mut self, comprehension: &cel::common::ast::ComprehensionExpr) -> Result<Type, String> {
        let only = || "only exists() and all() go over a list, by one variable".to_owned();
        if !self.bound.is_empty() {
            return Err("has exists() or all() within another one".to_owned());
        }
        let element = match self.type_of(&comprehension.iter_range)? {
            Type::List(element) => *element,
            Type::EmptyList => Type::Bool,
            other => return Err(format!("goes over {}; exists() and all() go over lists", other.in_words())),
        };
        let is_quantifier = comprehension.iter_var2.is_none()
            && matches!(&comprehension.accu_init.expr, Expr::Literal(LiteralValue::Boolean(_)));
        if !is_quantifier {
            return Err(only());
        }
        self.bound = vec![(comprehension.iter_var.clone(), element), (comprehension.accu_var.clone(), Type::Bool)];
        let made = self.type_of(&comprehension.loop_step);
        self.bound.clear();
        match made? {
            Type::Bool => Ok(Type::Bool),
            other => Err(format!("asks for {} in exists() or all(), which take a condition", other.in_words())),
        }
    }
}

impl Type {
    /// Texts of different closed sets compare: whether they ever are the same is asked of the words.
    fn compares_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(_), Self::Text(_)) => true,
            (Self::List(a), Self::List(b)) => a.compares_with(b),
            (Self::EmptyList, Self::List(_)) | (Self::List(_), Self::EmptyList) => true,
            (Self::Record(_), _) => false,
            _ => self == other,
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Bool => "a condition".to_owned(),
            Self::Int => "a number".to_owned(),
            Self::Text(_) => "a text".to_owned(),
            Self::List(_) | Self::EmptyList => "a list".to_owned(),
            Self::Record(Record::Principal) => "the principal as a whole".to_owned(),
            Self::Record(Record::Target) => "the target as a whole".to_owned(),
        }
    }
}

impl Record {
    fn field(self, name: &str) -> Result<Type, String> {
        match (self, name) {
            (Self::Principal, "name" | "serial" | "peer") => Ok(Type::Text(None)),
            (Self::Principal, "groups") => Ok(Type::List(Box::new(Type::Text(None)))),
            (Self::Principal, "roles") => Ok(Type::List(Box::new(Type::Text(Some(Words::Roles))))),
            (Self::Target, "pid" | "uid") => Ok(Type::Int),
            (Self::Target, "user" | "name" | "executable" | "cgroup" | "unit" | "container") => Ok(Type::Text(None)),
            (Self::Principal, _) => {
                Err(format!("principal has no field {name:?}; name, roles, groups, serial and peer are its fields"))
            }
            (Self::Target, _) => Err(format!(
                "target has no field {name:?}; pid, uid, user, name, executable, cgroup, unit and container are its fields"
            )),
        }
    }
}

fn literal(value: &LiteralValue) -> Result<Type, String> {
    match value {
        LiteralValue::Boolean(_) => Ok(Type::Bool),
        LiteralValue::Int(_) | LiteralValue::UInt(_) => Ok(Type::Int),
        LiteralValue::String(_) => Ok(Type::Text(None)),
        LiteralValue::Double(_) | LiteralValue::Bytes(_) => {
            Err("has a fraction or bytes, which no variable can be compared with".to_owned())
        }
        LiteralValue::Null => {
            Err("compares with null, which nothing is: what there is none of is \"\", and has() says what is known"
                .to_owned())
        }
    }
}
