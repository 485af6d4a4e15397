//! `/proc/PID/mountinfo` (Documentation/filesystems/proc.rst 3.5; fs/proc_namespace.c, show_mountinfo).

use std::borrow::Cow;

use super::lines;
use crate::procfs::number;

/// One line, its texts as the kernel wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MountLine<'a> {
    pub(crate) id: u64,
    pub(crate) parent_id: u64,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    root: &'a [u8],
    mount_point: &'a [u8],
    mount_options: &'a [u8],
    filesystem_type: &'a [u8],
    source: &'a [u8],
    super_options: &'a [u8],
}

/// Calls `take` with each mount, in the order of the table. A line that is none is given back by its number, counted from 1.
pub(crate) fn each_mount<'a>(text: &'a [u8], mut take: impl FnMut(MountLine<'a>)) -> Option<usize> {
    let mut odd = None;
    for (index, line) in lines(text).enumerate() {
        match parse_line(line) {
            Some(mount) => take(mount),
            None => odd = odd.or(Some(index + 1)),
        }
    }
    odd
}

/// `36 35 98:0 /root /point rw,noatime shared:1 master:2 - ext3 /dev/sda1 rw,errors=continue`. Columns are separated by one space each:
/// a source may be empty. Of the optional ones in the middle there may be any number; a lone hyphen ends them.
fn parse_line(line: &[u8]) -> Option<MountLine<'_>> {
    let mut columns = line.split(|byte| *byte == b' ');
    let id = whole_number(columns.next()?)?;
    let parent_id = whole_number(columns.next()?)?;
    let device = columns.next()?;
    let (major, minor) = device.split_at_checked(device.iter().position(|byte| *byte == b':')?)?;
    let (major, minor) = (small(major)?, small(minor.get(1..)?)?);
    let (root, mount_point, mount_options) = (columns.next()?, columns.next()?, columns.next()?);
    columns.find(|column| *column == b"-")?;
    let (filesystem_type, source) = (columns.next()?, columns.next()?);
    // Blanks in options are escaped, except by filesystems that do not do as they should; nothing follows them.
    let super_options = columns.next().map_or(b"".as_slice(), |first| {
        let start = line.len() - first.len() - columns.map(|rest| rest.len() + 1).sum::<usize>();
        line.get(start..).unwrap_or_default()
    });
    let mount = MountLine {
        id,
        parent_id,
        major,
        minor,
        root,
        mount_point,
        mount_options,
        filesystem_type,
        source,
        super_options,
    };
    (!root.is_empty() && !mount_point.is_empty() && !filesystem_type.is_empty()).then_some(mount)
}

fn whole_number(text: &[u8]) -> Option<u64> {
    if text.iter().all(u8::is_ascii_digit) { number(text) } else { None }
}

fn small(text: &[u8]) -> Option<u32> {
    whole_number(text).and_then(|number| u32::try_from(number).ok())
}

impl<'a> MountLine<'a> {
    pub(crate) fn root(&self) -> Cow<'a, [u8]> {
        unescape(self.root)
    }

    pub(crate) fn mount_point(&self) -> Cow<'a, [u8]> {
        unescape(self.mount_point)
    }

    /// With its subtype: `fuse.sshfs`.
    pub(crate) fn filesystem_type(&self) -> Cow<'a, [u8]> {
        unescape(self.filesystem_type)
    }

    /// Nothing for `none`, which is what the kernel prints where nobody named a source.
    pub(crate) fn source(&self) -> Option<Cow<'a, [u8]>> {
        (!self.source.is_empty() && self.source != b"none").then(|| unescape(self.source))
    }

    /// True if the mount or its filesystem is.
    pub(crate) fn is_read_only(&self) -> bool {
        let is_read_only = |options: &[u8]| options == b"ro" || options.starts_with(b"ro,");
        is_read_only(self.mount_options) || is_read_only(self.super_options)
    }

    /// Those of the mount and of the filesystem, in the order of /proc/mounts (fs/proc_namespace.c, show_vfsmnt): ro or rw of both, then
    /// what every filesystem can have, then what a mount can have, then what only this filesystem has.
    pub(crate) fn options(&self) -> Vec<Vec<u8>> {
        let mut of_mount = options(self.mount_options);
        let mut of_super = options(self.super_options).peekable();
        of_mount.next();
        of_super.next();
        let mut merged = vec![if self.is_read_only() { b"ro".to_vec() } else { b"rw".to_vec() }];
        while let Some(option) = of_super.next_if(|option| is_common_option(option)) {
            merged.push(unescape(option).into_owned());
        }
        merged.extend(of_mount.chain(of_super).map(|option| unescape(option).into_owned()));
        merged
    }
}

/// Options that the kernel prints before those of the filesystem itself (fs/proc_namespace.c, show_sb_opts): flags of the superblock, and
/// what security modules add.
fn is_common_option(option: &[u8]) -> bool {
    const FLAGS: [&[u8]; 5] = [b"sync", b"dirsync", b"mand", b"lazytime", b"seclabel"];
    const KEYS: [&[u8]; 5] = [b"context", b"fscontext", b"defcontext", b"rootcontext", b"smackfs"];
    let key = option.split(|byte| *byte == b'=').next().unwrap_or_default();
    FLAGS.contains(&option) || KEYS.contains(&key) || key.starts_with(b"smackfs")
}

/// Split at commas, but not within quotes: `context="system_u:object_r:tmp_t:s0:c1,c2"` (security/selinux/hooks.c, show_sid).
fn options(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let end = end_of_option(text);
        let (option, tail) = text.split_at_checked(end)?;
        rest = tail.get(1..);
        Some(option)
    })
}

fn end_of_option(text: &[u8]) -> usize {
    let comma = |from: usize| memchr::memchr(b',', text.get(from..).unwrap_or_default()).map(|at| from + at);
    let first = comma(0).unwrap_or(text.len());
    let quote = text.get(..first).and_then(|option| memchr::memmem::find(option, b"=\"")).map(|at| at + 2);
    let closed = quote.and_then(|from| memchr::memchr(b'"', text.get(from..)?).map(|at| from + at));
    closed.map_or(first, |closed| comma(closed).unwrap_or(text.len()))
}

/// Blanks, tabs, line ends, backslashes and whatever else a filesystem chose to hide are three octal digits after a backslash
/// (lib/string_helpers.c, escape_octal).
pub(crate) fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', text) else { return Cow::Borrowed(text) };
    let (mut plain, mut rest) = (Vec::with_capacity(text.len()), text);
    let mut next = Some(first);
    while let Some((before, tail)) = next.and_then(|at| rest.split_at_checked(at)) {
        plain.extend_from_slice(before);
        let (byte, length) = match tail {
            [_, a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                (((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'), 4)
            }
            _ => (b'\\', 1),
        };
        plain.push(byte);
        rest = tail.get(length..).unwrap_or_default();
        next = memchr::memchr(b'\\', rest);
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(line: &str) -> MountLine<'_> {
        let mut found = Vec::new();
        assert_eq!(each_mount(line.as_bytes(), |mount| found.push(mount)), None, "{line}");
        assert_eq!(found.len(), 1, "{line}");
        found[0]
    }

    fn joined(mount: MountLine<'_>) -> String {
        String::from_utf8(mount.options().join(&b',')).unwrap()
    }

    #[test]
    fn every_column_is_read_whatever_stands_in_the_middle() {
        for middle in ["", "shared:1 ", "shared:1 master:2 ", "propagate_from:3 unbindable ", "later:4 "] {
            let line = format!("36 35 98:1 /mnt1 /mnt2 rw,noatime {middle}- ext3 /dev/sda1 rw,errors=continue\n");
            let mount = one(&line);
            assert_eq!((mount.id, mount.parent_id, mount.major, mount.minor), (36, 35, 98, 1));
            assert_eq!((&*mount.root(), &*mount.mount_point()), (b"/mnt1".as_slice(), b"/mnt2".as_slice()));
            assert_eq!(&*mount.filesystem_type(), b"ext3");
            assert_eq!(mount.source().unwrap(), b"/dev/sda1".as_slice());
            assert_eq!(joined(mount), "rw,noatime,errors=continue");
            assert!(!mount.is_read_only());
        }
    }

    #[test]
    fn escapes_are_undone() {
        let mount = one(r"1 0 0:5 /a\040b /x\011y\012z\134w\043 rw - fuse.a\040b host\040x:/d rw,o=a\054b");
        assert_eq!((&*mount.root(), &*mount.mount_point()), (b"/a b".as_slice(), b"/x\ty\nz\\w#".as_slice()));
        assert_eq!(&*mount.filesystem_type(), b"fuse.a b");
        assert_eq!(mount.source().unwrap(), b"host x:/d".as_slice());
        assert_eq!(mount.options(), [b"rw".to_vec(), b"o=a,b".to_vec()]);
        for odd in [r"a\", r"\04", r"\4000", r"\x20", r"\08 "] {
            assert_eq!(unescape(odd.as_bytes()), odd.as_bytes(), "{odd}");
        }
        assert_eq!(*unescape(br"\377\000"), [255, 0]);
    }

    #[test]
    fn none_and_nothing_are_no_source() {
        assert_eq!(one("1 0 0:5 / / rw - tmpfs none rw").source(), None);
        let empty = one("1 0 0:5 / / rw - tmpfs  rw,size=4k");
        assert_eq!((empty.source(), joined(empty).as_str()), (None, "rw,size=4k"));
        assert_eq!(one("1 0 0:5 / / rw - tmpfs nonesuch rw").source().unwrap(), b"nonesuch".as_slice());
    }

    /// Each pair is a line of mountinfo and what the same kernel prints in /proc/mounts.
    #[test]
    fn options_stand_as_in_proc_mounts() {
        let pairs = [
            ("ro,relatime", "rw,size=4k", "ro,relatime,size=4k"),
            ("rw,relatime", "ro,errors=remount-ro", "ro,relatime,errors=remount-ro"),
            ("rw,relatime", "rw,sync,dirsync,mand,lazytime,x", "rw,sync,dirsync,mand,lazytime,relatime,x"),
            ("rw,nosuid,relatime", "rw,seclabel,attr2", "rw,seclabel,nosuid,relatime,attr2"),
            ("rw,relatime", "rw,context=\"u:r:t:s0:c1,c2\",a", "rw,context=\"u:r:t:s0:c1,c2\",relatime,a"),
            ("rw,relatime", "rw,size=1,sync", "rw,relatime,size=1,sync"),
            ("rw", "rw", "rw"),
        ];
        for (mount, super_block, expected) in pairs {
            let line = format!("1 0 0:5 / / {mount} - ext4 /dev/x {super_block}");
            assert_eq!(joined(one(&line)), expected);
            assert_eq!(one(&line).is_read_only(), expected.starts_with("ro"), "{line}");
        }
    }

    #[test]
    fn quotes_hold_an_option_together_only_if_they_close() {
        let split = |text: &'static str| options(text.as_bytes()).map(String::from_utf8_lossy).collect::<Vec<_>>();
        assert_eq!(split("a,context=\"b,c\",d"), ["a", "context=\"b,c\"", "d"]);
        assert_eq!(split("a,k=\"b,c"), ["a", "k=\"b", "c"]);
        assert_eq!(split("a\"b,c\""), ["a\"b", "c\""]);
        assert_eq!(split("a,,b,"), ["a", "", "b", ""]);
        assert_eq!(split(""), [""; 0]);
    }

    #[test]
    fn super_options_may_have_blanks() {
        assert_eq!(joined(one("1 0 0:5 / / rw,relatime - odd x rw,a b,c  d")), "rw,relatime,a b,c  d");
        assert_eq!(joined(one("1 0 0:5 / / rw - odd x")), "rw", "no options at all");
    }

    #[test]
    fn odd_lines_are_told_and_the_rest_is_kept() {
        let good = "1 0 0:5 / / rw - tmpfs none rw";
        for odd in [
            "",
            "x",
            "1 0 0:5 / / rw",
            "1 0 0:5 / / rw shared:1",
            "1 0 0:5 / / rw - tmpfs",
            "1 0 05 / / rw - tmpfs none rw",
            "1 0 0: / / rw - tmpfs none rw",
            "1 -1 0:5 / / rw - tmpfs none rw",
            "99999999999999999999 0 0:5 / / rw - tmpfs none rw",
            "1 0 4294967296:5 / / rw - tmpfs none rw",
            "1 0 0:5  / rw - tmpfs none rw",
        ] {
            let text = format!("{good}\n{odd}\n{good}\n");
            let mut count = 0;
            assert_eq!(each_mount(text.as_bytes(), |_| count += 1), Some(2), "{odd}");
            assert_eq!(count, 2, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            each_mount(&text, |mount| { mount.options(); });
            unescape(&text);
        }

        #[test]
        fn any_columns_are_survived(columns in proptest::collection::vec("[0-9:]{0,4}|[-a-z,=\"\\\\0-7]{0,9}", 0..14)) {
            each_mount(columns.join(" ").as_bytes(), |mount| { mount.options(); });
        }

        #[test]
        fn options_lose_no_byte(text: Vec<u8>) {
            let joined = options(&text).collect::<Vec<_>>().join(&b',');
            prop_assert_eq!(joined, text);
        }
    }
}
