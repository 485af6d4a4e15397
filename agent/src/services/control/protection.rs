//! Processes that are never acted on, whatever the request and the caller's roles say.

use procwire_host::{Host, ProcessHandle, TargetFacts};

use crate::config::ControlConfig;

/// The protected set.
#[derive(Debug)]
pub(crate) struct Protection {
    own_line: Vec<u32>,
    configured: ControlConfig,
}

impl Protection {
    /// The agent and its ancestors are those of its start; they are what keeps it running.
    pub(crate) fn new(host: &Host, configured: &ControlConfig) -> Self {
        Self { own_line: host.ancestors_of_self(), configured: configured.clone() }
    }

    /// True if it takes more than the pid and the name of a process to tell.
    pub(crate) fn needs_facts(&self) -> bool {
        !self.configured.protected_units.is_empty() || !self.configured.protected_cgroups.is_empty()
    }

    /// Why this process is left alone, if it is.
    pub(crate) fn reason(&self, target: &ProcessHandle, facts: &TargetFacts) -> Option<&'static str> {
        self.rule(target.reference().pid, target.name(), target.is_kernel_thread()).or_else(|| self.place(facts))
    }

    fn rule(&self, pid: u32, name: &[u8], is_kernel_thread: bool) -> Option<&'static str> {
        if pid == 1 {
            Some("pid 1 keeps the host running")
        } else if is_kernel_thread {
            Some("it is a kernel thread")
        } else if self.own_line.contains(&pid) {
            Some("it is the agent or one of its ancestors")
        } else if self.configured.protected_pids.contains(&pid) {
            Some("its pid is in control.protected_pids")
        } else if self.configured.protected_names.contains(name) {
            Some("its name is in control.protected_names")
        } else {
            None
        }
    }

    /// By unit and control group. Where they are not known, nobody can tell that it is not protected.
    fn place(&self, facts: &TargetFacts) -> Option<&'static str> {
        let ControlConfig { protected_units, protected_cgroups, .. } = &self.configured;
        if !protected_units.is_empty() {
            match &facts.unit {
                None => return Some("its unit is unknown, and control.protected_units protects some"),
                Some(unit) if protected_units.iter().any(|pattern| is_unit(pattern, unit)) => {
                    return Some("its unit is in control.protected_units");
                }
                Some(_) => {}
            }
        }
        if !protected_cgroups.is_empty() {
            let is_protected = |path: &[u8]| protected_cgroups.iter().any(|group| is_within(group, path));
            match &facts.cgroup {
                None => return Some("its control group is unknown, and control.protected_cgroups protects some"),
                Some(path) if facts.cgroups.iter().chain([path]).any(|path| is_protected(path)) => {
                    return Some("its control group is in control.protected_cgroups");
                }
                Some(_) => {}
            }
        }
        None
    }
}

fn is_unit(pattern: &[u8], unit: &[u8]) -> bool {
    pattern.strip_suffix(b"*").map_or(pattern == unit, |beginning| unit.starts_with(beginning))
}

/// The group itself, or one below it.
fn is_within(group: &[u8], path: &[u8]) -> bool {
    path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_the_kernel_the_agent_and_what_is_configured_are_left_alone() {
        let configured = ControlConfig {
            protected_pids: [300].into_iter().collect(),
            protected_names: [b"sshd".to_vec()].into_iter().collect(),
            ..ControlConfig::default()
        };
        let protection = Protection { own_line: vec![200, 100], configured };
        for (pid, name, is_kernel_thread) in [
            (1, "init", false),
            (2, "kthreadd", true),
            (100, "x", false),
            (200, "x", false),
            (300, "x", false),
            (7, "sshd", false),
        ] {
            assert!(protection.rule(pid, name.as_bytes(), is_kernel_thread).is_some(), "{pid} {name}");
        }
        for (pid, name) in [(7, "sshd2"), (7, "ssh"), (10, "x"), (3000, "x")] {
            assert_eq!(protection.rule(pid, name.as_bytes(), false), None, "{pid} {name}");
        }
    }

    #[test]
    fn units_and_control_groups_are_protected_whole() {
        let set = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let configured = ControlConfig {
            protected_units: set(&["ssh.service", "postgresql@*"]),
            protected_cgroups: set(&["/system.slice/cron.service"]),
            ..ControlConfig::default()
        };
        let protection = Protection { own_line: vec![], configured };
        assert!(protection.needs_facts());
        let facts = |unit: &str, cgroup: &str| TargetFacts {
            unit: Some(unit.as_bytes().to_vec()),
            cgroup: Some(cgroup.as_bytes().to_vec()),
            ..TargetFacts::default()
        };
        for (unit, cgroup) in [
            ("ssh.service", "/system.slice/ssh.service"),
            ("postgresql@15-main.service", "/x"),
            ("", "/system.slice/cron.service"),
            ("", "/system.slice/cron.service/below"),
        ] {
            assert!(protection.place(&facts(unit, cgroup)).is_some(), "{unit} {cgroup}");
        }
        for (unit, cgroup) in [("ssh.service2", "/"), ("", "/system.slice/cron.service2"), ("", "/system.slice")] {
            assert_eq!(protection.place(&facts(unit, cgroup)), None, "{unit} {cgroup}");
        }
        let in_another_tree =
            TargetFacts { cgroups: vec![b"/system.slice/cron.service/below".to_vec()], ..facts("", "/docker/x") };
        assert!(protection.place(&in_another_tree).is_some(), "whichever tree it is in");
        assert!(protection.place(&TargetFacts::default()).is_some(), "what is unknown is not acted on");
        let unconfigured = Protection { own_line: vec![], configured: ControlConfig::default() };
        assert!(!unconfigured.needs_facts());
        assert_eq!(unconfigured.place(&TargetFacts::default()), None);
    }
}
