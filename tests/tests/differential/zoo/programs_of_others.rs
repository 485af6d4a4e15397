//! Processes of the user that unprivileged agents and judges are, of which those see everything.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::Command,
};

use procwire_tests::{NOBODY, Victim, programs};

/// Root only.
pub(super) fn unprivileged(folder: &Path) -> Vec<(&'static str, Victim)> {
    // The user must be able to reach the copy.
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let copy = folder.join("of-another");
    programs::copy(&programs::victim(), &copy);
    let start = |arguments: &[&str]| {
        let mut command = Command::new(&copy);
        command.args(arguments).uid(NOBODY).gid(NOBODY).current_dir(folder).env("WHOSE", "another's");
        Victim::start_command(command)
    };
    vec![
        ("another user's", start(&["sleep"])),
        ("another user's with threads", start(&["threads", "5"])),
        ("another user's with a zombie", start(&["zombie", "3"])),
    ]
}
