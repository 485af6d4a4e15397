#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use jiff::tz::TimeZone;

use super::*;

const DECISION: &str = r#"{"seq":57,"prev":"0","time":"2026-11-22T07:31:31.25Z","event":"decision","principal":"spiffe://example.org/deploy","roles":"operator","serial":"0a","peer":"192.0.2.7:50000","method":"/procwire.v1.ControlService/TerminateProcesses","request_id":"deploy-7","reason":"release 12","targets":[{"pid":42,"name":"nginx"},{"pid":43,"name":"sh"},{"pid":44},{"pid":45}],"targets_total":64,"arguments":"signal=TERM grace=10s","decision":"allowed","rule":"role operator","hash":"0"}"#;
const DENIAL: &str = r#"{"seq":58,"time":"2026-11-22T07:31:32Z","event":"denial","principal":"ev\u001b[2Jil","method":"/x/GetInfo","decision":"denied","rule":"role reader missing","repeated":499}"#;

fn clock() -> Clock {
    Clock::fixed("2026-11-22T08:00:00Z".parse().unwrap(), TimeZone::UTC)
}

fn entries() -> Vec<Entry> {
    [DECISION, DENIAL].iter().map(|line| Entry::read(line.as_bytes()).unwrap()).collect()
}

fn table(width: Option<u16>, wide: bool) -> String {
    let mut text = Vec::new();
    entry_table(&entries(), &clock(), wide).write(&mut text, width).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_table_fits_its_terminal() {
    for width in [80, 120, 200] {
        for line in table(Some(width), true).lines() {
            let plain = anstream::adapter::strip_str(line).to_string();
            assert!(plain.chars().count() <= usize::from(width), "{width}: {plain}");
        }
    }
    let narrow = table(Some(80), false);
    for needed in ["TIME", "WHO", "METHOD", "TARGET", "WHAT", "nginx[42]"] {
        assert!(narrow.contains(needed), "{needed}: {narrow}");
    }
    let wide = table(Some(200), false);
    for needed in ["SEQ", "DECISION", "REASON", "deploy-7", "release 12", "499 times more: role reader missing"] {
        assert!(wide.contains(needed), "{needed}: {wide}");
    }
}

#[test]
fn nothing_in_it_acts_on_a_terminal() {
    let text = anstream::adapter::strip_str(&table(None, true)).to_string();
    assert!(text.contains(r"ev\x1b[2Jil") && !text.contains('\u{1b}'), "{text}");
    assert!(!sentence(&entries()[1], &clock()).contains('\u{1b}'));
    assert_eq!(broken_sentence(b"\x1b]0;x\x07{"), r"[no record] \x1b]0;x\x07{");
    let mut raw = Vec::new();
    write_raw(&mut raw, "a\u{9b}2J".as_bytes(), true).unwrap();
    assert!(!String::from_utf8(raw).unwrap().contains('\u{9b}'));
}

#[test]
fn a_sentence_says_it_all() {
    assert_eq!(
        sentence(&entries()[0], &clock()),
        "2026-11-22 07:31:31 #57 decision spiffe://example.org/deploy TerminateProcesses allowed nginx[42], sh[43], 44 and 61 more: \
         role operator; signal=TERM grace=10s; because: release 12; id deploy-7; from 192.0.2.7:50000"
    );
}

#[test]
fn raw_lines_stay_as_they_are() {
    let mut raw = Vec::new();
    write_raw(&mut raw, b"\xff{}", false).unwrap();
    assert_eq!(raw, b"\xff{}\n");
}

#[test]
fn what_is_no_record_is_none() {
    for odd in ["", "{}", "[]", "7", r#"{"seq":"x","event":"decision"}"#, r#"{"seq":1}"#] {
        assert!(Entry::read(odd.as_bytes()).is_none(), "{odd}");
    }
}
