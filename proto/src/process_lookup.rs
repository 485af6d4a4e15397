//! Finding things in a row: why a field is absent, a variable, a limit, how a file is open.

use std::fmt;

use crate::v1::{
    EnvironmentVariable, FieldError, LimitValue, OpenFile, Process, ResourceKind, ResourceLimit, limit_value,
};

impl Process {
    /// Why a field is absent or incomplete, by the path that a read mask has for it (`"exe"`, `"memory.shared_bytes"`). Finds the error
    /// of the field itself, else one of the message it is part of, else one of its own parts; `None` if the row says nothing of it.
    pub fn error_of(&self, path: &str) -> Option<&FieldError> {
        let first = |fits: &dyn Fn(&str) -> bool| self.errors.iter().find(|error| fits(&error.path));
        first(&|named| named == path)
            .or_else(|| first(&|named| is_part_of(path, named)))
            .or_else(|| first(&|named| is_part_of(named, path)))
    }

    /// The variable of the initial environment that has this name; of several the last one, which is psutil's. getenv(3) in the process
    /// itself would find the first.
    pub fn variable(&self, name: impl AsRef<[u8]>) -> Option<&EnvironmentVariable> {
        let name = name.as_ref();
        self.environ.iter().rev().find(|variable| variable.name == name)
    }

    /// The limits of a resource.
    pub fn resource_limit(&self, resource: ResourceKind) -> Option<&ResourceLimit> {
        self.resource_limits.iter().find(|limit| limit.resource() == resource)
    }
}

/// True if `path` names something within `message`.
fn is_part_of(path: &str, message: &str) -> bool {
    path.strip_prefix(message).is_some_and(|rest| rest.starts_with('.'))
}

impl LimitValue {
    /// The number, in the unit of the resource; `None` if there is no limit.
    pub fn bound(&self) -> Option<u64> {
        match self.value {
            Some(limit_value::Value::Limit(limit)) => Some(limit),
            Some(limit_value::Value::Unlimited(_)) | None => None,
        }
    }
}

/// `1024`, `unlimited`; `?` if neither was sent.
impl fmt::Display for LimitValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Some(limit_value::Value::Limit(limit)) => write!(formatter, "{limit}"),
            Some(limit_value::Value::Unlimited(_)) => formatter.write_str("unlimited"),
            None => formatter.write_str("?"),
        }
    }
}

/// Flags of open(2) on x86 and ARM (include/uapi/asm-generic/fcntl.h).
const O_ACCMODE: u32 = 0o3;
const O_WRONLY: u32 = 0o1;
const O_RDWR: u32 = 0o2;
const O_APPEND: u32 = 0o2000;
/// The descriptor names the file and can neither read nor write it.
const O_PATH: u32 = 0o10_000_000;

impl OpenFile {
    /// How the file was opened, in the words of C's `fopen` and of Python's `open`: `r`, `w`, `a`, `r+` or `a+`. `None` if the flags are
    /// not known, and for descriptors that neither read nor write (`O_PATH`, access mode 3).
    pub fn mode(&self) -> Option<&'static str> {
        let flags = self.flags.filter(|flags| flags & O_PATH == 0)?;
        Some(match (flags & O_ACCMODE, flags & O_APPEND != 0) {
            (0, _) => "r",
            (O_WRONLY, false) => "w",
            (O_WRONLY, true) => "a",
            (O_RDWR, false) => "r+",
            (O_RDWR, true) => "a+",
            _ => return None,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::v1::{FieldErrorReason, Unlimited};

    fn error(path: &str) -> FieldError {
        FieldError { path: path.into(), reason: FieldErrorReason::PermissionDenied.into(), detail: String::new() }
    }

    #[test]
    fn an_error_is_found_by_its_field_its_message_or_a_part() {
        let errors = vec![error("memory_maps"), error("io"), error("memory.swap_bytes")];
        let process = Process { errors, ..Process::default() };
        let found = |path| process.error_of(path).map(|error| error.path.as_str());
        assert_eq!(found("io"), Some("io"));
        assert_eq!(found("io.read_bytes"), Some("io"));
        assert_eq!(found("memory"), Some("memory.swap_bytes"), "memory_maps is another field");
        assert_eq!(found("memory.swap_bytes"), Some("memory.swap_bytes"));
        assert_eq!(found("memory.shared_bytes"), None);
        assert_eq!(found("io_priority"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn the_field_itself_comes_before_its_message() {
        let process = Process { errors: vec![error("io"), error("io.read_bytes")], ..Process::default() };
        assert_eq!(process.error_of("io.read_bytes").unwrap().path, "io.read_bytes");
    }

    #[test]
    fn the_last_of_equal_variables_wins() {
        let variable = |name: &[u8], value: &[u8]| EnvironmentVariable {
            name: name.to_vec(),
            value: Some(value.to_vec()),
            redacted: false,
        };
        let environ = vec![variable(b"A", b"1"), variable(b"\xff", b"2"), variable(b"A", b"3")];
        let process = Process { environ, ..Process::default() };
        assert_eq!(process.variable("A").unwrap().value.as_deref(), Some(&b"3"[..]));
        assert_eq!(process.variable(b"\xff").unwrap().value.as_deref(), Some(&b"2"[..]));
        assert_eq!(process.variable("B"), None);
    }

    #[test]
    fn limits_are_found_by_resource() {
        let value = |value| Some(LimitValue { value: Some(value) });
        let nofile = ResourceLimit {
            resource: ResourceKind::Nofile.into(),
            soft: value(limit_value::Value::Limit(1024)),
            hard: value(limit_value::Value::Unlimited(Unlimited {})),
        };
        let process = Process { resource_limits: vec![nofile], ..Process::default() };
        let found = process.resource_limit(ResourceKind::Nofile).unwrap();
        let (soft, hard) = (found.soft.unwrap(), found.hard.unwrap());
        assert_eq!((soft.bound(), hard.bound()), (Some(1024), None));
        assert_eq!((soft.to_string(), hard.to_string()), ("1024".to_owned(), "unlimited".to_owned()));
        assert_eq!(LimitValue { value: None }.to_string(), "?");
        assert_eq!(process.resource_limit(ResourceKind::Cpu), None);
    }

    #[test]
    fn modes_are_those_of_pythons_open() {
        const O_CREAT: u32 = 0o100;
        const O_EXCL: u32 = 0o200;
        const O_TRUNC: u32 = 0o1000;
        let mode = |flags| OpenFile { flags: Some(flags), ..OpenFile::default() }.mode();
        let noise = 0o2_000_000 | 0o100_000; // O_CLOEXEC, O_LARGEFILE
        for (python, flags, expected) in [
            ("r", 0, "r"),
            ("w", O_WRONLY | O_CREAT | O_TRUNC, "w"),
            ("a", O_WRONLY | O_CREAT | O_APPEND, "a"),
            ("x", O_WRONLY | O_CREAT | O_EXCL, "w"),
            ("r+", O_RDWR, "r+"),
            ("w+", O_RDWR | O_CREAT | O_TRUNC, "r+"),
            ("x+", O_RDWR | O_CREAT | O_EXCL, "r+"),
            ("a+", O_RDWR | O_CREAT | O_APPEND, "a+"),
            ("r, appending", O_APPEND, "r"),
        ] {
            assert_eq!(mode(flags | noise), Some(expected), "open(..., {python:?})");
        }
        assert_eq!(mode(3), None);
        assert_eq!(mode(O_PATH), None);
        assert_eq!(OpenFile::default().mode(), None);
    }
}
