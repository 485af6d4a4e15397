//! Processes of every odd kind, alive while they are compared.

use std::{fs, path::PathBuf, process::Command};

use procwire_tests::{Victim, is_root, programs, python};
use tempfile::TempDir;

/// Ends with all its animals.
pub(crate) struct Zoo {
    animals: Vec<(&'static str, Victim)>,
    _folder: TempDir,
}

impl Zoo {
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut animals = vec![
            ("renamed with ) and newline", Victim::named(b")\n\x1b[2J( R 0", "sleep")),
            ("a name of 15 bytes in 5 characters", Victim::named("日本語名前".as_bytes(), "sleep")),
            ("a name cut within a character", Victim::named("abcdefghijklm日".as_bytes().split_at(15).0, "sleep")),
            ("a name that is not UTF-8", Victim::named(b"\xff\xfe\x80", "sleep")),
            ("a name of 15 bytes that the arguments complete", Victim::start(&["sleep"])),
            ("many threads", Victim::start(&["threads", "40"])),
            ("a parent of a zombie", Victim::start(&["zombie", "7"])),
            ("stopped", stopped()),
            ("a deleted program", deleted_program(folder.path().join("short-lived"))),
            ("a deleted working directory", deleted_folder(folder.path().join("gone"))),
            ("a directory with odd bytes", odd_folder(&folder)),
            ("a program name with spaces", program_name_with_spaces()),
            ("an empty argument", Victim::start_command(shell("echo ready; read x; :", &["", "a b", ""]))),
        ];
        for mode in ["title", "tty", "nice", "reaped"] {
            animals.push((mode, odd_process(mode)));
        }
        if is_root() {
            animals.push(("uids", odd_process("uids")));
        }
        Self { animals, _folder: folder }
    }

    /// Pids of all that live, by what is odd about them.
    pub(crate) fn pids(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.animals.iter().map(|(oddity, victim)| (*oddity, victim.pid()))
    }

    /// The zombie itself.
    pub(crate) fn zombie_pid(&self) -> u32 {
        let (_, parent) = self.animals.iter().find(|(oddity, _)| *oddity == "a parent of a zombie").unwrap();
        parent.named_pid()
    }
}

fn stopped() -> Victim {
    let victim = Victim::start(&["sleep"]);
    victim.signal("STOP");
    victim
}

fn deleted_program(copy: PathBuf) -> Victim {
    programs::copy(&programs::victim(), &copy);
    let mut command = Command::new(&copy);
    command.arg("sleep");
    let victim = Victim::start_command(command);
    fs::remove_file(copy).unwrap();
    victim
}

fn deleted_folder(folder: PathBuf) -> Victim {
    fs::create_dir(&folder).unwrap();
    let mut command = Command::new(programs::victim());
    command.arg("sleep").current_dir(&folder);
    let victim = Victim::start_command(command);
    fs::remove_dir(folder).unwrap();
    victim
}

fn odd_folder(parent: &TempDir) -> Victim {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = parent.path().join(std::ffi::OsStr::from_bytes(b"odd \xff\n(deleted)"));
    fs::create_dir(&folder).unwrap();
    let mut command = Command::new(programs::victim());
    command.arg("sleep").current_dir(folder);
    Victim::start_command(command)
}

fn shell(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).args(arguments);
    command
}

fn program_name_with_spaces() -> Victim {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(programs::victim());
    command.arg0("worker of seven").arg("sleep");
    Victim::start_command(command)
}

fn odd_process(mode: &str) -> Victim {
    let mut command = Command::new(python::python());
    command.arg(python::script("odd_process.py")).arg(mode);
    Victim::start_command(command)
}
