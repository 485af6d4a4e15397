//! Where the judges step aside because procwire differs from psutil on purpose, their comments name a heading of the page of differences.

use std::{collections::BTreeSet, fs};

use procwire_tests::{python, workspace};

#[test]
fn every_difference_that_the_judges_name_is_on_the_page() {
    let page = fs::read_to_string(workspace().join("docs/psutil-differences.md")).unwrap();
    let headings: BTreeSet<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let mut named = 0;
    for file in ["by_psutil.py", "by_kernel.py", "memory.py", "files.py", "sockets.py", "host_network.py"] {
        let text = fs::read_to_string(python::script("judging").join(file)).unwrap();
        for heading in text.lines().filter_map(named_heading) {
            assert!(headings.contains(heading), "{file} names {heading:?}, the page has {headings:?}");
            named += 1;
        }
    }
    assert!(named >= 12, "only {named} headings were named");
}

/// `# "Open files": psutil ...`
fn named_heading(line: &str) -> Option<&str> {
    let (_, comment) = line.split_once("# \"").or_else(|| line.split_once("r\"\"\" \""))?;
    comment.split_once("\": ").map(|(heading, _)| heading)
}

#[test]
fn headings_in_comments_are_found() {
    assert_eq!(named_heading("    # \"Open files\": psutil says nothing"), Some("Open files"));
    assert_eq!(named_heading("    x = {\"Open\": 1}"), None);
}
