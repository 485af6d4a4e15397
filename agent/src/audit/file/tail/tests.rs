#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::*;

fn tail(bytes: &[u8]) -> Tail {
    Tail::of(bytes, bytes.len() as u64)
}

/// Two lines, and the heads after each.
fn two() -> (String, Head, Head) {
    let (first, one) = Head::NONE.seal(r#"{"time":"a"}"#);
    let (second, two) = one.seal(r#"{"time":"b"}"#);
    (first + &second, one, two)
}

#[test]
fn a_good_end_needs_no_remark() {
    let (text, _, head) = two();
    let tail = tail(text.as_bytes());
    assert_eq!((tail.head, tail.keep, tail.lacks_newline), (Some(head), text.len() as u64, false));
    assert_eq!(tail.remark(head), None);
    assert_eq!(Tail::of(b"", 0).head, None);
    assert_eq!(Tail::of(b"", 0).remark(Head::NONE), None);
}

#[test]
fn wherever_a_line_is_torn_the_one_before_counts() {
    let (text, one, two) = two();
    let first = text.find('\n').unwrap() + 1;
    for end in first + 1..text.len() - 1 {
        let tail = tail(&text.as_bytes()[..end]);
        assert_eq!((tail.head, tail.keep), (Some(one), first as u64), "{end}");
        assert!(tail.remark(one).unwrap().what.starts_with("took out half a record of "), "{end}");
    }
    let unended = tail(&text.as_bytes()[..text.len() - 1]);
    assert_eq!((unended.head, unended.lacks_newline, unended.keep), (Some(two), true, text.len() as u64 - 1));
}

#[test]
fn zeros_after_a_loss_of_power_are_taken_out() {
    let (text, _, head) = two();
    let tail = tail(&[text.as_bytes(), &[0; 4096]].concat());
    assert_eq!((tail.head, tail.keep), (Some(head), text.len() as u64));
    assert_eq!(tail.remark(head).unwrap().lost, "");
}

#[test]
fn what_others_wrote_stays() {
    let (text, _, head) = two();
    let tail = tail(format!("{text}hello\nworld").as_bytes());
    assert_eq!((tail.head, tail.keep, tail.lacks_newline), (Some(head), tail.length, true));
    assert_eq!(tail.remark(head).unwrap().what, "2 lines behind record 2 are no records");
}

#[test]
fn what_is_cited_cannot_act_on_a_terminal() {
    let (text, _, head) = two();
    let tail = tail(format!("{text}{{\"seq\":3,\x1b[2J").as_bytes());
    assert_eq!(tail.remark(head).unwrap().lost, r#"{"seq":3,\x1b[2J"#);
}
