//! Records of logins: utmp(5), as the C library of the host writes them.

/// A process that somebody has logged in with: `USER_PROCESS`.
const USER_PROCESS: i16 = 7;

/// Where the times of a record are, and how long it is. What stands before them is the same everywhere (glibc, bits/utmp.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    length: usize,
    time: usize,
    time_is_wide: bool,
}

/// Times of 32 bits, so that programs of 32 and of 64 bits can share the file: x86, POWER, RISC-V.
const NARROW: Layout = Layout { length: 384, time: 340, time_is_wide: false };
/// Times of 64 bits: ARM, s390x, LoongArch.
const WIDE: Layout = Layout { length: 400, time: 344, time_is_wide: true };

/// A login, with its texts as they stand in the record.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::system) struct Login<'a> {
    pub(in crate::system) pid: Option<u32>,
    pub(in crate::system) line: &'a [u8],
    pub(in crate::system) user: &'a [u8],
    pub(in crate::system) host: &'a [u8],
    pub(in crate::system) seconds: i64,
    pub(in crate::system) microseconds: u32,
}

/// The logins in the order of the file. A record that is cut, because it is being written, is none.
pub(in crate::system) fn logins(text: &[u8]) -> impl Iterator<Item = Login<'_>> {
    let layout = layout_of(text.len());
    text.chunks_exact(layout.length).filter_map(move |record| login(record, layout))
}

/// The machine's own, unless the length of the file can only be that of the other: a tree captured elsewhere.
fn layout_of(length: usize) -> Layout {
    let is_wide = cfg!(any(target_arch = "aarch64", target_arch = "s390x", target_arch = "loongarch64"));
    let (own, other) = if is_wide { (WIDE, NARROW) } else { (NARROW, WIDE) };
    if !length.is_multiple_of(own.length) && length.is_multiple_of(other.length) { other } else { own }
}

fn login(record: &[u8], layout: Layout) -> Option<Login<'_>> {
    let field = |start: usize, length: usize| record.get(start..start + length);
    let number = |start: usize| Some(i32::from_ne_bytes(field(start, 4)?.try_into().ok()?));
    let kind = i16::from_ne_bytes(field(0, 2)?.try_into().ok()?);
    if kind != USER_PROCESS {
        return None;
    }
    let (seconds, microseconds) = if layout.time_is_wide {
        let wide = |start: usize| Some(i64::from_ne_bytes(field(start, 8)?.try_into().ok()?));
        (wide(layout.time)?, wide(layout.time + 8)?)
    } else {
        // Read as unsigned, so that it lasts until 2106 instead of 2038; nobody logged in before 1970.
        (i64::from(number(layout.time)?.cast_unsigned()), i64::from(number(layout.time + 4)?))
    };
    Some(Login {
        pid: u32::try_from(number(4)?).ok().filter(|pid| *pid != 0),
        line: text(field(8, 32)?),
        user: text(field(44, 32)?),
        host: text(field(76, 256)?),
        seconds,
        microseconds: u32::try_from(microseconds).ok().filter(|number| *number < 1_000_000).unwrap_or(0),
    })
}

/// Up to the first NUL; a text that fills its field has none.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
pub(in crate::system) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record as glibc writes it on this machine's architecture, or on others.
    fn record(layout: Layout, kind: i16, login: &Login<'_>) -> Vec<u8> {
        let mut record = vec![0; layout.length];
        let mut put = |start: usize, bytes: &[u8]| record[start..start + bytes.len()].copy_from_slice(bytes);
        put(0, &kind.to_ne_bytes());
        put(4, &login.pid.unwrap_or(0).to_ne_bytes());
        put(8, login.line);
        put(44, login.user);
        put(76, login.host);
        if layout.time_is_wide {
            put(layout.time, &login.seconds.to_ne_bytes());
            put(layout.time + 8, &u64::from(login.microseconds).to_ne_bytes());
        } else {
            put(layout.time, &u32::try_from(login.seconds).unwrap().to_ne_bytes());
            put(layout.time + 4, &login.microseconds.to_ne_bytes());
        }
        record
    }

    /// A login as the C library of most machines writes it.
    pub(in crate::system) fn narrow_record(user: &[u8], line: &[u8], host: &[u8], pid: u32, seconds: i64) -> Vec<u8> {
        record(NARROW, USER_PROCESS, &Login { pid: Some(pid), line, user, host, seconds, microseconds: 250_000 })
    }

    fn alice() -> Login<'static> {
        Login {
            pid: Some(4711),
            line: b"pts/0",
            user: b"alice",
            host: b"192.0.2.7",
            seconds: 1_790_000_000,
            microseconds: 9,
        }
    }

    #[test]
    fn logins_and_nothing_else() {
        // EMPTY, RUN_LVL, BOOT_TIME, NEW_TIME, OLD_TIME, INIT_PROCESS, LOGIN_PROCESS, DEAD_PROCESS, ACCOUNTING.
        let mut text: Vec<u8> =
            [0, 1, 2, 3, 4, 5, 6, 8, 9, -1].iter().flat_map(|kind| record(NARROW, *kind, &alice())).collect();
        assert_eq!(logins(&text).count(), 0);
        text.extend(record(NARROW, USER_PROCESS, &alice()));
        assert_eq!(logins(&text).collect::<Vec<_>>(), [alice()]);
        text.extend([7; 383]);
        assert_eq!(logins(&text).count(), 1, "the last record is being written");
    }

    #[test]
    fn texts_that_fill_their_fields_have_no_end() {
        let login = Login { line: &[b'l'; 32], user: &[b'u'; 32], host: &[b'h'; 256], ..alice() };
        assert_eq!(logins(&record(NARROW, USER_PROCESS, &login)).collect::<Vec<_>>(), [login]);
    }

    #[test]
    fn times_last_beyond_2038() {
        let login = Login { seconds: i64::from(u32::MAX), ..alice() };
        assert_eq!(logins(&record(NARROW, USER_PROCESS, &login)).next().unwrap().seconds, 4_294_967_295);
    }

    #[test]
    fn records_of_other_architectures_are_known_by_their_length() {
        for layout in [NARROW, WIDE] {
            assert_eq!(logins(&record(layout, USER_PROCESS, &alice())).collect::<Vec<_>>(), [alice()], "{layout:?}");
        }
        // Lengths that both divide are of this machine.
        let own = layout_of(0);
        assert_eq!(layout_of(NARROW.length * WIDE.length), own);
        assert_eq!(layout_of(NARROW.length * 3), NARROW);
        assert_eq!(layout_of(WIDE.length * 3), WIDE);
    }

    #[test]
    fn a_negative_pid_and_odd_microseconds_are_none() {
        let mut text = record(NARROW, USER_PROCESS, &alice());
        text[4..8].copy_from_slice(&(-1_i32).to_ne_bytes());
        text[344..348].copy_from_slice(&(-1_i32).to_ne_bytes());
        assert_eq!(logins(&text).collect::<Vec<_>>(), [Login { pid: None, microseconds: 0, ..alice() }]);
    }

    #[test]
    fn the_layout_is_that_of_the_c_library() {
        assert_eq!(std::mem::offset_of!(libc::utmpx, ut_pid), 4);
        assert_eq!(std::mem::offset_of!(libc::utmpx, ut_line), 8);
        assert_eq!(std::mem::offset_of!(libc::utmpx, ut_user), 44);
        assert_eq!(std::mem::offset_of!(libc::utmpx, ut_host), 76);
        if cfg!(target_env = "gnu") {
            let own = layout_of(0);
            assert_eq!(size_of::<libc::utmpx>(), own.length);
            assert_eq!(std::mem::offset_of!(libc::utmpx, ut_tv), own.time);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text in proptest::collection::vec(any::<u8>(), 0..2000)) {
            for login in logins(&text) {
                prop_assert!(login.user.len() <= 32 && login.host.len() <= 256);
            }
        }
    }
}
