#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::*;

fn chain(count: u64) -> Vec<String> {
    let mut head = Head::NONE;
    (1..=count)
        .map(|number| {
            let event = if number == 1 { "begin" } else { "decision" };
            let (line, next) = head.seal(&format!(r#"{{"event":"{event}","reason":"n{number}"}}"#));
            head = next;
            line
        })
        .collect()
}

fn head_of(lines: &[String]) -> Head {
    Sealed::read(lines.last().unwrap().trim_end().as_bytes()).unwrap().head
}

fn verify_with(verifier: Verifier, text: &[u8]) -> Verdict {
    let mut verifier = verifier;
    verifier.file("audit");
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let rest = lines.pop().unwrap();
    lines.iter().for_each(|line| verifier.line(line));
    if !rest.is_empty() {
        verifier.unended_line(rest);
    }
    verifier.finish()
}

fn verify(lines: &[String]) -> Verdict {
    verify_with(Verifier::default(), lines.concat().as_bytes())
}

/// The kinds and lines of what is found.
fn found(lines: &[String]) -> Vec<(FindingKind, u64)> {
    verify(lines).findings.iter().map(|finding| (finding.kind, finding.place.line)).collect()
}

/// The same record with another text and a hash that fits.
fn forged(line: &str, like: &str) -> String {
    let sealed = Sealed::read(line.trim_end().as_bytes()).unwrap();
    let before = Head { sequence: sealed.head.sequence - 1, hash: sealed.previous };
    before.seal(&format!(r#"{{"event":"decision","reason":"{like}"}}"#)).0
}

#[test]
fn a_whole_chain_is_whole() {
    let lines = chain(10);
    let verdict = verify(&lines);
    assert_eq!(verdict.findings, []);
    assert_eq!((verdict.records, verdict.first, verdict.head), (10, Some(1), Some(head_of(&lines))));
    assert_eq!(verify(&[]).findings, []);
}

#[test]
fn every_single_change_is_found() {
    let text = chain(6).concat().into_bytes();
    for at in 0..text.len() {
        for byte in [0, b'\n', b' ', b'0', b'"', text[at] ^ 1, text[at] ^ 0x20, 255] {
            if byte == text[at] {
                continue;
            }
            let mut changed = text.clone();
            changed[at] = byte;
            assert!(!verify_with(Verifier::default(), &changed).findings.is_empty(), "byte {at} to {byte}");
        }
        let mut shorter = text.clone();
        shorter.remove(at);
        assert!(!verify_with(Verifier::default(), &shorter).findings.is_empty(), "without byte {at}");
        let mut longer = text.clone();
        longer.insert(at, b'\n');
        assert!(!verify_with(Verifier::default(), &longer).findings.is_empty(), "a newline at {at}");
    }
}

#[test]
fn a_changed_line_is_named() {
    for number in 1..=6 {
        let mut lines = chain(6);
        lines[number - 1] = lines[number - 1].replace(&format!("n{number}"), "nothing");
        assert_eq!(found(&lines), [(FindingKind::Changed, number as u64)], "{number}");
        if (2..6).contains(&number) {
            assert!(verify(&lines).findings[0].what.starts_with(&format!("record {number} was changed")));
        }
    }
}

#[test]
fn a_line_that_was_changed_with_its_hash_is_named() {
    for number in 2..=5 {
        let mut lines = chain(6);
        lines[number - 1] = forged(&lines[number - 1], "harmless");
        assert_eq!(found(&lines), [(FindingKind::Changed, number as u64)], "{number}");
    }
}

#[test]
fn a_dropped_line_is_named_unless_it_is_the_last() {
    for number in 1..=5 {
        let mut lines = chain(6);
        lines.remove(number - 1);
        assert_eq!(found(&lines), [(FindingKind::Dropped, number as u64)], "{number}");
    }
    let mut lines = chain(9);
    lines.drain(3..6);
    let verdict = verify(&lines);
    assert_eq!(verdict.findings.len(), 1);
    assert_eq!(verdict.findings[0].what, "before this line records 4 to 6 are missing");
}

#[test]
fn what_was_put_in_is_named() {
    for number in 2..=6 {
        let mut lines = chain(6);
        lines.insert(number - 1, "{\"event\":\"decision\"}\n".to_owned());
        assert_eq!(found(&lines), [(FindingKind::Inserted, number as u64)], "text before {number}");

        let mut lines = chain(6);
        let (stranger, _) = Head::NONE.seal(r#"{"event":"decision"}"#);
        lines.insert(number - 1, stranger);
        assert_eq!(
            found(&lines),
            [(FindingKind::Inserted, number as u64)],
            "a record of another chain before {number}"
        );

        let mut lines = chain(6);
        let twin = forged(&lines[number - 1], "a second one");
        lines.insert(number - 1, twin);
        let findings = found(&lines);
        assert_eq!(findings.len(), 1, "{number}: {findings:?}");
        assert_eq!(findings[0].0, FindingKind::Inserted);
        if number < 6 {
            assert_eq!(findings[0].1, number as u64, "a twin before {number}");
        }

        let mut lines = chain(6);
        let far = Head { sequence: 1000, hash: head_of(&lines).hash }.seal(r#"{"event":"decision"}"#).0;
        lines.insert(number - 1, far);
        assert_eq!(found(&lines), [(FindingKind::Inserted, number as u64)], "one of far away before {number}");
    }
}

#[test]
fn a_copy_is_named() {
    for (copied, to) in [(2, 3), (2, 5), (4, 6)] {
        let mut lines = chain(6);
        lines.insert(to - 1, lines[copied - 1].clone());
        let findings = found(&lines);
        assert!(
            !findings.is_empty() && findings.iter().all(|(kind, _)| *kind == FindingKind::Inserted),
            "{findings:?}"
        );
    }
}

#[test]
fn every_swap_is_found_and_called_one() {
    for one in 1..=6 {
        for other in one + 1..=6 {
            let mut lines = chain(6);
            lines.swap(one - 1, other - 1);
            let findings = found(&lines);
            assert!(!findings.is_empty(), "{one} and {other}");
            if one > 1 && other == one + 1 && other < 6 {
                assert!(
                    findings.iter().any(|(kind, _)| *kind == FindingKind::Moved),
                    "{one} and {other}: {findings:?}"
                );
            }
        }
    }
}

#[test]
fn a_torn_end_is_named() {
    let text = chain(3).concat();
    let third = text.trim_end().rfind('\n').unwrap() + 1;
    for end in third + 1..text.len() {
        let verdict = verify_with(Verifier::default(), &text.as_bytes()[..end]);
        assert_eq!(verdict.findings.len(), 1, "{end}: {:?}", verdict.findings);
        assert_eq!((verdict.findings[0].kind, verdict.findings[0].place.line), (FindingKind::Torn, 3));
    }
}

#[test]
fn an_end_that_was_cut_off_is_found_by_the_head() {
    let lines = chain(6);
    let (head, early) = (head_of(&lines), head_of(&lines[..3]));
    let verify =
        |lines: &[String], head| verify_with(Verifier::default().expecting(head), lines.concat().as_bytes()).findings;
    assert_eq!(verify(&lines, head), []);
    assert_eq!(verify(&lines, early), []);
    assert_eq!(verify(&lines, Head::NONE), []);
    assert_eq!(verify(&lines[..4], head)[0].what, "the end was cut off: records 5 to 6 are missing");
    assert_eq!(verify(&[], head)[0].what, "there are no records: records 1 to 6 are missing");
    let mut rewritten = lines[..5].to_vec();
    rewritten.push(forged(&lines[5], "harmless"));
    assert_eq!(verify(&rewritten, head)[0].kind, FindingKind::Changed);
    let later: Vec<String> = lines[3..].to_vec();
    assert!(verify(&later, early).iter().any(|finding| finding.kind == FindingKind::End));
}

#[test]
fn rotated_files_are_one_chain() {
    let mut head = Head::NONE;
    let mut line = |event: &str| {
        let (line, next) = head.seal(&format!(r#"{{"event":"{event}"}}"#));
        head = next;
        line
    };
    let first = [line("begin"), line("decision")].concat();
    let second = [line("continue"), line("decision")].concat();
    let third = [line("continue"), line("decision")].concat();
    let verify = |files: &[&String]| {
        let mut verifier = Verifier::default();
        for (number, text) in files.iter().enumerate() {
            verifier.file(&format!("audit.{number}"));
            text.lines().for_each(|line| verifier.line(line.as_bytes()));
        }
        verifier.finish().findings
    };
    assert_eq!(verify(&[&first, &second, &third]), []);
    assert_eq!(verify(&[&second, &third]), [], "the oldest may be gone");
    assert_eq!(verify(&[&first, &third])[0].place, Place { file: 1, line: 1 });
    let beheaded = second.split_once('\n').unwrap().1.to_owned();
    assert_eq!(verify(&[&beheaded, &third])[0].kind, FindingKind::Dropped);
}

#[test]
fn a_chain_that_begins_anew_is_said_once() {
    let lines = [chain(3), chain(4)].concat();
    assert_eq!(found(&lines), [(FindingKind::Begun, 4)]);
}

#[test]
fn a_flood_of_rubbish_is_bounded() {
    let lines = vec!["rubbish\n".to_owned(); 5000];
    let verdict = verify(&lines);
    assert_eq!((verdict.findings_total, verdict.findings.len()), (5000, FINDINGS_MAX));
}
