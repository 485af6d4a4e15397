//! A process in words, for people.

use std::borrow::Cow;

use crate::{
    escape,
    v1::{ExitStatus, Process, ProcessState, exit_status},
};

impl Process {
    /// The name, safe to print; `?` if it was not asked for or could not be read.
    pub fn display_name(&self) -> Cow<'_, str> {
        self.name.as_deref().map_or(Cow::Borrowed("?"), escape::terminal)
    }

    /// The arguments joined by spaces, safe to print; kernel threads and processes without arguments show `[name]`, as `ps` does.
    pub fn display_command(&self) -> String {
        if self.cmdline.is_empty() {
            return format!("[{}]", self.display_name());
        }
        self.cmdline.iter().map(|argument| escape::terminal(argument)).collect::<Vec<_>>().join(" ")
    }
}

impl ProcessState {
    /// The kernel's letter, as `ps` shows it; `?` when unspecified.
    pub fn letter(self) -> char {
        match self {
            Self::Unspecified => '?',
            Self::Running => 'R',
            Self::Sleeping => 'S',
            Self::DiskSleep => 'D',
            Self::Stopped => 'T',
            Self::TracingStop => 't',
            Self::Zombie => 'Z',
            Self::Dead => 'X',
            Self::WakeKill => 'K',
            Self::Waking => 'W',
            Self::Idle => 'I',
            Self::Parked => 'P',
        }
    }

    /// The state for the kernel's letter in field 3 of `/proc/PID/stat` (fs/proc/array.c).
    pub fn from_letter(letter: u8) -> Option<Self> {
        Some(match letter {
            b'R' => Self::Running,
            b'S' => Self::Sleeping,
            b'D' => Self::DiskSleep,
            b'T' => Self::Stopped,
            b't' => Self::TracingStop,
            b'Z' => Self::Zombie,
            b'X' | b'x' => Self::Dead,
            b'K' => Self::WakeKill,
            b'W' => Self::Waking,
            b'I' => Self::Idle,
            b'P' => Self::Parked,
            _ => return None,
        })
    }
}

impl ExitStatus {
    /// Decodes the kernel's wait status (wait(2), include/uapi/linux/wait.h): low 7 bits 0 mean an exit code in bits 8 to 15,
    /// else they are the signal and bit 7 tells of a core dump.
    pub fn from_wait_status(status: u32) -> Self {
        let signal = status & 0x7f;
        let end = if signal == 0 {
            exit_status::End::Code((status >> 8) & 0xff)
        } else {
            exit_status::End::Signal(signal.cast_signed())
        };
        Self { end: Some(end), core_dumped: signal != 0 && status & 0x80 != 0 }
    }

    /// An end whose manner could not be learnt, and why.
    pub fn unknown(detail: impl Into<String>) -> Self {
        let unknown = crate::v1::ExitUnknown { detail: detail.into() };
        Self { end: Some(exit_status::End::Unknown(unknown)), core_dumped: false }
    }
}

impl std::fmt::Display for ExitStatus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.end {
            Some(exit_status::End::Code(code)) => write!(formatter, "exit code {code}")?,
            Some(exit_status::End::Signal(signal)) => write!(formatter, "killed by {}", signal_name(*signal))?,
            Some(exit_status::End::Unknown(unknown)) => write!(formatter, "exit status unknown ({})", unknown.detail)?,
            None => write!(formatter, "exit status not given")?,
        }
        if self.core_dumped { write!(formatter, ", core dumped") } else { Ok(()) }
    }
}

/// `SIGTERM`, or `signal 34` for numbers without a name.
fn signal_name(number: i32) -> String {
    match crate::v1::Signal::try_from(number) {
        Ok(signal) if number != 0 => signal.as_str_name().replace("SIGNAL_", "SIG"),
        _ => format!("signal {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_statuses_decode_as_waitpid_would() {
        assert_eq!(ExitStatus::from_wait_status(1792).to_string(), "exit code 7");
        assert_eq!(ExitStatus::from_wait_status(10752).to_string(), "exit code 42");
        assert_eq!(ExitStatus::from_wait_status(0).to_string(), "exit code 0");
        assert_eq!(ExitStatus::from_wait_status(9).to_string(), "killed by SIGKILL");
        assert_eq!(ExitStatus::from_wait_status(0x80 | 11).to_string(), "killed by SIGSEGV, core dumped");
        assert_eq!(ExitStatus::from_wait_status(34).to_string(), "killed by signal 34");
    }

    #[test]
    fn every_state_has_its_own_letter() {
        for letter in b"RSDTtZXKWIP" {
            assert_eq!(ProcessState::from_letter(*letter).map(ProcessState::letter), Some(char::from(*letter)));
        }
        assert_eq!(ProcessState::from_letter(b'x'), Some(ProcessState::Dead));
        assert_eq!(ProcessState::from_letter(b'?'), None);
    }

    #[test]
    fn commands_are_shown_on_one_line() {
        let process = Process {
            name: Some(b"evil".to_vec()),
            cmdline: vec![b"evil".to_vec(), b"\x1b[2J".to_vec()],
            ..Process::default()
        };
        assert_eq!(process.display_command(), r"evil \x1b[2J");
        assert_eq!(Process { cmdline: vec![], ..process }.display_command(), "[evil]");
    }
}
