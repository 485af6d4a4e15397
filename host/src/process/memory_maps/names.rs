//! What a mapping maps, from how the kernel writes it.

use std::{borrow::Cow, collections::HashMap, os::fd::BorrowedFd};

use crate::{
    process::{removed, smaps::Header},
    procfs::ProcessPath,
};

/// How a newline in a path is written, and nothing else, not even a backslash (fs/proc/task_mmu.c: show_map_vma, seq_path).
const NEWLINE: &[u8] = b"\\012";

/// Look-ups of one process, each a walk along a path that the process chose. Programs that map removed files, or such as are called so,
/// map few; where there are more, what the kernel wrote is taken for what it seems.
const LOOK_UPS: usize = 256;

/// Finds out names. Most are what the kernel wrote; the others are looked up, and remembered for the mappings that follow.
pub(super) struct Names<'a> {
    proc: BorrowedFd<'a>,
    process: ProcessPath,
    root: ProcessPath,
    /// By what was written, and the inode.
    known: HashMap<(Vec<u8>, u64), Known>,
}

/// What a mapping maps: empty for anonymous memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) path: Cow<'a, [u8]>,
    pub(super) deleted: bool,
}

struct Known {
    path: Vec<u8>,
    deleted: bool,
}

impl<'a> Names<'a> {
    /// `process` is the directory that has `map_files`, `root` the one whose link `root` is the process's root directory.
    pub(super) fn new(proc: BorrowedFd<'a>, process: ProcessPath, root: ProcessPath) -> Self {
        Self { proc, process, root, known: HashMap::new() }
    }

    pub(super) fn resolve<'b>(&'b mut self, header: &Header<'b>) -> Name<'b> {
        let written = header.name;
        let is_escaped = memchr::memmem::find(written, NEWLINE).is_some();
        if !is_escaped && !removed::is_marked(written) {
            return Name { path: Cow::Borrowed(written), deleted: false };
        }
        let key = (written.to_vec(), header.inode);
        let known = match self.known.remove(&key) {
            Some(known) => known,
            None if self.known.len() < LOOK_UPS => self.look_up(header, is_escaped),
            None => {
                let Known { path, deleted } = without_mark(unescaped(written));
                return Name { path: Cow::Owned(path), deleted };
            }
        };
        let known = self.known.entry(key).or_insert(known);
        Name { path: Cow::Borrowed(&known.path), deleted: known.deleted }
    }

    fn look_up(&mut self, header: &Header<'_>, is_escaped: bool) -> Known {
        let path = match is_escaped {
            true => self.link(header).unwrap_or_else(|| unescaped(header.name)),
            false => header.name.to_vec(),
        };
        // The device of a mapping is not always the one that stat tells (btrfs), and the inode of a file that is mapped is not used again.
        let is_this = |file: &removed::File| file.inode == header.inode;
        let is_called =
            removed::is_marked(&path) && removed::is_called(self.proc, self.root.file("root"), &path, is_this);
        if is_called { Known { path, deleted: false } } else { without_mark(path) }
    }

    /// The link to the mapped file, which is written without escapes. It tells a newline from a name with these four characters.
    fn link(&mut self, header: &Header<'_>) -> Option<Vec<u8>> {
        let name = format!("map_files/{:x}-{:x}", header.start, header.end);
        let link = rustix::fs::readlinkat(self.proc, self.process.file(&name), Vec::new()).ok()?.into_bytes();
        // In the meantime another file may have been mapped there.
        (escaped(&link) == header.name).then_some(link)
    }
}

/// What a path says of itself.
fn without_mark(mut path: Vec<u8>) -> Known {
    let deleted = removed::is_marked(&path);
    if deleted {
        removed::take_mark_off(&mut path);
    }
    Known { path, deleted }
}

fn unescaped(written: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some(place) = memchr::memmem::find(rest, NEWLINE) {
        path.extend_from_slice(rest.get(..place).unwrap_or_default());
        path.push(b'\n');
        rest = rest.get(place + NEWLINE.len()..).unwrap_or_default();
    }
    path.extend_from_slice(rest);
    path
}

fn escaped(path: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(path.len() + NEWLINE.len());
    for byte in path {
        match byte {
            b'\n' => written.extend_from_slice(NEWLINE),
            byte => written.push(*byte),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_are_written_as_octal_and_nothing_else_is() {
        assert_eq!(unescaped(b"/a\\012b\\012"), b"/a\nb\n");
        assert_eq!(unescaped(b"/a\\040b\\134\\01"), b"/a\\040b\\134\\01");
        assert_eq!(escaped(b"/a\nb\\"), b"/a\\012b\\");
    }

    proptest::proptest! {
        #[test]
        fn any_path_without_those_characters_comes_back(path in "[a-z\\\\/\n]{0,20}") {
            proptest::prop_assert_eq!(unescaped(&escaped(path.as_bytes())), path.as_bytes());
        }
    }
}
