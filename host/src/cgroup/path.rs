//! Names of groups: absolute paths below the root of a tree, which cannot lead out of it.

use std::ffi::CString;

/// Longer paths cannot be handed to the kernel (`PATH_MAX`, its NUL included).
pub(super) const LONGEST_BYTES: usize = 4095;

/// An absolute path of a group: no empty parts, no `.` or `..`, no NUL. The root is "/".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupPath(Vec<u8>);

/// Why bytes name no group. Reads on from what they stand in: `paths[0] is not absolute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// Does not begin with a slash.
    #[error("is not absolute: a group is named from the root of its tree, as in \"/system.slice\"")]
    Relative,
    /// Has a NUL byte.
    #[error("has a NUL byte")]
    Nul,
    /// Has a part that is `.` or `..`.
    #[error("has a part \".\" or \"..\": name the group itself")]
    Dots,
    /// Has two slashes in a row.
    #[error("has an empty part between two slashes")]
    EmptyPart,
    /// Is longer than the kernel takes.
    #[error("is longer than {LONGEST_BYTES} bytes")]
    TooLong,
}

impl GroupPath {
    /// The root of every tree.
    pub fn root() -> Self {
        Self(b"/".to_vec())
    }

    /// A path as a caller or the kernel wrote it. A slash at its end does no harm.
    ///
    /// # Errors
    /// It names no group.
    pub fn parse(bytes: &[u8]) -> Result<Self, PathProblem> {
        if bytes.len() > LONGEST_BYTES {
            return Err(PathProblem::TooLong);
        }
        let below = bytes.strip_prefix(b"/").ok_or(PathProblem::Relative)?;
        let below = below.strip_suffix(b"/").unwrap_or(below);
        if below.contains(&0) {
            return Err(PathProblem::Nul);
        }
        if below.is_empty() {
            return if bytes.len() > 1 { Err(PathProblem::EmptyPart) } else { Ok(Self::root()) };
        }
        for part in below.split(|byte| *byte == b'/') {
            match part {
                b"" => return Err(PathProblem::EmptyPart),
                b"." | b".." => return Err(PathProblem::Dots),
                _ => {}
            }
        }
        Ok(Self([b"/", below].concat()))
    }

    /// The path, from the root of the tree.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn is_root(&self) -> bool {
        self.0 == b"/"
    }

    /// For openat(2) below the root of a tree.
    pub(super) fn below_root(&self) -> CString {
        let below = self.0.strip_prefix(b"/").filter(|below| !below.is_empty()).unwrap_or(b".");
        // There is no NUL in it.
        CString::new(below).unwrap_or_default()
    }

    /// What stands before the slash and the name of a group below it.
    pub(super) fn folder(&self) -> &[u8] {
        if self.is_root() { b"" } else { &self.0 }
    }

    /// The group of this name below this one; `None` if that is no name, or longer than the kernel takes.
    pub(super) fn child(&self, name: &[u8]) -> Option<Self> {
        Self::parse(&[self.folder(), b"/", name].concat()).ok().filter(|_| !name.is_empty() && !name.contains(&b'/'))
    }

    /// The group above; `None` above the root.
    pub(super) fn parent(&self) -> Option<Self> {
        let end = self.0.iter().rposition(|byte| *byte == b'/')?;
        match self.0.get(..end)? {
            _ if self.is_root() => None,
            b"" => Some(Self::root()),
            parent => Some(Self(parent.to_vec())),
        }
    }

    /// True if it is `other` or below it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        other.is_root()
            || self.0.strip_prefix(other.as_bytes()).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn path(text: &str) -> GroupPath {
        GroupPath::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_leads_out_of_the_tree_is_no_name() {
        for (odd, problem) in [
            (&b""[..], PathProblem::Relative),
            (b"system.slice", PathProblem::Relative),
            (b"/a/../b", PathProblem::Dots),
            (b"/..", PathProblem::Dots),
            (b"/../", PathProblem::Dots),
            (b"/./a", PathProblem::Dots),
            (b"//", PathProblem::EmptyPart),
            (b"/a//b", PathProblem::EmptyPart),
            (b"/a//", PathProblem::EmptyPart),
            (b"/a\0b", PathProblem::Nul),
            (b"/\0", PathProblem::Nul),
        ] {
            assert_eq!(GroupPath::parse(odd), Err(problem), "{odd:?}");
        }
        let long = [b"/", vec![b'x'; 4095].as_slice()].concat();
        assert_eq!(GroupPath::parse(&long), Err(PathProblem::TooLong));
    }

    #[test]
    fn names_may_be_odd() {
        assert_eq!(path("/a/").as_bytes(), b"/a");
        for odd in [&b"/..."[..], b"/..a/b..", b"/\xff\x1b[2J\n", b"/a b"] {
            assert_eq!(GroupPath::parse(odd).unwrap().as_bytes(), odd);
        }
    }

    #[test]
    fn up_and_down() {
        assert_eq!(path("/a/b").parent(), Some(path("/a")));
        assert_eq!(path("/a").parent(), Some(GroupPath::root()));
        assert_eq!(GroupPath::root().parent(), None);
        assert_eq!(GroupPath::root().child(b"a"), Some(path("/a")));
        assert_eq!(path("/a").child(b"b"), Some(path("/a/b")));
        for no_name in [&b".."[..], b".", b"", b"b/c", b"b\0"] {
            assert_eq!(path("/a").child(no_name), None, "{no_name:?}");
        }
        assert_eq!(GroupPath::root().below_root().as_bytes(), b".");
        assert_eq!(path("/a/b").below_root().as_bytes(), b"a/b");
        assert!(path("/a/b").is_within(&path("/a")) && path("/a").is_within(&path("/a")));
        assert!(path("/a").is_within(&GroupPath::root()) && !path("/ab").is_within(&path("/a")));
    }

    proptest::proptest! {
        #[test]
        fn what_is_a_path_stays_below_the_root(bytes: Vec<u8>) {
            let rooted = [b"/", bytes.as_slice()].concat();
            if let Ok(path) = GroupPath::parse(&rooted) {
                let below = path.below_root();
                let parts: Vec<_> = below.as_bytes().split(|byte| *byte == b'/').collect();
                proptest::prop_assert!(path.is_root() || parts.iter().all(|part| !matches!(*part, b"" | b"." | b"..")));
            }
        }
    }
}
