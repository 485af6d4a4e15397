//! `/proc/PID/environ`: the environment that the process was started with (fs/proc/base.c: environ_read). What it set later is not
//! there, and a program that writes its title over it leaves anything.

use procwire_proto::v1::{EnvironmentVariable, FieldErrorReason};
use rustix::io::Errno;

use super::{access::Access, draft::Draft, plan::EnvironDisclosure, scrub};

/// More is not looked at: the kernel lets no program start with more than 6 MiB of arguments and environment (fs/exec.c:
/// bprm_stack_limits), but a process may say that its environment is anywhere.
const LONGEST_BYTES: usize = 8 * 1024 * 1024;

/// A row has room for more, but what a process was started with must not leave its files and mappings none.
const KEPT_MAX_BYTES: usize = 1024 * 1024;

/// What a variable takes in a message beside its bytes, at most.
const OVERHEAD_BYTES: usize = 16;

/// Reads the variables into the row, in their order, a name that is there twice as often as it is there: getenv(3) finds the first, psutil
/// gives the last.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let data = access.start("environ", LONGEST_BYTES)?;
    if data.is_empty() {
        // Kernels before 6.16 let the environment of a zombie be read, as empty.
        return Err(Errno::NODATA);
    }
    let disclosure = draft.plan.environ_disclosure();
    let mut variables = Vec::new();
    let (mut count, mut kept_bytes, mut is_redacted, mut is_full) = (0_u32, 0, false, false);
    for (name, value) in entries(data) {
        count = count.saturating_add(1);
        let shown = if disclosure == EnvironDisclosure::Names { 0 } else { value.len() };
        let bytes = name.len() + shown + OVERHEAD_BYTES;
        is_full = is_full || kept_bytes + bytes > KEPT_MAX_BYTES || !draft.take_room(bytes);
        if !is_full {
            kept_bytes += bytes;
            let variable = disclosed(name, value, disclosure);
            is_redacted |= variable.redacted;
            variables.push(variable);
        }
    }
    if is_full {
        let detail = format!("cut at {} of {count} variables", variables.len());
        draft.absent("environ", FieldErrorReason::Truncated, detail);
    }
    if is_redacted {
        let detail = match disclosure {
            EnvironDisclosure::Names => "names only: values need a role that includes them",
            EnvironDisclosure::Masked | EnvironDisclosure::Whole => "secrets are masked",
        };
        draft.absent("environ", FieldErrorReason::Redacted, detail.to_owned());
    }
    draft.process.environ = variables;
    Ok(())
}

fn disclosed(name: &[u8], value: &[u8], disclosure: EnvironDisclosure) -> EnvironmentVariable {
    let name = name.to_vec();
    match disclosure {
        EnvironDisclosure::Names => EnvironmentVariable { name, value: None, redacted: true },
        EnvironDisclosure::Masked => {
            let mut value = value.to_vec();
            let redacted = scrub::scrub_variable(&name, &mut value);
            EnvironmentVariable { name, value: Some(value), redacted }
        }
        EnvironDisclosure::Whole => EnvironmentVariable { name, value: Some(value.to_vec()), redacted: false },
    }
}

/// The entries as psutil takes them: NUL ends each, an empty one all of them, and one without a name or `=` is none.
fn entries(data: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let terminated = memchr::memrchr(0, data).map_or(0, |last| last + 1);
    let data = data.get(..terminated).unwrap_or_default();
    data.split(|byte| *byte == 0).take_while(|entry| !entry.is_empty()).filter_map(|entry| {
        let equals = memchr::memchr(b'=', entry).filter(|equals| *equals > 0)?;
        Some((entry.get(..equals)?, entry.get(equals + 1..)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(data: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        entries(data.as_bytes()).map(|(name, value)| (text(name), text(value))).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Vector V20 of psutil's tests.
    #[test]
    fn entries_are_taken_as_psutil_does() {
        assert_eq!(parsed("a=1\0"), pairs(&[("a", "1")]));
        assert_eq!(parsed("a=1\0b=2\0\0c=3\0"), pairs(&[("a", "1"), ("b", "2")]));
        assert_eq!(parsed("a=1\0b=\0\0"), pairs(&[("a", "1"), ("b", "")]));
        assert_eq!(parsed("xxx\0a=1\0"), pairs(&[("a", "1")]));
        assert_eq!(parsed("a=1\0=b=2\0"), pairs(&[("a", "1")]));
        assert_eq!(parsed("a=1\0b=2"), pairs(&[("a", "1")]));
        assert_eq!(parsed(""), []);
        assert_eq!(parsed("a"), []);
        assert_eq!(parsed("\0a=1\0"), []);
    }

    #[test]
    fn order_and_repeated_names_are_kept() {
        assert_eq!(parsed("b=1\0a=x=y\0b=2\0"), pairs(&[("b", "1"), ("a", "x=y"), ("b", "2")]));
    }

    #[test]
    fn what_is_shown_of_a_variable_is_what_is_disclosed() {
        let show = |name: &str, value: &str, disclosure| {
            let variable = disclosed(name.as_bytes(), value.as_bytes(), disclosure);
            (variable.value.map(|value| String::from_utf8_lossy(&value).into_owned()), variable.redacted)
        };
        for (name, value) in [("HOME", "/root"), ("DB_PASSWORD", "x")] {
            assert_eq!(show(name, value, EnvironDisclosure::Names), (None, true));
            assert_eq!(show(name, value, EnvironDisclosure::Whole), (Some(value.to_owned()), false));
        }
        assert_eq!(show("HOME", "/root", EnvironDisclosure::Masked), (Some("/root".to_owned()), false));
        assert_eq!(show("DB_PASSWORD", "x", EnvironDisclosure::Masked), (Some("***".to_owned()), true));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(data: Vec<u8>) {
            for (name, _) in entries(&data) {
                proptest::prop_assert!(!name.is_empty());
            }
        }
    }
}
