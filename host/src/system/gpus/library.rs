//! Where NVIDIA's library is, and whether it may be loaded: its code would run with the agent's rights.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{FsWord, PROC_SUPER_MAGIC, statfs};

use super::nvidia::Library;
use crate::{Roots, sys::Nvml};

/// `SYSFS_MAGIC` of include/uapi/linux/magic.h.
const SYSFS_MAGIC: FsWord = 0x6265_6572;

const NAME: &str = "libnvidia-ml.so.1";

/// Where distributions, containers with NVIDIA's runtime, WSL and NixOS have it.
const FOLDERS: [&str; 7] = [
    "/usr/lib64",
    "/usr/lib",
    "/usr/lib/nvidia",
    "/usr/lib/nvidia/current",
    "/usr/local/nvidia/lib64",
    "/usr/lib/wsl/lib",
    "/run/opengl-driver/lib",
];

/// The library of this machine, if these roots are of a machine that runs: not of one that was captured.
pub(super) fn find(roots: &Roots) -> Library {
    if !is_alive(roots) {
        return Library::None;
    }
    let of_architecture = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let folders = std::iter::once(of_architecture.as_str()).chain(FOLDERS);
    let Some(path) = folders.map(|folder| Path::new(folder).join(NAME)).find(|path| path.exists()) else {
        return Library::None;
    };
    match trusted(&path).and_then(|path| Nvml::load(&path)) {
        Ok(nvml) => Library::Loaded(nvml),
        Err(why) => Library::Refused(why),
    }
}

fn is_alive(roots: &Roots) -> bool {
    let is = |path: &Path, magic| statfs(path).is_ok_and(|found| found.f_type == magic);
    is(&roots.proc, PROC_SUPER_MAGIC) && is(&roots.sys, SYSFS_MAGIC)
}

/// The file that the path leads to, if nobody but root can put another one there: it and every folder above it are root's, and nobody
/// else may write to it, nor to a folder above it. Where folders are sticky, as `/nix/store` is, others may add and not replace.
pub(super) fn trusted(path: &Path) -> Result<PathBuf, String> {
    let path = fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()))?;
    for part in path.ancestors() {
        let metadata = fs::symlink_metadata(part).map_err(|error| format!("{}: {error}", part.display()))?;
        let is_sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
        if metadata.uid() != 0 || (metadata.mode() & 0o022 != 0 && !is_sticky) {
            let library = path.display();
            return Err(format!("{library} is not loaded: others than root may write to {}", part.display()));
        }
    }
    Ok(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests fail by panicking, and say what they skip")]
mod tests {
    use std::{
        fs::Permissions,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use super::*;

    #[test]
    fn a_library_where_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        assert!(trusted(&path).is_err(), "it is not there");
        fs::write(&path, "").unwrap();
        let may_write = |path: &Path, mode: u32| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        may_write(&path, 0o666);
        let error = trusted(&path).unwrap_err();
        assert!(error.contains("is not loaded: others than root may write to /"), "{error}");
        // A link of root's own to such a place is no better.
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(trusted(&link).is_err());
        may_write(&path, 0o644);
        may_write(folder.path(), 0o775);
        assert!(trusted(&path).is_err(), "the group of the folder could replace it");
    }

    #[test]
    fn a_file_of_the_system_is_trusted() {
        if fs::metadata("/").unwrap().uid() != 0 {
            eprintln!("skipped: in this user namespace nothing is root's");
            return;
        }
        for path in ["/usr/bin/env", "/bin/sh"] {
            assert_eq!(trusted(Path::new(path)).unwrap(), fs::canonicalize(path).unwrap());
        }
    }

    #[test]
    fn nothing_is_loaded_for_a_captured_tree() {
        let folder = tempfile::tempdir().unwrap();
        let captured = Roots { proc: folder.path().into(), ..Roots::default() };
        assert!(!is_alive(&captured));
        assert!(matches!(find(&captured), Library::None));
        assert!(!is_alive(&Roots { sys: folder.path().into(), ..Roots::default() }));
        assert!(is_alive(&Roots::default()) || !Path::new("/sys/kernel").exists());
    }
}
