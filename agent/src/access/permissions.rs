//! The one table of who may call what. A method without a row is a method that cannot be called.

use prost::Message as _;

use super::Role;

/// One method and the lowest role that may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// As the path of the request names it: "/procwire.v1.ProcessService/ListProcesses".
    pub method: &'static str,
    /// Lowest role that may call it.
    pub role: Role,
    /// True if this version serves it.
    pub served: bool,
    /// Why it is not served, or which part of it is not.
    pub detail: &'static str,
}

/// Every method, in the order of the .proto files.
pub static PERMISSIONS: &[Permission] = &[
    served("/procwire.v1.ProcessService/ListProcesses", Role::Reader, ""),
    served("/procwire.v1.ProcessService/GetProcess", Role::Reader, ""),
    planned("/procwire.v1.ProcessService/WatchProcesses", Role::Reader),
    planned("/procwire.v1.ProcessService/WatchProcessEvents", Role::Reader),
    served("/procwire.v1.ControlService/SignalProcesses", Role::Operator, ""),
    served("/procwire.v1.ControlService/TerminateProcesses", Role::Operator, ""),
    served("/procwire.v1.ControlService/WaitProcess", Role::Reader, ""),
    served("/procwire.v1.ControlService/WaitProcesses", Role::Reader, ""),
    served("/procwire.v1.ControlService/UpdateProcess", Role::Operator, ""),
    served("/procwire.v1.SystemService/GetSystem", Role::Reader, ""),
    served("/procwire.v1.SystemService/WatchSystem", Role::Reader, "no resume after a lost connection"),
    served("/procwire.v1.SystemService/ListSockets", Role::Inspector, ""),
    served("/procwire.v1.SystemService/GetDiskUsage", Role::Reader, ""),
    served("/procwire.v1.SystemService/ListUnits", Role::Reader, ""),
    served("/procwire.v1.SystemService/ListCgroups", Role::Reader, ""),
    served("/procwire.v1.AgentService/GetInfo", Role::Reader, ""),
    served("/procwire.v1.AgentService/GetCapabilities", Role::Reader, ""),
    served("/procwire.v1.AgentService/GetStatus", Role::Reader, ""),
    served("/grpc.health.v1.Health/Check", Role::Reader, ""),
    served("/grpc.health.v1.Health/Watch", Role::Reader, ""),
    planned("/grpc.health.v1.Health/List", Role::Reader),
];

const fn served(method: &'static str, role: Role, detail: &'static str) -> Permission {
    Permission { method, role, served: true, detail }
}

const fn planned(method: &'static str, role: Role) -> Permission {
    Permission { method, role, served: false, detail: "designed, not served by this version" }
}

/// The row of a method, if there is one.
pub fn permission(method: &str) -> Option<&'static Permission> {
    PERMISSIONS.iter().find(|permission| permission.method == method)
}

/// Why the table cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The descriptor set that was built in is not one.
    #[error("the built-in descriptor set is damaged: {0}")]
    Descriptor(#[from] prost::DecodeError),
    /// A method of the API that nobody decided on.
    #[error("method {0} has no row in the permission table")]
    Missing(String),
}

/// Demands a row for every method of the API. Called at start: better no agent than a method that nobody decided on.
pub fn check_table() -> Result<(), TableError> {
    check_methods(&described_methods(procwire_proto::FILE_DESCRIPTOR_SET)?)
}

fn check_methods(methods: &[String]) -> Result<(), TableError> {
    match methods.iter().find(|method| permission(method).is_none()) {
        Some(missing) => Err(TableError::Missing(missing.clone())),
        None => Ok(()),
    }
}

fn described_methods(descriptor_set: &[u8]) -> Result<Vec<String>, prost::DecodeError> {
    let set = prost_types::FileDescriptorSet::decode(descriptor_set)?;
    let mut methods = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                methods.push(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
            }
        }
    }
    Ok(methods)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_method_of_the_descriptor_has_exactly_one_row() {
        let described: BTreeSet<String> =
            described_methods(procwire_proto::FILE_DESCRIPTOR_SET).unwrap().into_iter().collect();
        assert!(described.contains("/procwire.v1.ControlService/TerminateProcesses"), "the walk found {described:?}");
        let rows: Vec<&str> = PERMISSIONS.iter().map(|permission| permission.method).collect();
        let unique: BTreeSet<String> = rows.iter().map(ToString::to_string).collect();
        assert_eq!(unique.len(), rows.len(), "a method has two rows");
        let ours: BTreeSet<String> =
            unique.into_iter().filter(|method| !method.starts_with("/grpc.health.v1.Health/")).collect();
        assert_eq!(ours, described);
    }

    #[test]
    fn a_method_without_a_row_stops_the_start() {
        let error = check_methods(&["/procwire.v1.ProcessService/Exec".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "method /procwire.v1.ProcessService/Exec has no row in the permission table");
        check_table().unwrap();
    }

    #[test]
    fn whatever_changes_a_process_needs_an_operator() {
        for name in ["SignalProcesses", "TerminateProcesses", "UpdateProcess"] {
            let row = permission(&format!("/procwire.v1.ControlService/{name}")).unwrap();
            assert_eq!(row.role, Role::Operator, "{name}");
        }
    }

    #[test]
    fn the_method_is_matched_whole() {
        for odd in ["", "/", "/procwire.v1.ProcessService/", "/procwire.v1.ProcessService/listprocesses"] {
            assert!(permission(odd).is_none(), "{odd:?}");
        }
        assert!(permission("/procwire.v1.ProcessService/ListProcesses/").is_none());
        assert!(permission("procwire.v1.ProcessService/ListProcesses").is_none());
    }

    #[test]
    fn what_is_not_served_says_so() {
        for row in PERMISSIONS.iter().filter(|row| !row.served) {
            assert!(!row.detail.is_empty(), "{}", row.method);
        }
    }
}
