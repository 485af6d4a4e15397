#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::*;

fn line(head: Head) -> (Vec<u8>, Head) {
    let (line, next) = head.seal(r#"{"time":"t","reason":"a,\"hash\":\"b\"}"}"#);
    (line.trim_end().as_bytes().to_vec(), next)
}

#[test]
fn a_line_is_what_it_says() {
    let (text, head) = line(Head::NONE);
    let sealed = Sealed::read(&text).unwrap();
    assert_eq!(sealed, Sealed { head, previous: Head::NONE.hash });
    assert!(sealed.follows(Head::NONE) && !sealed.follows(head));
    let (next, _) = line(head);
    assert!(Sealed::read(&next).unwrap().follows(head));
    let value: serde_json::Value = serde_json::from_slice(&next).unwrap();
    assert_eq!((&value["seq"], value["prev"].as_str()), (&2.into(), Some(head.hash.to_string().as_str())));
}

#[test]
fn every_change_of_every_byte_is_seen() {
    let (text, _) = line(Head::NONE);
    for at in 0..text.len() {
        for change in 1..=255 {
            let mut changed = text.clone();
            changed[at] ^= change;
            assert!(Sealed::read(&changed).is_err(), "byte {at}: {}", String::from_utf8_lossy(&changed));
        }
        let mut shorter = text.clone();
        shorter.remove(at);
        assert!(Sealed::read(&shorter).is_err(), "without byte {at}");
        let mut longer = text.clone();
        longer.insert(at, b' ');
        assert!(Sealed::read(&longer).is_err(), "one more at {at}");
        assert!(Sealed::read(&text[..at]).is_err(), "only {at} bytes");
    }
}

#[test]
fn whatever_comes_is_no_panic() {
    for odd in [
        &b""[..],
        b"\"}",
        b"{}",
        b"{\"seq\":",
        &[0; 300],
        &[b'"'; 100],
        b"{\"seq\":99999999999999999999999,\"prev\":\"\"}",
    ] {
        assert_eq!(Sealed::read(odd), Err(Broken::NoRecord));
    }
}

#[test]
fn a_head_is_read_as_it_is_shown() {
    let (_, head) = line(Head::NONE);
    assert_eq!(head.to_string().parse(), Ok(head));
    assert_eq!(head.to_string().to_ascii_uppercase().parse(), Ok(head));
    for odd in ["", "1", "1:", "x:00", ":", "1:zz", &format!("{head}0")] {
        assert_eq!(odd.parse::<Head>(), Err(NotAHead), "{odd}");
    }
}
