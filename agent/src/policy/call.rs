//! A call as people describe it, to ask a policy about without an agent.

use procwire_host::TargetFacts;
use serde::Deserialize;

use super::{
    Considered, Decision, Disclosure, Fact, Policy, Question, Target,
    decision::role_allows,
    question::first_class,
    vocabulary::{self, Words, short_name},
};
use crate::access::{PERMISSIONS, Permission, Principal, Role, RoleSet};

/// Who calls what on which process. What is left out of the target is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Call {
    /// Name of the caller.
    pub principal: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// The organisations of its certificate beside them.
    pub groups: Vec<String>,
    /// Serial number of its certificate, hexadecimal.
    pub serial: Option<String>,
    /// The address that it calls from.
    pub peer: Option<std::net::IpAddr>,
    /// "TerminateProcesses".
    pub method: String,
    /// What would be seen.
    pub data_class: Option<String>,
    /// What would be sent: "TERM".
    pub signal: Option<String>,
    /// What would be changed: "nice".
    pub settings: Option<Vec<String>>,
    /// Nothing would be done.
    pub dry_run: bool,
    /// The process that is acted on.
    pub target: CallTarget,
}

/// A process, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallTarget {
    /// Its pid; left out: 1000.
    pub pid: Option<u32>,
    /// Its uid.
    pub uid: Option<u32>,
    /// Name of its user.
    pub user: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Path of its program.
    pub executable: Option<String>,
    /// Its control group.
    pub cgroup: Option<String>,
    /// Its unit; empty: none.
    pub unit: Option<String>,
    /// Its container; empty: none.
    pub container: Option<String>,
}

/// What makes no sense in a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CallError(String);

/// A call that makes sense.
#[derive(Clone, Debug)]
pub(super) struct ParsedCall {
    principal: Principal,
    method: &'static Permission,
    classes: Vec<Disclosure>,
    signal: Fact<i32>,
    settings: Fact<Vec<String>>,
    dry_run: Fact<bool>,
    target: Fact<(u32, TargetFacts)>,
}

/// What becomes of a call, and why.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// What becomes of it. Never [`Decision::Later`].
    pub decision: Decision<'a>,
    /// The class of data that it was decided for, if any is read.
    pub data_class: Option<Disclosure>,
    /// What the built-in table of roles says.
    pub role_allows: bool,
    /// Each rule, in the order of the file.
    pub considered: Vec<Considered<'a>>,
}

impl Call {
    /// Checks it.
    pub(super) fn parse(&self) -> Result<ParsedCall, CallError> {
        let wrong = |problem: String| CallError(problem);
        let row = PERMISSIONS.iter().find(|row| short_name(row.method) == self.method || row.method == self.method);
        let method = row.ok_or_else(|| wrong(format!("method: {}", Words::Methods.complaint(&self.method))))?;
        let name = short_name(method.method);
        let (acts, reads) = (vocabulary::acts(name), first_class(name));
        let roles = self.roles.iter().map(|role| {
            let known = Role::ALL.into_iter().find(|known| known.name() == role);
            known.ok_or_else(|| wrong(format!("roles: {}", Words::Roles.complaint(role))))
        });
        let roles: RoleSet = roles.collect::<Result<Vec<_>, _>>()?.into_iter().collect();
        let mut groups = self.groups.clone();
        groups.extend(self.roles.iter().cloned());
        let principal = Principal {
            name: self.principal.clone(),
            roles,
            groups: groups.into(),
            certificate_serial: self.serial.clone(),
            peer: self.peer.map(|address| (address, 0).into()),
        };
        let only_if = |given: bool, fits: bool, what: &str| {
            if given && !fits { Err(wrong(format!("{what}: {name} has none"))) } else { Ok(()) }
        };
        only_if(self.data_class.is_some(), reads.is_some(), "data_class")?;
        only_if(self.signal.is_some(), acts && name != "UpdateProcess", "signal")?;
        only_if(self.settings.is_some(), name == "UpdateProcess", "settings")?;
        only_if(self.target != CallTarget::default(), acts, "target")?;
        only_if(self.dry_run, acts, "dry_run")?;
        let class = match &self.data_class {
            None => None,
            Some(name) => Some(
                Disclosure::from_name(name)
                    .ok_or_else(|| wrong(format!("data_class: {}", Words::DataClasses.complaint(name))))?,
            ),
        };
        let signal = match (&self.signal, name) {
            (Some(name), _) => {
                Fact::Known(signal(name).ok_or_else(|| wrong(format!("signal: {}", Words::Signals.complaint(name))))?)
            }
            (None, "TerminateProcesses") => Fact::Known(15),
            (None, "SignalProcesses") => return Err(wrong("signal: SignalProcesses has one; say which".to_owned())),
            (None, _) => Fact::Absent,
        };
        let settings = match (&self.settings, name) {
            (Some(paths), _) => {
                if let Some(odd) = paths.iter().find(|path| !Words::Settings.has(path)) {
                    return Err(wrong(format!("settings: {}", Words::Settings.complaint(odd))));
                }
                Fact::Known(paths.clone())
            }
            (None, "UpdateProcess") => return Err(wrong("settings: UpdateProcess changes some; say which".to_owned())),
            (None, _) => Fact::Absent,
        };
        Ok(ParsedCall {
            principal,
            method,
            classes: reads.map(|first| steps(first, class)).unwrap_or_default(),
            signal,
            settings,
            dry_run: if acts { Fact::Known(self.dry_run) } else { Fact::Absent },
            target: if acts { Fact::Known(self.target.parse()) } else { Fact::Absent },
        })
    }
}

/// Every class that must be allowed for one to be seen: the first of the method, the one that it is a step of, and itself.
fn steps(first: Disclosure, class: Option<Disclosure>) -> Vec<Disclosure> {
    let mut steps = vec![first];
    let before: &[Disclosure] = match class {
        Some(Disclosure::CmdlineSecrets) => &[Disclosure::Cmdline],
        Some(Disclosure::EnvironValues) => &[Disclosure::Environ],
        Some(Disclosure::EnvironSecrets) => &[Disclosure::Environ, Disclosure::EnvironValues],
        _ => &[],
    };
    steps.extend(before.iter().copied().chain(class).filter(|class| *class != first));
    steps
}

fn signal(name: &str) -> Option<i32> {
    let known = Words::Signals.has(name).then(|| procwire_proto::v1::Signal::from_code(name));
    known.and_then(|signal| signal.map_or_else(|| name.parse().ok(), |signal| Some(signal.into())))
}

impl CallTarget {
    fn parse(&self) -> (u32, TargetFacts) {
        let Self { pid, uid, user, name, executable, cgroup, unit, container } = self.clone();
        let bytes = |text: Option<String>| text.map(String::into_bytes);
        let facts = TargetFacts {
            uid,
            user: bytes(user),
            name: bytes(name),
            executable: bytes(executable),
            cgroup: bytes(cgroup),
            unit: bytes(unit),
            container: bytes(container),
            ..TargetFacts::default()
        };
        (pid.unwrap_or(1000), facts)
    }
}

impl Policy {
    /// What becomes of a call, and why.
    ///
    /// # Errors
    /// The call makes no sense: a field that its method does not have, a name that is none.
    pub fn explain(&self, call: &Call) -> Result<Explanation<'_>, CallError> {
        Ok(self.explain_parsed(&call.parse()?))
    }

    pub(super) fn explain_parsed(&self, call: &ParsedCall) -> Explanation<'_> {
        let classes: Vec<Option<Disclosure>> =
            if call.classes.is_empty() { vec![None] } else { call.classes.iter().copied().map(Some).collect() };
        let mut explained = self.explain_class(call, None);
        for class in classes {
            explained = self.explain_class(call, class);
            if !matches!(explained.decision, Decision::Allowed(_)) {
                break;
            }
        }
        explained
    }

    fn explain_class(&self, call: &ParsedCall, class: Option<Disclosure>) -> Explanation<'_> {
        let role_allows = role_allows(&call.principal, call.method, class);
        let question = Question {
            principal: &call.principal,
            method: short_name(call.method.method),
            role_allows,
            target: match &call.target {
                Fact::Known((pid, facts)) => Fact::Known(Target { pid: *pid, facts }),
                Fact::Absent | Fact::Later => Fact::Absent,
            },
            data_class: class.map_or(Fact::Absent, Fact::Known),
            signal: call.signal,
            settings: match &call.settings {
                Fact::Known(paths) => Fact::Known(paths),
                Fact::Absent | Fact::Later => Fact::Absent,
            },
            dry_run: call.dry_run,
        };
        Explanation {
            decision: self.decide(&question),
            data_class: class,
            role_allows,
            considered: self.consider(&question),
        }
    }
}
