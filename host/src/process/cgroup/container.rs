//! The container of a control group. There is no standard; each engine names the groups that it makes in its own way, and most put
//! the id of the container, 64 hexadecimal digits, into the last component.

/// Prefixes of components that name a container by its id.
const BEFORE_AN_ID: [&str; 5] = ["docker-", "cri-containerd-", "crio-", "libpod-", "nerdctl-"];

/// Components below which groups are called by bare ids.
const PARENTS_OF_IDS: [&str; 5] = ["docker", "kubepods", "ecs", "libpod_parent", "actions_job"];

/// The id, or for engines that go by names the name, of the innermost container that a path leads into.
pub(super) fn of_path(path: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    let components: Vec<&str> = path.split('/').filter(|component| !component.is_empty()).collect();
    (0..components.len()).rev().find_map(|index| {
        let (above, rest) = components.split_at_checked(index)?;
        container(above, rest.first()?)
    })
}

fn container(above: &[&str], component: &str) -> Option<String> {
    // The monitors of a container stand outside it.
    if component.contains("-conmon-") || component.starts_with("lxc.monitor") {
        return None;
    }
    let name = component.strip_suffix(".scope").or_else(|| component.strip_suffix(".service")).unwrap_or(component);
    by_id(above, name).or_else(|| by_name(above, name))
}

/// docker, containerd, CRI-O, podman, Kubernetes, ECS.
fn by_id(above: &[&str], name: &str) -> Option<String> {
    // containerd without systemd: `kubepods-…-podUID.slice:cri-containerd:ID`.
    let id = name.rsplit([':', '-']).next().unwrap_or(name);
    if id.len() == 64 && is_hexadecimal(id) {
        return Some(id.to_owned());
    }
    // What is no id by itself is not looked for an engine: that goes through everything above it, for each group of a path that a user
    // may make of two thousand.
    let is_long = id.len() >= 32 && is_hexadecimal(id);
    if is_long && is_marked(above, name, id) {
        return Some(id.to_owned());
    }
    // Fargate: `/ecs/TASK/TASK-NUMBER`.
    let (task, number) = name.rsplit_once('-')?;
    let is_fargate = above.last() == Some(&task) && is_hexadecimal(task) && above.contains(&"ecs");
    (is_fargate && number.bytes().all(|digit| digit.is_ascii_digit())).then(|| name.to_owned())
}

/// True if an engine puts ids there.
fn is_marked(above: &[&str], name: &str, id: &str) -> bool {
    BEFORE_AN_ID.iter().any(|prefix| name.strip_prefix(prefix) == Some(id))
        || above.iter().any(|parent| PARENTS_OF_IDS.iter().any(|known| parent.trim_end_matches(".slice") == *known))
}

/// LXC and systemd-nspawn, whose containers have names.
fn by_name(above: &[&str], name: &str) -> Option<String> {
    if let Some(name) = name.strip_prefix("lxc.payload.").filter(|name| !name.is_empty()) {
        return Some(name.to_owned());
    }
    if matches!(above.last(), Some(&"lxc" | &"lxc.payload")) {
        return Some(name.to_owned());
    }
    if let Some(machine) = name.strip_prefix("systemd-nspawn@").filter(|name| !name.is_empty()) {
        return Some(unescaped(machine));
    }
    // libvirt registers its virtual machines in the same way.
    let machine = name.strip_prefix("machine-").map(unescaped)?;
    let is_container = above.last() == Some(&"machine.slice") && !machine.is_empty() && !machine.starts_with("qemu-");
    is_container.then_some(machine)
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `\x2d` for a byte that may not stand in the name of a unit (systemd.unit(5), "String escaping").
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.extend_from_slice(b"\\x");
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f4e8b1c9a7d6e5f4031221304f5e6d7c8b9aa0b1c2d3e4f5061728394a5b6c7";
    const OTHER: &str = "aa00bb11cc22dd33ee44ff5500661177228833994400aa11bb22cc33dd44ee55";

    fn found(path: &str) -> Option<String> {
        of_path(path.replace("ID", ID).replace("OTHER", OTHER).as_bytes())
    }

    /// Lines as the engines of the comments make them.
    #[test]
    fn the_id_is_found_in_what_each_engine_makes() {
        for path in [
            // docker, cgroupfs driver and systemd driver
            "/docker/ID",
            "/system.slice/docker-ID.scope",
            // docker in docker: the inner one
            "/docker/OTHER/docker/ID",
            // a service inside a container that runs systemd
            "/docker/ID/system.slice/ssh.service",
            // podman, root and rootless, with its split groups
            "/machine.slice/libpod-ID.scope",
            "/machine.slice/libpod-ID.scope/container",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
            "/libpod_parent/libpod-ID",
            // Kubernetes with docker, containerd, CRI-O
            "/kubepods/burstable/pod7d3b2c1e-0f4a-4b6e-9c8d-1a2b3c4d5e6f/ID",
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod7d3b2c1e_0f4a.slice/docker-ID.scope",
            "/kubepods.slice/kubepods-pod7d3b2c1e_0f4a.slice/cri-containerd-ID.scope",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7d3b.slice/crio-ID.scope",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7d3b.slice/crio-ID.scope/container",
            "/system.slice/containerd.service/kubepods-burstable-pod7d3b2c1e_0f4a.slice:cri-containerd:ID",
            // ECS on EC2
            "/ecs/0b1c2d3e4f5061728394a5b6c7d8e9fa/ID",
            // containerd alone, nerdctl
            "/default/ID",
            "/system.slice/nerdctl-ID.scope",
            // as seen from another container
            "/../ID",
        ] {
            assert_eq!(found(path).as_deref(), Some(ID), "{path}");
        }
    }

    #[test]
    fn shorter_ids_count_only_where_an_engine_puts_them() {
        let short = "0b1c2d3e4f5061728394a5b6c7d8e9fa";
        assert_eq!(found(&format!("/docker/{short}")).as_deref(), Some(short));
        assert_eq!(found(&format!("/system.slice/crio-{short}.scope")).as_deref(), Some(short));
        assert_eq!(found(&format!("/process_api/{short}")), None);
        let fargate = format!("{short}-1234567890");
        assert_eq!(found(&format!("/ecs/{short}/{fargate}")).as_deref(), Some(fargate.as_str()));
    }

    #[test]
    fn containers_that_go_by_names_are_found_by_name() {
        for (path, name) in [
            ("/lxc/web1", "web1"),
            ("/lxc/web1/init.scope", "web1"),
            ("/lxc.payload.web1/system.slice/cron.service", "web1"),
            ("/lxc.payload/web1", "web1"),
            ("/machine.slice/machine-debian\\x2dtree.scope/payload", "debian-tree"),
            ("/machine.slice/systemd-nspawn@debian\\x2dtree.service/payload/init.scope", "debian-tree"),
            ("/machine.slice/machine-lxc\\x2d4711\\x2dbox.scope", "lxc-4711-box"),
        ] {
            assert_eq!(found(path).as_deref(), Some(name), "{path}");
        }
    }

    #[test]
    fn what_is_no_container_has_none() {
        for path in [
            "",
            "/",
            "/init.scope",
            "/system.slice/ssh.service",
            "/system.slice/docker.service",
            "/system.slice/containerd.service",
            "/user.slice/user-1000.slice/session-3.scope",
            // monitors, which stand outside
            "/machine.slice/libpod-conmon-ID.scope",
            "/kubepods.slice/crio-conmon-ID.scope",
            "/lxc.monitor.web1",
            "/lxc.monitor/web1",
            // a virtual machine
            "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
            "/kubepods/burstable/pod0b1c2d3e4f5061728394a5b6c7d8e9fa",
            "/system.slice/run-r0b1c2d3e4f5061728394a5b6c7d8e9fa.scope",
            "/lxc",
            "/machine.slice",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
        assert_eq!(of_path(b"/docker/\xff\xfe"), None);
    }

    /// It would take minutes if each group were held against all above it.
    #[test]
    fn a_path_is_passed_once_however_many_groups_are_nested() {
        for group in ["/a", "/a-1", "/docker-a", "/0.scope"] {
            assert_eq!(found(&group.repeat(200_000)), None, "{group}");
        }
    }

    #[test]
    fn escapes_that_are_none_are_left() {
        assert_eq!(unescaped("a\\x2db\\x"), "a-b\\x");
        assert_eq!(unescaped("\\xzz\\x4"), "\\xzz\\x4");
        assert_eq!(unescaped("\\x\u{e9}\u{e9}"), "\\x\u{e9}\u{e9}");
    }
}
