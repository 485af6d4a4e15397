//! The variables of one question.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use cel::{Context, Env, Value, objects::Key};
use procwire_host::TargetFacts;

use super::{Fact, Question, question::Target, vocabulary};
use crate::access::{Principal, Role};

/// The functions and types of CEL's standard library; what of them a policy may use is decided when it is loaded.
static LIBRARY: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// What the conditions of rules are evaluated against. A fact that is absent, or comes later, is no variable.
pub(super) struct Scope(Context<'static, 'static>);

impl Scope {
    pub(super) fn new(question: &Question<'_>) -> Self {
        let Question { principal: caller, method, role_allows, target, data_class, signal, settings, dry_run } =
            question;
        let mut context = Context::with_env(Arc::clone(&LIBRARY));
        let mut set = |name: &str, value: Value| context.add_variable_from_value(name, value);
        set("principal", principal(caller));
        set("method", text(method));
        set("acts", Value::Bool(vocabulary::acts(method)));
        set("role_allows", Value::Bool(*role_allows));
        if let Fact::Known(found) = target {
            set("target", process(found));
        }
        if let Fact::Known(disclosure) = data_class {
            set("data_class", text(disclosure.name()));
        }
        if let Fact::Known(number) = signal {
            set("signal", text(&vocabulary::signal_name(*number)));
        }
        if let Fact::Known(paths) = settings {
            set("settings", texts(paths.iter().map(String::as_str)));
        }
        if let Fact::Known(is_dry) = dry_run {
            set("dry_run", Value::Bool(*is_dry));
        }
        Self(context)
    }

    /// With nothing but the method: what is false then is false for every caller and all data.
    pub(super) fn of_method(question: &Question<'_>) -> Self {
        let mut context = Context::with_env(Arc::clone(&LIBRARY));
        context.add_variable_from_value("method", text(question.method));
        context.add_variable_from_value("acts", Value::Bool(vocabulary::acts(question.method)));
        Self(context)
    }

    pub(super) fn context(&self) -> &Context<'static, 'static> {
        &self.0
    }
}

fn principal(caller: &Principal) -> Value {
    let Principal { name, roles, groups, certificate_serial, peer } = caller;
    record([
        ("name", Some(text(name))),
        ("roles", Some(texts(roles.iter().map(Role::name)))),
        ("groups", Some(texts(groups.iter().map(String::as_str)))),
        // The embedded agent's caller has neither.
        ("serial", Some(text(certificate_serial.as_deref().unwrap_or_default()))),
        (
            "peer",
            Some(Value::String(Arc::new(peer.map(|peer| peer.ip().to_canonical().to_string()).unwrap_or_default()))),
        ),
    ])
}

fn process(target: &Target<'_>) -> Value {
    let TargetFacts { uid, user, name, executable, cgroup, cgroups: _, unit, container } = target.facts;
    let known = |bytes: &Option<Vec<u8>>| {
        // Rules are texts. A name that is none is as good as unknown.
        bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(text)
    };
    record([
        ("pid", Some(Value::Int(target.pid.into()))),
        ("uid", uid.map(|uid| Value::Int(uid.into()))),
        ("user", known(user)),
        ("name", known(name)),
        ("executable", known(executable)),
        ("cgroup", known(cgroup)),
        ("unit", known(unit)),
        ("container", known(container)),
    ])
}

fn record<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let known = fields.into_iter().filter_map(|(name, value)| value.map(|value| (Key::from(name), value)));
    Value::from(known.collect::<HashMap<Key, Value>>())
}

fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

fn texts<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    Value::List(Arc::new(words.map(text).collect()))
}
