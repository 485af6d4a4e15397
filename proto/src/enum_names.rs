//! Short names of enum values: `PROCESS_STATE_DISK_SLEEP` is `disk_sleep` to people and in JSON; reasons keep their capitals,
//! because `google.rpc.ErrorInfo` wants them so.

use crate::v1::{
    ErrorReason, FieldErrorReason, GoodbyeReason, IoClass, OpenFileKind, ProcessState, ResourceKind, SchedulingPolicy,
    SeccompMode, Signal, SocketFamily, SocketState, SocketType,
};

impl ErrorReason {
    const PREFIX: &str = "ERROR_REASON_";

    /// The reason as `google.rpc.ErrorInfo` carries it: `PROCESS_GONE`.
    pub fn as_code(self) -> &'static str {
        without_prefix(self.as_str_name(), Self::PREFIX)
    }

    /// The reason of a `google.rpc.ErrorInfo` of the domain `procwire`.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::from_str_name(&format!("{}{code}", Self::PREFIX))
    }
}

impl FieldErrorReason {
    /// The reason in words: `permission denied`.
    pub fn as_words(self) -> String {
        in_words(self.as_str_name(), "FIELD_ERROR_REASON_")
    }
}

impl GoodbyeReason {
    /// The reason in words: `shutting down`.
    pub fn as_words(self) -> String {
        in_words(self.as_str_name(), "GOODBYE_REASON_")
    }
}

impl ProcessState {
    /// The state in words, as psutil has it but for the hyphens: `disk sleep`.
    pub fn as_words(self) -> String {
        in_words(self.as_str_name(), "PROCESS_STATE_")
    }
}

impl SocketState {
    /// The state as `ss` and psutil name it: `ESTABLISHED`.
    pub fn as_code(self) -> &'static str {
        without_prefix(self.as_str_name(), "SOCKET_STATE_")
    }
}

impl SocketFamily {
    /// The family without any prefix: `INET6`.
    pub fn as_code(self) -> &'static str {
        without_prefix(self.as_str_name(), "SOCKET_FAMILY_")
    }
}

impl SocketType {
    /// The type without any prefix: `STREAM`.
    pub fn as_code(self) -> &'static str {
        without_prefix(self.as_str_name(), "SOCKET_TYPE_")
    }
}

impl ResourceKind {
    /// The resource as `prlimit` and setrlimit(2) name it, without any prefix: `NOFILE`.
    pub fn as_code(self) -> &'static str {
        without_prefix(self.as_str_name(), "RESOURCE_KIND_")
    }
}

impl OpenFileKind {
    /// The kind in words: `anonymous inode`.
    pub fn as_words(self) -> String {
        in_words(self.as_str_name(), "OPEN_FILE_KIND_")
    }
}

impl IoClass {
    /// The class in words: `best effort`.
    pub fn as_words(self) -> String {
        in_words(self.as_str_name(), "IO_CLASS_")
    }
}

impl SchedulingPolicy {
    /// The policy in words: `round robin`.
    pub fn as_words(self) -> String {
        in_words(self.as_str_name(), "SCHEDULING_POLICY_")
    }
}

impl SeccompMode {
    /// The mode in words: `filter`.
    pub fn as_words(self) -> String {
        in_words(self.as_str_name(), "SECCOMP_MODE_")
    }
}

impl Signal {
    /// The name without any prefix: `TERM`.
    pub fn as_code(self) -> &'static str {
        without_prefix(self.as_str_name(), "SIGNAL_")
    }

    /// The signal of a name, with or without `SIG`, in any case: `TERM`, `sigterm`.
    pub fn from_code(code: &str) -> Option<Self> {
        let upper = code.to_ascii_uppercase();
        let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
        Self::from_str_name(&format!("SIGNAL_{bare}")).filter(|signal| *signal != Self::Unspecified)
    }
}

fn without_prefix(name: &'static str, prefix: &str) -> &'static str {
    name.strip_prefix(prefix).unwrap_or(name)
}

fn in_words(name: &'static str, prefix: &str) -> String {
    without_prefix(name, prefix).to_ascii_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_travel_as_codes() {
        assert_eq!(ErrorReason::PidReused.as_code(), "PID_REUSED");
        assert_eq!(ErrorReason::from_code("PID_REUSED"), Some(ErrorReason::PidReused));
        assert_eq!(ErrorReason::from_code("pid reused"), None);
    }

    #[test]
    fn signals_are_understood_as_people_write_them() {
        for name in ["TERM", "SIGTERM", "sigterm", "term"] {
            assert_eq!(Signal::from_code(name), Some(Signal::Term));
        }
        assert_eq!(Signal::from_code("UNSPECIFIED"), None);
        assert_eq!(Signal::from_code("9"), None);
    }

    #[test]
    fn states_read_as_words() {
        assert_eq!(ProcessState::DiskSleep.as_words(), "disk sleep");
        assert_eq!(FieldErrorReason::PermissionDenied.as_words(), "permission denied");
        assert_eq!(OpenFileKind::AnonymousInode.as_words(), "anonymous inode");
        assert_eq!(IoClass::BestEffort.as_words(), "best effort");
        assert_eq!(SchedulingPolicy::RoundRobin.as_words(), "round robin");
        assert_eq!(SeccompMode::Filter.as_words(), "filter");
    }

    #[test]
    fn sockets_and_resources_have_the_kernels_names() {
        assert_eq!(SocketFamily::Inet6.as_code(), "INET6");
        assert_eq!(SocketType::Stream.as_code(), "STREAM");
        assert_eq!(ResourceKind::Nofile.as_code(), "NOFILE");
    }
}
