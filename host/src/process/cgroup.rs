//! `/proc/PID/cgroup`: control group, systemd unit, container (cgroups(7); kernel/cgroup/cgroup.c: proc_cgroup_show).

mod container;
mod unit;

use procwire_proto::v1::{CgroupV1Membership, ProcessCgroup};
use rustix::io::Errno;

use super::{access::Access, draft::Draft};

/// What the kernel writes behind the path of a group that was removed, which only a zombie can be in.
const DELETED: &[u8] = b" (deleted)";

/// Reads the membership into the row.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    draft.process.cgroup = Some(Box::new(parse(access.contents("cgroup")?)));
    Ok(())
}

/// Parses the file: `ID:CONTROLLERS:PATH`, where hierarchy 0 without controllers is the unified tree. A path may hold colons, but no
/// newline: the kernel lets no group be called so.
pub(crate) fn parse(text: &[u8]) -> ProcessCgroup {
    let mut cgroup = ProcessCgroup::default();
    for line in text.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(3, |byte| *byte == b':');
        let (Some(id), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        if id == b"0" && controllers.is_empty() {
            cgroup.path = Some(path.strip_suffix(DELETED).unwrap_or(path).to_vec());
        } else {
            cgroup.v1.push(CgroupV1Membership { controllers: controllers.to_vec(), path: path.to_vec() });
        }
    }
    // Under hybrid and v1 setups systemd keeps its units in a hierarchy of its own, and docker in each of the controllers'.
    let of_systemd = cgroup.v1.iter().find(|membership| membership.controllers == b"name=systemd");
    let units = cgroup.path.iter().chain(of_systemd.map(|membership| &membership.path));
    let unit = units.map(Vec::as_slice).find_map(unit::of_path);
    let container_id = everywhere(&cgroup).find_map(container::of_path);
    ProcessCgroup { unit, container_id, ..cgroup }
}

/// The group that people mean when they speak of one: of the unified tree, unless it is in the root of that and another tree knows
/// better, systemd's before all others. On hybrid hosts the unified tree is often there and nobody uses it.
pub(crate) fn meant(cgroup: &ProcessCgroup) -> Option<&[u8]> {
    let of_systemd = cgroup.v1.iter().filter(|membership| membership.controllers == b"name=systemd");
    let in_order = || every(cgroup.path.iter(), of_systemd.clone().chain(&cgroup.v1));
    in_order().find(|path| *path != b"/").or_else(|| in_order().next())
}

/// Its group in each of the trees.
pub(crate) fn everywhere(cgroup: &ProcessCgroup) -> impl Iterator<Item = &[u8]> {
    every(cgroup.path.iter(), cgroup.v1.iter())
}

fn every<'a>(
    unified: impl Iterator<Item = &'a Vec<u8>>,
    v1: impl Iterator<Item = &'a CgroupV1Membership>,
) -> impl Iterator<Item = &'a [u8]> {
    unified.chain(v1.map(|membership| &membership.path)).map(Vec::as_slice)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_group_that_is_meant_is_the_one_that_somebody_made() {
        for (text, meant_path) in [
            ("0::/system.slice/a.service\n", "/system.slice/a.service"),
            ("0::/\n", "/"),
            ("4:memory:/\n1:name=systemd:/user.slice\n", "/user.slice"),
            ("4:memory:/docker/x\n1:name=systemd:/\n", "/docker/x"),
            ("4:memory:/docker/x\n1:name=systemd:/\n0::/\n", "/docker/x"),
            ("4:memory:/a\n1:name=systemd:/b\n0::/\n", "/b"),
            ("4:memory:/a\n1:name=systemd:/b\n0::/c\n", "/c"),
            ("4:memory:/a\n", "/a"),
            ("4:memory:/\n1:name=systemd:/\n", "/"),
        ] {
            assert_eq!(meant(&parse(text.as_bytes())), Some(meant_path.as_bytes()), "{text}");
        }
        assert_eq!(meant(&parse(b"")), None);
    }

    #[test]
    fn a_unified_tree_is_one_line() {
        let cgroup = parse(b"0::/system.slice/ssh.service\n");
        assert_eq!(cgroup.path.as_deref(), Some(&b"/system.slice/ssh.service"[..]));
        assert_eq!((cgroup.v1.len(), cgroup.unit.as_deref()), (0, Some(&b"ssh.service"[..])));
        assert_eq!(cgroup.container_id, None);
        assert_eq!(parse(b"0::/../sibling:a:b\n").path.as_deref(), Some(&b"/../sibling:a:b"[..]));
        assert_eq!(parse(b"0::/gone.scope (deleted)\n").unit.as_deref(), Some(&b"gone.scope"[..]));
    }

    /// Captured on Debian 9 with docker.
    #[test]
    fn the_old_trees_are_listed_in_their_order() {
        let id = "9d9c1a9a3f9ed2c2b5a1c7c3e9f50d6b8d4a7c0e1f2a3b4c5d6e7f8091a2b3c4";
        let text = format!("10:memory:/docker/{id}\n9:cpu,cpuacct:/docker/{id}\n1:name=systemd:/docker/{id}\n");
        let cgroup = parse(text.as_bytes());
        assert_eq!(cgroup.path, None, "no unified tree is mounted");
        let controllers: Vec<_> = cgroup.v1.iter().map(|membership| membership.controllers.as_slice()).collect();
        assert_eq!(controllers, [&b"memory"[..], b"cpu,cpuacct", b"name=systemd"]);
        assert_eq!((cgroup.unit, cgroup.container_id.as_deref()), (None, Some(id)));
    }

    #[test]
    fn of_a_hybrid_the_unit_comes_from_the_tree_that_has_one() {
        let text = b"5:memory:/system.slice/cron.service\n1:name=systemd:/system.slice/cron.service\n0::/\n";
        let cgroup = parse(text);
        assert_eq!((cgroup.path.as_deref(), cgroup.unit.as_deref()), (Some(&b"/"[..]), Some(&b"cron.service"[..])));
        // A controller's tree is somebody's, not systemd's.
        assert_eq!(parse(b"5:memory:/x.service\n0::/\n").unit, None);
    }

    #[test]
    fn torn_lines_are_passed_over() {
        for torn in [&b""[..], b"\n\n", b"0", b"0:", b"::\n:", b"0\n::"] {
            let cgroup = parse(torn);
            assert_eq!((cgroup.path, cgroup.unit, cgroup.container_id), (None, None, None));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            parse(&bytes);
            parse(&[b"0::/", bytes.as_slice()].concat());
        }
    }
}
