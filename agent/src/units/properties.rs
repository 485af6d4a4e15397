//! What systemd says of one unit: org.freedesktop.systemd1.Unit and the interface of its kind.

use std::{collections::HashMap, time::Duration};

use procwire_proto::v1::FieldErrorReason;
use zbus::{Array, Message, Structure, Variant, fdo};

use super::error::is_timeout;

/// The properties of a unit that are told. A unit of a kind that does not have one, and a number that systemd does not know, is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties {
    pub(crate) unit_file_state: String,
    pub(crate) main_pid: Option<u32>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) tasks: Option<u64>,
    pub(crate) restarts: Option<u64>,
    pub(crate) cgroup: Option<Vec<u8>>,
    pub(crate) user: Option<String>,
    /// Program and arguments of the first ExecStart.
    pub(crate) command: Vec<Vec<u8>>,
}

/// A unit could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PropertiesError {
    #[error("it was unloaded while the list was read")]
    Gone,
    #[error("systemd did not answer within {after:?}")]
    TimedOut { after: Duration },
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Garbled(String),
}

impl PropertiesError {
    pub(super) fn of(error: &zbus::Error, timeout: Duration) -> Self {
        if is_timeout(error) {
            return Self::TimedOut { after: timeout };
        }
        let zbus::Error::FDO(fdo) = error else { return Self::Garbled(error.to_string()) };
        match **fdo {
            fdo::Error::UnknownObject(_) | fdo::Error::UnknownInterface(_) => Self::Gone,
            fdo::Error::AccessDenied(_) => Self::Refused(error.to_string()),
            _ => Self::Garbled(error.to_string()),
        }
    }

    pub(crate) fn reason(&self) -> FieldErrorReason {
        match self {
            Self::Gone => FieldErrorReason::ReadFailed,
            Self::TimedOut { .. } => FieldErrorReason::Timeout,
            Self::Refused(_) => FieldErrorReason::PermissionDenied,
            Self::Garbled(_) => FieldErrorReason::InvalidData,
        }
    }
}

impl Properties {
    pub(super) fn parse(reply: &Message) -> Result<Self, PropertiesError> {
        let body = reply.body();
        let garbled = |error: zbus::Error| PropertiesError::Garbled(error.to_string());
        let all: HashMap<&str, Variant<'_>> = body.deserialize().map_err(garbled)?;
        Ok(Self {
            unit_file_state: text(&all, "UnitFileState")?.unwrap_or_default(),
            main_pid: small(&all, "MainPID")?.filter(|pid| *pid > 0),
            memory_bytes: known(&all, "MemoryCurrent")?,
            tasks: known(&all, "TasksCurrent")?,
            restarts: small(&all, "NRestarts")?.map(u64::from),
            cgroup: text(&all, "ControlGroup")?.filter(|path| !path.is_empty()).map(String::into_bytes),
            user: text(&all, "User")?,
            command: all.get("ExecStart").map(command).transpose()?.unwrap_or_default(),
        })
    }
}

type All<'a> = HashMap<&'a str, Variant<'a>>;

fn text(all: &All<'_>, name: &str) -> Result<Option<String>, PropertiesError> {
    match all.get(name) {
        None => Ok(None),
        Some(Variant::Str(text)) => Ok(Some(text.to_string())),
        Some(_) => Err(odd(name)),
    }
}

fn small(all: &All<'_>, name: &str) -> Result<Option<u32>, PropertiesError> {
    match all.get(name) {
        None => Ok(None),
        Some(Variant::U32(number)) => Ok(Some(*number)),
        Some(_) => Err(odd(name)),
    }
}

/// `CGROUP_LIMIT_MAX` is what systemd says where it does not know.
fn known(all: &All<'_>, name: &str) -> Result<Option<u64>, PropertiesError> {
    match all.get(name) {
        None | Some(Variant::U64(u64::MAX)) => Ok(None),
        Some(Variant::U64(number)) => Ok(Some(*number)),
        Some(_) => Err(odd(name)),
    }
}

/// `a(sasbttttuii)`: path, arguments, and when it ran. The first argument is a name that the unit may choose; the path is what is run.
fn command(commands: &Variant<'_>) -> Result<Vec<Vec<u8>>, PropertiesError> {
    let Variant::Array(commands) = commands else { return Err(odd("ExecStart")) };
    let Some(first) = commands.inner().first() else { return Ok(Vec::new()) };
    let [Variant::Str(path), Variant::Array(arguments), ..] = fields(first) else { return Err(odd("ExecStart")) };
    let mut words = vec![path.as_bytes().to_vec()];
    for argument in Array::inner(arguments).iter().skip(1) {
        let Variant::Str(argument) = argument else { return Err(odd("ExecStart")) };
        words.push(argument.as_bytes().to_vec());
    }
    Ok(words)
}

fn fields<'v, 'a>(value: &'v Variant<'a>) -> &'v [Variant<'a>] {
    match value {
        Variant::Structure(structure) => Structure::fields(structure),
        _ => &[],
    }
}

fn odd(name: &str) -> PropertiesError {
    PropertiesError::Garbled(format!("the property {name} is of a type that systemd does not document"))
}
