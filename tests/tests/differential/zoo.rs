//! Processes of every odd kind, alive while they are compared.

mod groups;
mod programs_of_others;

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use procwire_tests::{Victim, is_root, programs, python};
use tempfile::TempDir;

use self::{groups::OwnGroup, programs_of_others::unprivileged};

/// Ends with all its animals.
pub(crate) struct Zoo {
    animals: Vec<(&'static str, Victim)>,
    /// After the animals: a group can be removed when nobody is in it.
    _group: Option<OwnGroup>,
    _folder: TempDir,
}

/// Modes of odd_process.py that name a further process.
const WITH_ANOTHER: [&str; 3] = ["a parent of a zombie", "killed", "traced"];

impl Zoo {
    pub(crate) fn open() -> Self {
        let folder = tempfile::Builder::new().prefix("procwire-zoo-").tempdir().unwrap();
        let mut animals = vec![
            ("renamed with ) and newline", Victim::named(b")\n\x1b[2J( R 0", "sleep")),
            ("a name of 15 bytes in 5 characters", Victim::named("日本語名前".as_bytes(), "sleep")),
            ("a name cut within a character", Victim::named("abcdefghijklm日".as_bytes().split_at(15).0, "sleep")),
            ("a name that is not UTF-8", Victim::named(b"\xff\xfe\x80", "sleep")),
            ("a name of 15 bytes that the arguments complete", Victim::start(&["sleep"])),
            ("many threads", Victim::start(&["threads", "40"])),
            (WITH_ANOTHER[0], Victim::start(&["zombie", "7"])),
            ("stopped", stopped()),
            ("a deleted program", deleted_program(folder.path().join("short-lived"))),
            (
                "a program called as if it were deleted",
                Victim::start_command(copy(&folder.path().join("so (deleted)"))),
            ),
            ("a multi-byte program", Victim::start_command(copy(&folder.path().join("日本語日本語日本語")))),
            ("a deleted working directory", deleted_folder(folder.path().join("gone"))),
            ("a directory with odd bytes", odd_folder(&folder)),
            ("a program name with spaces", program_name_with_spaces()),
            ("an empty argument", Victim::start_command(shell("echo ready; read x; :", &["", "a b", ""]))),
        ];
        let modes = [
            "title",
            "tty",
            "nice",
            "reaped",
            "all_descriptors",
            "all_sockets",
            "environment",
            "idle",
            "killed",
            "leaderless",
            "mappings",
            "settings",
            "traced",
        ];
        animals.extend(modes.map(|mode| (mode, Victim::start_command(odd_process(mode, folder.path())))));
        let mut group = None;
        if is_root() {
            animals
                .extend(["uids", "setuid"].map(|mode| (mode, Victim::start_command(odd_process(mode, folder.path())))));
            animals.extend(unprivileged(folder.path()));
            let member = Victim::start(&["sleep"]);
            group = OwnGroup::around(member.pid());
            animals.push(("in a control group of its own", member));
        }
        if namespaces_can_be_made() {
            animals.push(("other namespaces", Victim::start_command(elsewhere("listeners", folder.path()))));
        }
        Self { animals, _group: group, _folder: folder }
    }

    /// Pids of all that live, and of those that they name (zombies, the traced), by what is odd about them.
    pub(crate) fn pids(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let named = self.animals.iter().filter(|(oddity, _)| WITH_ANOTHER.contains(oddity));
        let named = named.map(|(oddity, victim)| (*oddity, victim.named_pid()));
        self.animals.iter().map(|(oddity, victim)| (*oddity, victim.pid())).chain(named)
    }
}

fn stopped() -> Victim {
    let victim = Victim::start(&["sleep"]);
    victim.signal("STOP");
    victim
}

fn deleted_program(path: PathBuf) -> Victim {
    let victim = Victim::start_command(copy(&path));
    fs::remove_file(path).unwrap();
    victim
}

/// A copy of the victim that sleeps.
fn copy(path: &Path) -> Command {
    programs::copy(&programs::victim(), path);
    let mut command = Command::new(path);
    command.arg("sleep");
    command
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
    let folder = parent.path().join(OsStr::from_bytes(b"odd \xff\n(deleted)"));
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
    let mut command = Command::new(programs::victim());
    command.arg0("worker of seven").arg("sleep");
    Victim::start_command(command)
}

/// What must stay while it lives stays in the folder.
fn odd_process(mode: &str, folder: &Path) -> Command {
    let mut command = Command::new(python::python());
    command.arg(python::script("odd_process.py")).arg(mode).env("TMPDIR", folder);
    command
}

const ELSEWHERE: [&str; 9] =
    ["--user", "--map-root-user", "--net", "--pid", "--fork", "--mount", "--uts", "--ipc", "--kill-child"];

/// Not everywhere: some kernels give user namespaces to nobody but root, some to nobody.
fn namespaces_can_be_made() -> bool {
    let status = Command::new("unshare").args(ELSEWHERE).arg("true").stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn elsewhere(mode: &str, folder: &Path) -> Command {
    let inside = odd_process(mode, folder);
    let mut command = Command::new("unshare");
    command.args(ELSEWHERE).arg(inside.get_program()).args(inside.get_args()).env("TMPDIR", folder);
    command
}
