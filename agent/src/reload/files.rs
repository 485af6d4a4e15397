//! What some files hold at a moment, and a cheap way to see that they hold something else.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::digest::sha256;

/// Larger than any file that is made by hand, and than the revocation list of a large authority.
const FILE_MAX_BYTES: u64 = 64 << 20;
/// A file that was written this short a time ago may be written once more without a trace in its times: they have the grain of a
/// timer tick, on some filesystems of two seconds.
const TIME_GRAIN: Duration = Duration::from_secs(3);

/// Files, as they were when they were read.
#[derive(Debug)]
pub(crate) struct Files(Vec<WatchedFile>);

/// One of them.
#[derive(Debug)]
pub(crate) struct WatchedFile {
    pub(crate) path: PathBuf,
    /// What it holds, or why it could not be read.
    pub(crate) content: io::Result<Content>,
    mark: Mark,
}

/// What a file holds, and who may read it.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    /// Type and permission bits: stat(2), `st_mode`.
    pub(crate) mode: u32,
    /// User id.
    pub(crate) owner: u32,
}

impl Content {
    /// What is wrong with a file that decides on who may do what, and that everyone may write. The group may: that is how Kubernetes mounts
    /// what it gives a pod that is not root, and whoever else is in a group is the administrator's business.
    pub(crate) fn open_to_writers(&self) -> Option<String> {
        open_to_writers(self.mode)
    }
}

/// As [`Content::open_to_writers`], of what stat(2) says.
pub(crate) fn open_to_writers(mode: u32) -> Option<String> {
    const WRITTEN_BY_OTHERS: u32 = 0o002;
    let bits = mode & 0o777;
    (mode & WRITTEN_BY_OTHERS != 0).then(|| format!("mode {bits:03o} lets everyone write it; run chmod o-w on it"))
}

/// All that tells one state of some files from another, however it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<FileFingerprint>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum FileFingerprint {
    Holds { sha256: [u8; 32], mode: u32, owner: u32 },
    Unreadable(io::ErrorKind),
}

/// What stat(2) says of a file: as long as it says the same, the file need not be read. Links are followed, so that a folder that a link
/// of the path leads to may be swapped for another, as Kubernetes does it (`..data`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marks(Vec<(PathBuf, Mark)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Mark {
    There {
        device: u64,
        inode: u64,
        bytes: u64,
        mode: u32,
        owner: u32,
        modified: (i64, i64),
        changed: (i64, i64),
    },
    /// Written too short a time ago: what it says of its times proves nothing.
    Fresh,
    Absent(io::ErrorKind),
}

impl Files {
    /// Reads them all. One that cannot be read does not keep the others from being read.
    pub(crate) fn read(paths: &[PathBuf]) -> Files {
        Files(paths.iter().map(|path| WatchedFile::read(path)).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &WatchedFile> {
        self.0.iter()
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.0.iter().map(WatchedFile::fingerprint).collect())
    }

    pub(super) fn marks(&self) -> Marks {
        Marks(self.0.iter().map(|file| (file.path.clone(), file.mark.clone())).collect())
    }
}

impl WatchedFile {
    fn read(path: &Path) -> WatchedFile {
        let now = SystemTime::now();
        // Before it is read: what is written meanwhile is seen at the next look.
        let mark = Mark::of(&fs::metadata(path), now);
        WatchedFile { path: path.to_owned(), content: read(path), mark }
    }

    fn fingerprint(&self) -> FileFingerprint {
        match &self.content {
            Ok(Content { bytes, mode, owner }) => {
                FileFingerprint::Holds { sha256: sha256(bytes), mode: *mode, owner: *owner }
            }
            Err(error) => FileFingerprint::Unreadable(error.kind()),
        }
    }
}

fn read(path: &Path) -> io::Result<Content> {
    // A pipe would hold us up when it is opened, and has nothing to say the second time.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let file = File::open(path)?;
    // Of the file that was opened, not of the name: it may be replaced meanwhile.
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    let length = file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(length).unwrap_or(u64::MAX) > FILE_MAX_BYTES {
        let problem = format!("larger than {} MiB", FILE_MAX_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(Content { bytes, mode: metadata.mode(), owner: metadata.uid() })
}

impl Marks {
    /// True if the files are what they were: nothing but stat(2).
    pub(super) fn still_hold(&self, paths: &[PathBuf]) -> bool {
        let now = SystemTime::now();
        let same = |(seen, path): (&(PathBuf, Mark), &PathBuf)| {
            seen.0 == *path && seen.1 != Mark::Fresh && seen.1 == Mark::of(&fs::metadata(path), now)
        };
        self.0.len() == paths.len() && self.0.iter().zip(paths).all(same)
    }
}

impl Mark {
    fn of(metadata: &io::Result<Metadata>, now: SystemTime) -> Mark {
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) => return Mark::Absent(error.kind()),
        };
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        let grain_ago = now.checked_sub(TIME_GRAIN).and_then(|then| then.duration_since(UNIX_EPOCH).ok());
        let is_settled = grain_ago.is_some_and(|then| i64::try_from(then.as_secs()).unwrap_or(i64::MAX) > changed.0);
        if !is_settled {
            return Mark::Fresh;
        }
        Mark::There {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            mode: metadata.mode(),
            owner: metadata.uid(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn fingerprint(path: &Path) -> Fingerprint {
        Files::read(&[path.to_owned()]).fingerprint()
    }

    #[test]
    fn contents_and_permissions_count_and_times_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "one").unwrap();
        let first = fingerprint(&path);
        fs::rename(&path, folder.path().join("old")).unwrap();
        assert_ne!(fingerprint(&path), first, "it is gone");
        fs::write(&path, "one").unwrap();
        assert_eq!(fingerprint(&path), first, "another file that holds the same");
        fs::write(&path, "two").unwrap();
        assert_ne!(fingerprint(&path), first);
        fs::write(&path, "one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        assert_ne!(fingerprint(&path), first, "others may read it");
    }

    #[test]
    fn what_was_just_written_is_read_again_and_what_is_old_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "one").unwrap();
        let paths = [path.clone()];
        let marks = Files::read(&paths).marks();
        assert!(!marks.still_hold(&paths), "it may be written again within the same tick of the clock");
        let old = [PathBuf::from("/bin/sh")];
        let marks = Files::read(&old).marks();
        assert!(marks.still_hold(&old));
        assert!(!marks.still_hold(&paths), "another path");
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_seen() {
        // As Kubernetes mounts a secret: file -> ..data/file, ..data -> a folder, swapped by rename.
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("..1", "one"), ("..2", "two")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("tls.crt"), text).unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/tls.crt", at("tls.crt")).unwrap();
        let first = fingerprint(&at("tls.crt"));
        symlink("..2", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert_ne!(fingerprint(&at("tls.crt")), first);
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), PathBuf::from("/dev/zero"), folder.path().join("absent")] {
            let files = Files::read(&[path]);
            assert!(files.iter().all(|file| file.content.is_err()));
        }
    }
}
