//! Where the kernel's files are.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::fs::{PROC_SUPER_MAGIC, statfs};

/// The directories that everything is read below. [`Default`] is this machine; a container that mounts its host's `/proc` at
/// `/host/proc` says so here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// procfs.
    pub proc: PathBuf,
    /// sysfs.
    pub sys: PathBuf,
    /// User database and machine id.
    pub etc: PathBuf,
    /// Run-time state of services.
    pub run: PathBuf,
    /// Devices, for the names of terminals.
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into(), etc: "/etc".into(), run: "/run".into(), dev: "/dev".into() }
    }
}

/// A root under which there is not what should be there.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {} {problem}", path.display())]
pub struct RootError {
    /// The key of the configuration.
    pub key: &'static str,
    /// What it was set to.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

impl Roots {
    /// Looks whether each root that was chosen is what it is said to be: a procfs and a sysfs, or captured trees of them, and
    /// directories. A mount that was forgotten would otherwise make a host without disks and interfaces. The usual places are not
    /// looked at, because a sandbox may well lack `/sys`.
    ///
    /// # Errors
    /// The first root that is not what it is said to be.
    pub fn check(&self) -> Result<(), RootError> {
        let usual = Self::default();
        let roots = [
            ("host.proc", &self.proc, &usual.proc, is_procfs as Look),
            ("host.sys", &self.sys, &usual.sys, is_sysfs),
            ("host.etc", &self.etc, &usual.etc, is_directory),
            ("host.run", &self.run, &usual.run, is_directory),
            ("host.dev", &self.dev, &usual.dev, is_directory),
        ];
        for (key, path, usual, look) in roots {
            if path != usual {
                look(path).map_err(|problem| RootError { key, path: path.clone(), problem })?;
            }
        }
        Ok(())
    }

    /// True if users are those of this machine, so that its name services may be asked for them.
    pub(crate) fn has_own_users(&self) -> bool {
        self.etc == Path::new("/etc")
    }
}

/// Says what is wrong with a root.
type Look = fn(&Path) -> Result<(), String>;

/// A mount of procfs, or a tree with the file that every reading of a host needs: procfs of a sandbox (gVisor) or of lxcfs, or captured.
fn is_procfs(path: &Path) -> Result<(), String> {
    is_directory(path)?;
    let is_mount = statfs(path).is_ok_and(|filesystem| filesystem.f_type == PROC_SUPER_MAGIC);
    match fs::read(path.join("stat")) {
        Ok(_) => Ok(()),
        Err(error) if is_mount => Err(format!("is a procfs whose file \"stat\" cannot be read: {error}")),
        Err(_) => Err("is no procfs: it has no file \"stat\"; mount the host's /proc there".to_owned()),
    }
}

/// A mount of sysfs has all of these directories (fs/sysfs, drivers/base); a captured tree has at least one.
fn is_sysfs(path: &Path) -> Result<(), String> {
    is_directory(path)?;
    if ["devices", "class", "block", "fs", "kernel"].iter().any(|name| path.join(name).is_dir()) {
        return if path.join("self").exists() { Err("is a procfs, not a sysfs".to_owned()) } else { Ok(()) };
    }
    Err("is no sysfs: it has no directory \"devices\"; mount the host's /sys there".to_owned())
}

fn is_directory(path: &Path) -> Result<(), String> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err("is no directory".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("does not exist; is it mounted there?".to_owned()),
        Err(error) => Err(format!("cannot be looked at: {error}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn problem(roots: &Roots) -> String {
        roots.check().unwrap_err().to_string()
    }

    #[test]
    fn the_usual_places_and_real_ones_elsewhere_pass() {
        Roots::default().check().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("proc");
        std::os::unix::fs::symlink("/proc", &link).unwrap();
        Roots { proc: link, ..Roots::default() }.check().unwrap();
    }

    #[test]
    fn a_captured_tree_passes() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("stat"), "btime 1\n").unwrap();
        fs::create_dir(folder.path().join("class")).unwrap();
        let here = || folder.path().to_path_buf();
        Roots { proc: here(), sys: here(), etc: here(), run: here(), dev: here() }.check().unwrap();
    }

    #[test]
    fn a_root_that_is_something_else_is_named_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let here = || folder.path().to_path_buf();
        let found = problem(&Roots { proc: here(), ..Roots::default() });
        assert_eq!(
            found,
            format!(
                "host.proc: {} is no procfs: it has no file \"stat\"; mount the host's /proc there",
                here().display()
            )
        );
        assert!(problem(&Roots { sys: here(), ..Roots::default() }).contains("is no sysfs"));
        assert!(problem(&Roots { sys: "/proc".into(), ..Roots::default() }).contains("is a procfs, not a sysfs"));
        let nothing = here().join("nothing");
        for (key, roots) in [
            ("host.etc", Roots { etc: nothing.clone(), ..Roots::default() }),
            ("host.run", Roots { run: nothing.clone(), ..Roots::default() }),
            ("host.dev", Roots { dev: nothing.clone(), ..Roots::default() }),
        ] {
            let found = problem(&roots);
            assert!(found.starts_with(key) && found.contains("does not exist"), "{found}");
        }
        fs::write(&nothing, "").unwrap();
        assert!(problem(&Roots { etc: nothing, ..Roots::default() }).ends_with("is no directory"));
    }
}
