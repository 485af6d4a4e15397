//! `/proc/PID/limits` (fs/proc/base.c: proc_pid_limits). Unlike prlimit(2), everyone may read it of any process.

use procwire_proto::v1::{FieldErrorReason, LimitValue, ResourceKind, ResourceLimit, Unlimited, limit_value::Value};
use rustix::io::Errno;

use super::{access::Access, draft::Draft};
use crate::procfs::Numbers;

/// The names that the kernel gives them, the same on every architecture; their numbers are not.
const NAMES: [(&[u8], ResourceKind); 16] = [
    (b"Max cpu time ", ResourceKind::Cpu),
    (b"Max file size ", ResourceKind::Fsize),
    (b"Max data size ", ResourceKind::Data),
    (b"Max stack size ", ResourceKind::Stack),
    (b"Max core file size ", ResourceKind::Core),
    (b"Max resident set ", ResourceKind::Rss),
    (b"Max processes ", ResourceKind::Nproc),
    (b"Max open files ", ResourceKind::Nofile),
    (b"Max locked memory ", ResourceKind::Memlock),
    (b"Max address space ", ResourceKind::As),
    (b"Max file locks ", ResourceKind::Locks),
    (b"Max pending signals ", ResourceKind::Sigpending),
    (b"Max msgqueue size ", ResourceKind::Msgqueue),
    (b"Max nice priority ", ResourceKind::Nice),
    (b"Max realtime priority ", ResourceKind::Rtprio),
    (b"Max realtime timeout ", ResourceKind::Rttime),
];

/// Reads the limits into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let text = access.contents("limits")?;
    if text.is_empty() {
        // The kernel writes nothing once the process has let go of its signal state, which is when it is being reaped.
        return Err(Errno::SRCH);
    }
    draft.process.resource_limits = parse(text);
    if draft.process.resource_limits.is_empty() {
        let detail = "limits: no line is known".to_owned();
        draft.absent("resource_limits", FieldErrorReason::InvalidData, detail);
    }
    Ok(())
}

/// The limits in the order of the file, which is that of the kernel's numbers; lines that are not known are passed over.
pub(crate) fn parse(text: &[u8]) -> Vec<ResourceLimit> {
    text.split(|byte| *byte == b'\n').filter_map(limit).collect()
}

fn limit(line: &[u8]) -> Option<ResourceLimit> {
    let (kind, values) = NAMES.iter().find_map(|(name, kind)| Some((*kind, line.strip_prefix(*name)?)))?;
    let mut columns = Numbers::new(values);
    let soft = value(columns.token()?)?;
    let hard = value(columns.token()?)?;
    Some(ResourceLimit { resource: kind.into(), soft: Some(soft), hard: Some(hard) })
}

fn value(token: &[u8]) -> Option<LimitValue> {
    let value = match token {
        b"unlimited" => Value::Unlimited(Unlimited {}),
        _ => Value::Limit(Numbers::new(token).unsigned()?),
    };
    Some(LimitValue { value: Some(value) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    /// Captured on Linux 6.18, with three values made distinct.
    const CAPTURED: &str = "\
Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max file size             unlimited            unlimited            bytes     
Max data size             unlimited            unlimited            bytes     
Max stack size            8388608              unlimited            bytes     
Max core file size        0                    unlimited            bytes     
Max resident set          unlimited            unlimited            bytes     
Max processes             96365                96366                processes 
Max open files            20000                30000                files     
Max locked memory         8388608              8388608              bytes     
Max address space         unlimited            unlimited            bytes     
Max file locks            unlimited            unlimited            locks     
Max pending signals       96365                96365                signals   
Max msgqueue size         819200               819200               bytes     
Max nice priority         0                    0                    
Max realtime priority     7                    9                    
Max realtime timeout      unlimited            unlimited            us        
";

    fn number(value: Option<LimitValue>) -> Option<u64> {
        match value.unwrap().value.unwrap() {
            Value::Limit(limit) => Some(limit),
            Value::Unlimited(_) => None,
        }
    }

    #[test]
    fn all_sixteen_are_read_in_the_order_of_their_numbers() {
        let limits = parse(CAPTURED.as_bytes());
        let kinds: Vec<i32> = limits.iter().map(|limit| limit.resource).collect();
        assert_eq!(kinds, (1..=16).collect::<Vec<i32>>());
        let of = |kind: ResourceKind| {
            let limit = limits.iter().find(|limit| limit.resource() == kind).unwrap();
            (number(limit.soft), number(limit.hard))
        };
        assert_eq!(of(ResourceKind::Cpu), (None, None));
        assert_eq!(of(ResourceKind::Stack), (Some(8_388_608), None));
        assert_eq!(of(ResourceKind::Nproc), (Some(96365), Some(96366)));
        assert_eq!(of(ResourceKind::Nofile), (Some(20000), Some(30000)));
        assert_eq!(of(ResourceKind::Rtprio), (Some(7), Some(9)));
    }

    #[test]
    fn lines_that_are_torn_or_new_are_passed_over() {
        assert_eq!(parse(b""), []);
        let text = b"Max open files            20000\nMax hope    1   2   bytes\nMax file locks   -1  x  locks\nMax processes  1 2";
        let limits = parse(text);
        assert_eq!(limits.iter().map(ResourceLimit::resource).collect::<Vec<_>>(), [ResourceKind::Nproc]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, cut in 0..1_400_usize) {
            parse(&bytes);
            proptest::prop_assert!(parse(CAPTURED.as_bytes().get(..cut).unwrap_or_default()).len() <= 16);
        }
    }
}
