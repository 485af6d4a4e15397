//! A file that tells whether an inventory is still true.

use std::path::PathBuf;

use super::kept_file::{KeptFile, ReadBuffer};

/// A list that the kernel changes when something comes or goes: `online` of processors and of nodes.
pub(super) struct Watch {
    file: KeptFile,
    seen: Option<Vec<u8>>,
}

impl Watch {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { file: KeptFile::new(path), seen: None }
    }

    /// True the first time, when its text is another than the time before, and always where there is no such file.
    pub(super) fn has_changed(&mut self, buffer: &mut ReadBuffer) -> bool {
        let Ok(text) = self.file.read_value(buffer) else {
            self.seen = None;
            return true;
        };
        if self.seen.as_deref() == Some(text) {
            return false;
        }
        self.seen = Some(text.to_vec());
        true
    }

    /// The list as it was looked at last; nothing where there is no such file.
    pub(super) fn text(&self) -> Option<&[u8]> {
        self.seen.as_deref()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_list_has_changed_once_for_each_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("online");
        let (mut watch, mut buffer) = (Watch::new(path.clone()), ReadBuffer::new());
        assert!(watch.has_changed(&mut buffer) && watch.has_changed(&mut buffer), "nothing tells that it has not");
        assert_eq!(watch.text(), None);
        for text in ["0-3\n", "0-2\n", "0-3\n"] {
            fs::write(&path, text).unwrap();
            assert!(watch.has_changed(&mut buffer));
            assert!(!watch.has_changed(&mut buffer));
            assert_eq!(watch.text(), Some(text.as_bytes()));
        }
    }
}
