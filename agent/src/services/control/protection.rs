//! Processes that are never acted on, whatever the request and the caller's roles say.

use procwire_host::{Host, ProcessHandle};

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

    /// Why this process is left alone, if it is.
    pub(crate) fn reason(&self, target: &ProcessHandle) -> Option<&'static str> {
        self.rule(target.reference().pid, target.name(), target.is_kernel_thread())
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
}
