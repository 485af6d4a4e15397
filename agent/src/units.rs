//! systemd's units by D-Bus: org.freedesktop.systemd1(5). A connection lives as long as the list it was made for.
//!
//! What a bus says is taken for what anybody could say: in bounded time, in bounded room, and with every type checked.

mod error;
mod glob;
mod properties;
mod socket;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use procwire_host::Roots;
use tokio::{
    net::UnixStream,
    time::{Instant, timeout_at},
};
use zbus::{Connection, Message, OwnedObjectPath, connection::Builder, fdo};

use self::{error::Step, socket::Budget};
pub(crate) use self::{
    error::UnitsError,
    glob::Pattern,
    properties::{Properties, PropertiesError},
};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// Units whose names are matched before others have their turn: at most a millisecond with 32 patterns.
const MATCHED_AT_A_TIME: usize = 64;

/// A unit as the list of systemd has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedUnit {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) load_state: String,
    pub(crate) active_state: String,
    pub(crate) sub_state: String,
    path: OwnedObjectPath,
}

/// As systemd writes it: with the unit that is followed, and a job.
type WireUnit = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

/// A connection to systemd.
#[derive(Clone, Debug)]
pub(crate) struct Systemd {
    connection: Connection,
    budget: Arc<Budget>,
    timeout: Duration,
}

impl Systemd {
    /// Connects to the system bus of a host on which systemd runs. Its own socket for root (`/run/systemd/private`) is left alone: it signs
    /// what it says there with a name that is none of a bus, which zbus does not take.
    pub(crate) async fn connect(roots: &Roots, timeout: Duration) -> Result<Self, UnitsError> {
        // What sd_booted(3) looks at.
        let booted = roots.run.join("systemd/system");
        if !booted.is_dir() {
            return Err(UnitsError::NoSystemd { missing: booted });
        }
        let deadline = Instant::now() + timeout;
        let bus = roots.run.join("dbus/system_bus_socket");
        let budget = Arc::new(Budget::new());
        let connecting = async {
            let stream = UnixStream::connect(&bus).await.map_err(|error| not_connected(&bus, &error))?;
            let builder = Builder::socket(socket::Bounded::new(stream, Arc::clone(&budget)));
            builder.build().await.map_err(|error| UnitsError::of(Step::Connect, &error, timeout))
        };
        let connection =
            timeout_at(deadline, connecting).await.map_err(|_| UnitsError::TimedOut { after: timeout })??;
        Ok(Self { connection, budget, timeout })
    }

    /// The units whose names match one of the patterns, in one of these active states; of each, none means all.
    pub(crate) async fn list(&self, patterns: &[Pattern], states: &[String]) -> Result<Vec<ListedUnit>, UnitsError> {
        self.budget.renew();
        let texts = glob::for_systemd(patterns);
        // States of systemd's own filter are also those of loading, and of the unit's kind: all are taken here, and sorted out below.
        let by_patterns = self.call(MANAGER_PATH, MANAGER, "ListUnitsByPatterns", &(Vec::<&str>::new(), texts)).await;
        let reply = match by_patterns {
            // systemd before 230.
            Err(zbus::Error::FDO(error)) if matches!(*error, fdo::Error::UnknownMethod(_)) => {
                self.call(MANAGER_PATH, MANAGER, "ListUnits", &()).await
            }
            reply => reply,
        };
        let reply = reply.map_err(|error| UnitsError::of(Step::List, &error, self.timeout))?;
        let body = reply.body();
        let units: Vec<WireUnit> =
            body.deserialize().map_err(|error| UnitsError::of(Step::List, &error, self.timeout))?;
        let is_meant = |unit: &ListedUnit| {
            (states.is_empty() || states.contains(&unit.active_state))
                && (patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&unit.name)))
        };
        let mut units = units.into_iter().map(ListedUnit::from);
        let mut meant = Vec::new();
        loop {
            let some: Vec<ListedUnit> = units.by_ref().take(MATCHED_AT_A_TIME).collect();
            if some.is_empty() {
                return Ok(meant);
            }
            meant.extend(some.into_iter().filter(is_meant));
            tokio::task::yield_now().await;
        }
    }

    /// More may be read for the next answers.
    pub(crate) fn renew_budget(&self) {
        self.budget.renew();
    }

    /// What systemd says of one unit, asked once for all of it.
    pub(crate) async fn properties(&self, unit: &ListedUnit) -> Result<Properties, PropertiesError> {
        // Of all interfaces, as systemctl asks.
        let reply = self.call(unit.path.as_str(), PROPERTIES, "GetAll", &("",)).await;
        let reply = reply.map_err(|error| PropertiesError::of(&error, self.timeout))?;
        Properties::parse(&reply)
    }

    async fn call<B: serde::Serialize + zbus::DynamicType>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<Message, zbus::Error> {
        let call = self.connection.call_method(Some(SYSTEMD), path, Some(interface), method, body);
        match tokio::time::timeout(self.timeout, call).await {
            Ok(reply) => reply,
            Err(_) => Err(zbus::Error::InputOutput(Arc::new(io::ErrorKind::TimedOut.into()))),
        }
    }
}

impl From<WireUnit> for ListedUnit {
    fn from((name, description, load_state, active_state, sub_state, _, path, ..): WireUnit) -> Self {
        Self { name, description, load_state, active_state, sub_state, path }
    }
}

fn not_connected(path: &Path, error: &io::Error) -> UnitsError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
            UnitsError::NoBus { missing: PathBuf::from(path) }
        }
        io::ErrorKind::PermissionDenied => {
            UnitsError::Refused { detail: format!("connect to {}: {error}", path.display()) }
        }
        _ => UnitsError::Garbled { step: Step::Connect, detail: format!("{}: {error}", path.display()) },
    }
}

#[cfg(test)]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared with the tests of whole agents, which fail by panicking"
)]
pub(crate) mod fake;
