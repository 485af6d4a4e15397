//! A tree of files as one text. A line `--- PATH` begins a file, whose text goes on to the next such line; `--- PATH -> TARGET` is a
//! link, `--- PATH/` an empty folder, `--- PATH (hex)` a file of bytes, `--- PATH (bare)` one whose last line does not end.

use std::{fs, os::unix::fs::symlink, path::Path};

pub(crate) fn unpack(text: &str, into: &Path) {
    assert!(text.starts_with("--- "), "a tree begins with a path");
    let text = format!("\n{}", text.strip_suffix('\n').unwrap_or(text));
    for part in text.split("\n--- ").skip(1) {
        // The splitting took the end of the last line.
        let (head, body) =
            part.split_once('\n').map_or((part, String::new()), |(head, body)| (head, format!("{body}\n")));
        if let Some((path, target)) = head.split_once(" -> ") {
            let path = place(into, path);
            symlink(target, &path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        } else if let Some(path) = head.strip_suffix('/') {
            fs::create_dir_all(into.join(path)).unwrap();
        } else if let Some(path) = head.strip_suffix(" (hex)") {
            fs::write(place(into, path), bytes(&body)).unwrap();
        } else if let Some(path) = head.strip_suffix(" (bare)") {
            fs::write(place(into, path), body.strip_suffix('\n').unwrap_or(&body)).unwrap();
        } else {
            fs::write(place(into, head), body).unwrap();
        }
    }
}

fn place(into: &Path, path: &str) -> std::path::PathBuf {
    let path = into.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn a_tree_is_unpacked_as_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    unpack(
        "--- a/b\none\n\n--- a/empty\n--- a/bare (bare)\ntwo\n--- a/bytes (hex)\n00 ff\n--- link -> a/b\n--- none/\n",
        folder.path(),
    );
    let read = |path: &str| fs::read(folder.path().join(path)).unwrap();
    assert_eq!((read("a/b"), read("a/empty"), read("a/bare")), (b"one\n\n".to_vec(), vec![], b"two".to_vec()));
    assert_eq!((read("a/bytes"), read("link")), (vec![0, 255], read("a/b")));
    assert!(folder.path().join("none").is_dir());
}
