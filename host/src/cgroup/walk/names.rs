//! Names of the groups right below one group: read at once, in little room.

use std::{
    ffi::CStr,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{FileType, RawDir},
    io::Errno,
};

/// Room for some hundred entries, at least for one of the longest name.
const BATCH_BYTES: usize = 16 << 10;
/// Entries of one directory that are looked at. Far more groups than there can be processes.
const MOST_ENTRIES: usize = 1 << 21;

/// Names in the order of their bytes, each once.
///
/// They are read to the end by one descriptor, and nothing is sought: the offset of an entry of kernfs is the hash of its name, which any
/// number of names can share (fs/kernfs/dir.c), and only an open directory knows which of them was the last. Where that one goes
/// meanwhile the kernel begins anew somewhere among them, so that a name may come again.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Each ends with a NUL.
    bytes: Vec<u8>,
    /// Where they begin; the next one last.
    starts: Vec<u32>,
}

/// What was left out of the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Those longer than a name may be here.
    pub(super) too_long: u64,
    /// There was no room for all that were there.
    pub(super) is_cut: bool,
}

impl Names {
    /// Names of the directories in a directory, of this many bytes at most each, in so much room.
    pub(super) fn of(directory: &OwnedFd, longest: usize, room_bytes: usize) -> Result<(Self, LeftOut), Errno> {
        let (mut names, mut left_out) = (Self::default(), LeftOut::default());
        let mut buffer = Vec::with_capacity(BATCH_BYTES);
        let mut entries = RawDir::new(directory.as_fd(), buffer.spare_capacity_mut());
        for _ in 0..MOST_ENTRIES {
            let entry = match entries.next() {
                None => return Ok((names.sorted(), left_out)),
                Some(Err(Errno::INTR)) => continue,
                Some(entry) => entry?,
            };
            let name = entry.file_name();
            if !matches!(entry.file_type(), FileType::Directory | FileType::Unknown) || is_dots(name) {
                continue;
            }
            if name.count_bytes() > longest {
                left_out.too_long += 1;
            } else if !names.push(name, room_bytes) {
                break;
            }
        }
        left_out.is_cut = true;
        Ok((names.sorted(), left_out))
    }

    /// The next name.
    pub(super) fn pop(&mut self) -> Option<&[u8]> {
        let start = self.starts.pop()?;
        Some(name_at(&self.bytes, start))
    }

    /// Room that they take.
    pub(super) fn room_bytes(&self) -> usize {
        self.bytes.capacity() + self.starts.capacity() * size_of::<u32>()
    }

    /// False: there is no room for it.
    fn push(&mut self, name: &CStr, room_bytes: usize) -> bool {
        let after = self.bytes.len() + name.count_bytes() + 1 + (self.starts.len() + 1) * size_of::<u32>();
        let Some(start) = u32::try_from(self.bytes.len()).ok().filter(|_| after <= room_bytes) else { return false };
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
        self.starts.push(start);
        true
    }

    fn sorted(mut self) -> Self {
        let bytes = &self.bytes;
        self.starts.sort_unstable_by(|one, other| name_at(bytes, *other).cmp(name_at(bytes, *one)));
        self.starts.dedup_by(|one, other| name_at(bytes, *one) == name_at(bytes, *other));
        self.bytes.shrink_to_fit();
        self.starts.shrink_to_fit();
        self
    }
}

fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

fn name_at(bytes: &[u8], start: u32) -> &[u8] {
    let rest = usize::try_from(start).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    CStr::from_bytes_until_nul(rest).map(CStr::to_bytes).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::fs;

    use super::*;

    fn all(mut names: Names) -> Vec<String> {
        std::iter::from_fn(|| names.pop().map(|name| String::from_utf8(name.to_vec()).unwrap())).collect()
    }

    fn directory_of(names: &[String]) -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("file"), "").unwrap();
        let directory = fs::File::open(folder.path()).unwrap().into();
        (folder, directory)
    }

    #[test]
    fn directories_are_named_in_order_and_files_are_not() {
        let (_folder, directory) = directory_of(&["b", "a", "..c", "ab"].map(str::to_owned));
        let (names, left_out) = Names::of(&directory, 255, 1 << 20).unwrap();
        assert_eq!((all(names), left_out), (["..c", "a", "ab", "b"].map(str::to_owned).to_vec(), LeftOut::default()));
    }

    #[test]
    fn a_name_that_comes_again_comes_once() {
        let mut names = Names::default();
        for name in [c"b", c"a", c"b", c"c", c"a", c"b"] {
            assert!(names.push(name, 1 << 20));
        }
        assert_eq!(all(names.sorted()), ["a", "b", "c"]);
    }

    #[test]
    fn what_has_no_room_is_left_out_and_that_is_said() {
        // More than one batch, of 100 + 1 + 4 bytes each.
        let made: Vec<_> = (0..1000).map(|number| format!("{number:0100}")).collect();
        let (folder, directory) = directory_of(&made);
        let again = || fs::File::open(folder.path()).unwrap().into();
        let (whole, left_out) = Names::of(&directory, 255, 105_000).unwrap();
        assert_eq!(left_out, LeftOut::default());
        assert_eq!(whole.room_bytes(), 105_000, "room is what is really taken");
        assert_eq!(all(whole), made);
        let (cut, left_out) = Names::of(&again(), 255, 10_499).unwrap();
        assert_eq!((all(cut).len(), left_out), (99, LeftOut { too_long: 0, is_cut: true }));
        let (none, left_out) = Names::of(&again(), 255, 0).unwrap();
        assert_eq!((all(none).len(), left_out.is_cut), (0, true));
    }

    #[test]
    fn names_that_are_too_long_are_counted() {
        let (_folder, directory) = directory_of(&["abc", "abcd", "abcde"].map(str::to_owned));
        let (names, left_out) = Names::of(&directory, 3, 1 << 20).unwrap();
        assert_eq!((all(names), left_out), (vec!["abc".to_owned()], LeftOut { too_long: 2, is_cut: false }));
    }
}
