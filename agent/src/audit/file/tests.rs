#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::{
    fs::Permissions,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::audit::verify::{Finding, FindingKind, Verifier};

const NEVER: Rotation = Rotation { size: None, keep: 1, not_before: 0 };

struct Folder {
    folder: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("audit")
    }

    fn open(&self) -> AuditFile {
        AuditFile::open(&self.path(), NEVER).unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
        fs::set_permissions(self.path(), Permissions::from_mode(0o600)).unwrap();
    }

    fn add(&self, text: &[u8]) {
        File::options().append(true).open(self.path()).unwrap().write_all(text).unwrap();
    }

    fn error(&self) -> String {
        AuditFile::open(&self.path(), NEVER).unwrap_err().to_string()
    }

    /// What is wrong with the chain in these files.
    fn findings(&self, names: &[&str]) -> Vec<Finding> {
        let mut verifier = Verifier::default();
        for name in names {
            verifier.file(name);
            let text = fs::read(self.folder.path().join(name)).unwrap();
            let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
            assert_eq!(lines.pop(), Some(&b""[..]), "{name} ends within a line");
            lines.iter().for_each(|line| verifier.line(line));
        }
        verifier.finish().findings
    }
}

fn add(file: &mut AuditFile, words: &str) {
    file.append(&[object(words)]).unwrap();
}

fn object(words: &str) -> String {
    format!(r#"{{"event":"decision","reason":"{words}"}}"#)
}

fn texts<'a>(lines: &'a [Value], member: &str) -> Vec<&'a str> {
    lines.iter().map(|line| line[member].as_str().unwrap_or_default()).collect()
}

#[test]
fn a_chain_goes_on_where_the_last_agent_left_it() {
    let folder = Folder::new();
    for round in ["one", "two", "three"] {
        let mut file = folder.open();
        add(&mut file, round);
        file.append(&[object("a"), object("b")]).unwrap();
    }
    assert_eq!(folder.findings(&["audit"]), []);
    assert_eq!(texts(&folder.lines(), "event")[..2], ["begin", "decision"]);
    assert_eq!(folder.lines().len(), 10);
    assert_eq!(folder.open().head().sequence, 10);
}

#[test]
fn half_a_line_of_a_crash_is_taken_out_and_said() {
    let folder = Folder::new();
    add(&mut folder.open(), "one");
    let whole = folder.text();
    let (next, _) = folder.open().head().seal(&object("two"));
    for torn in [&next[..1], &next[..20], &next[..next.len() - 2], "\0\0\0\0\0"] {
        folder.write(&whole);
        folder.add(torn.as_bytes());
        add(&mut folder.open(), "three");
        assert_eq!(folder.findings(&["audit"]), [], "{torn:?}");
        let lines = folder.lines();
        assert_eq!(texts(&lines, "event"), ["begin", "decision", "mend", "decision"]);
        assert_eq!(lines[2]["result"], format!("took out half a record of {} bytes behind record 2", torn.len()));
    }
    folder.write(&whole);
    folder.add(&next.as_bytes()[..next.len() - 1]);
    add(&mut folder.open(), "three");
    assert_eq!(
        texts(&folder.lines(), "reason"),
        ["", "one", "two", "three"],
        "a record that only lacks its newline is kept"
    );
    assert_eq!(folder.findings(&["audit"]), []);
}

#[test]
fn what_others_wrote_is_left_for_all_to_see() {
    let folder = Folder::new();
    let mut file = folder.open();
    add(&mut file, "one");
    folder.add(b"hello");
    add(&mut file, "two");
    assert_eq!(folder.findings(&["audit"])[0].kind, FindingKind::Inserted);
    assert_eq!(folder.findings(&["audit"]).len(), 1);
    let lines = folder.text();
    let mend = lines.lines().nth(3).unwrap();
    assert!(mend.contains("somebody else wrote 5 bytes"), "{mend}");
    drop(file);
    folder.add(b"world\n");
    add(&mut folder.open(), "three");
    assert_eq!(folder.findings(&["audit"]).len(), 2);
    assert!(folder.text().contains("1 lines behind record 4 are no records"), "{}", folder.text());
}

#[test]
fn a_file_without_a_record_gets_a_chain_of_its_own() {
    let folder = Folder::new();
    folder.write("{\"event\":\"of an older version\"}\n");
    add(&mut folder.open(), "one");
    let lines = folder.lines();
    assert_eq!(texts(&lines[1..], "event"), ["begin", "mend", "decision"]);
    assert_eq!(lines[1]["seq"], 1);
}

#[test]
fn a_file_that_was_moved_away_is_gone_on_from() {
    let folder = Folder::new();
    let moved = folder.folder.path().join("audit-20261122");
    let mut file = folder.open();
    add(&mut file, "one");
    fs::rename(folder.path(), &moved).unwrap();
    add(&mut file, "two");
    assert_eq!(texts(&folder.lines(), "event"), ["continue", "decision"]);
    assert_eq!(folder.findings(&["audit-20261122", "audit"]), []);
    drop(file);
    // And while no agent ran.
    fs::rename(folder.path(), folder.folder.path().join("audit-20261123")).unwrap();
    add(&mut folder.open(), "three");
    assert_eq!(folder.findings(&["audit-20261122", "audit-20261123", "audit"]), []);
}

#[test]
fn a_file_that_was_copied_and_cut_is_gone_on_from() {
    let folder = Folder::new();
    let mut file = folder.open();
    add(&mut file, "one");
    fs::copy(folder.path(), folder.folder.path().join("audit.1")).unwrap();
    File::options().write(true).open(folder.path()).unwrap().set_len(0).unwrap();
    add(&mut file, "two");
    assert_eq!(texts(&folder.lines(), "event"), ["continue", "mend", "decision"]);
    assert_eq!(folder.findings(&["audit.1", "audit"]), []);
}

#[test]
fn files_are_rotated_by_size_and_the_oldest_goes() {
    let folder = Folder::new();
    let rotation = Rotation { size: Some(2000), keep: 3, not_before: 0 };
    let mut file = AuditFile::open(&folder.path(), rotation).unwrap();
    for number in 0..60 {
        add(&mut file, &format!("n{number}"));
        assert!(fs::metadata(folder.path()).unwrap().len() < 2600);
    }
    assert_eq!(folder.findings(&["audit.3", "audit.2", "audit.1", "audit"]), []);
    assert!(!folder.folder.path().join("audit.4").exists());
    for name in ["audit", "audit.1", "audit.2", "audit.3"] {
        let mode = fs::metadata(folder.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_rotation_that_cannot_be_done_costs_no_record() {
    let folder = Folder::new();
    // A folder that is not empty cannot be replaced by a file.
    fs::create_dir_all(folder.folder.path().join("audit.1/in_the_way")).unwrap();
    let mut file = AuditFile::open(&folder.path(), Rotation { size: Some(500), keep: 1, not_before: 0 }).unwrap();
    for number in 0..20 {
        add(&mut file, &format!("n{number}"));
    }
    assert_eq!(folder.lines().len(), 21);
    assert_eq!(folder.findings(&["audit"]), []);
}

#[test]
fn a_file_that_others_could_change_is_refused() {
    let folder = Folder::new();
    let target = folder.folder.path().join("target");
    fs::write(&target, "").unwrap();
    symlink(&target, folder.path()).unwrap();
    assert!(folder.error().contains("it is a symbolic link"), "{}", folder.error());
    fs::remove_file(folder.path()).unwrap();
    fs::hard_link(&target, folder.path()).unwrap();
    assert!(folder.error().contains("it has 2 names"), "{}", folder.error());
    fs::remove_file(&target).unwrap();
    for (mode, good) in [(0o600, true), (0o640, true), (0o644, true), (0o660, false), (0o606, false)] {
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        assert_eq!(AuditFile::open(&folder.path(), NEVER).is_ok(), good, "{mode:o}");
        assert_eq!(AuditFile::check(&folder.path()).is_ok(), good, "{mode:o}");
    }
}

#[test]
fn one_agent_writes_a_file() {
    let folder = Folder::new();
    let _first = folder.open();
    assert!(folder.error().contains("another agent writes to it"), "{}", folder.error());
    AuditFile::check(&folder.path()).unwrap();
}

#[test]
fn a_check_makes_nothing() {
    let folder = Folder::new();
    AuditFile::check(&folder.path()).unwrap();
    assert!(!folder.path().exists());
    let error = AuditFile::check(&folder.path().join("none/audit")).unwrap_err().to_string();
    assert!(error.starts_with("audit file /"), "{error}");
}
