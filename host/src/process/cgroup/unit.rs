//! The systemd unit of a control group: the name of its group is that of the unit (systemd: src/basic/cgroup-util.c).

const SUFFIXES: [&[u8]; 3] = [b".service", b".scope", b".slice"];

/// The last component of a path that names a unit: of a user's service that service, not `user@1000.service` around it.
pub(super) fn of_path(path: &[u8]) -> Option<Vec<u8>> {
    path.rsplit(|byte| *byte == b'/').map(unescaped).find(|name| is_unit(name)).map(<[u8]>::to_vec)
}

fn is_unit(name: &[u8]) -> bool {
    SUFFIXES.iter().any(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
}

/// A name that would look like one of the kernel's own files is written with an underscore before it (cg_escape).
fn unescaped(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_unit_of_a_path_is_meant() {
        let unit = |path: &str| of_path(path.as_bytes()).map(|unit| String::from_utf8_lossy(&unit).into_owned());
        for (path, expected) in [
            ("/system.slice/ssh.service", Some("ssh.service")),
            ("/init.scope", Some("init.scope")),
            ("/user.slice/user-1000.slice/session-3.scope", Some("session-3.scope")),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-4242.scope",
                Some("app-gnome-firefox-4242.scope"),
            ),
            ("/system.slice/docker.service/work/er", Some("docker.service")),
            ("/user.slice", Some("user.slice")),
            ("/system.slice/system-getty.slice/getty@tty1.service", Some("getty@tty1.service")),
            ("/system.slice/_cpu.service", Some("cpu.service")),
            ("/", None),
            ("", None),
            ("/.service", None),
            ("/a/b", None),
        ] {
            assert_eq!(unit(path).as_deref(), expected, "{path}");
        }
    }
}
