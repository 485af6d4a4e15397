//! Files that change while the agent runs.

use std::time::SystemTime;

use super::Fixture;
use crate::{pki::HOUR, reload::Files};

#[test]
fn a_new_certificate_is_shown_and_a_broken_one_is_not() {
    let files = Fixture::new();
    let mut loaded = files.load();
    let first = loaded.certificates.status(0).serial;
    files.write_agent(&files.pki.agent());
    let taken = loaded.take_all();
    let second = loaded.certificates.status(0).serial;
    assert_ne!(second, first);
    assert!(taken[0].as_ref().unwrap().starts_with(&format!("serial {second}, until ")), "{taken:?}");
    files.write("agent.pem", "garbage");
    let problem = loaded.take_all().remove(0).unwrap_err();
    assert!(problem.contains("no certificate in it"), "{problem}");
    assert_eq!(loaded.certificates.status(0).serial, second);
}

#[test]
fn a_revocation_takes_effect_while_the_certificate_is_broken() {
    let files = Fixture::with_deny_list("");
    let mut loaded = files.load();
    let alice = files.pki.client("alice", &[]);
    let judge = |loaded: &super::Loaded| {
        let chain = [alice.certificate.der().clone()];
        loaded.certificates.in_force().trust.examine(&chain, "192.0.2.1:1".parse().unwrap(), SystemTime::now())
    };
    judge(&loaded).unwrap();
    files.write("agent.pem", "garbage");
    files.write("denied", "alice");
    let taken = loaded.take_all();
    assert!(taken[0].is_err() && taken[3].as_deref() == Ok("1 entries"), "{taken:?}");
    judge(&loaded).unwrap_err();
    files.write("denied", "serial:x");
    let taken = loaded.take_all();
    assert!(taken[3].as_ref().unwrap_err().contains("line 1"), "{taken:?}");
    judge(&loaded).unwrap_err();
    files.write("denied", "");
    loaded.take_all();
    judge(&loaded).unwrap();
}

#[test]
fn a_deny_list_that_refuses_fewer_may_be_half_of_one() {
    let files = Fixture::with_deny_list("alice\nbob\n");
    let loaded = files.load();
    let list = &loaded.parts[3].0;
    for (text, may_be_half) in [
        ("", true),
        ("alice\n", true),
        ("alice\nbo", true),
        ("alice\ncarol\ndave\n", true),
        ("bob\nalice\ncarol\n", false),
        ("serial:x", false),
    ] {
        files.write("denied", text);
        assert_eq!(list.may_be_half(&Files::read(&list.paths())), may_be_half, "{text:?}");
    }
}

#[test]
fn a_list_that_is_older_or_too_old_does_not_replace_one_in_force() {
    let mut files = Fixture::new();
    let now = SystemTime::now();
    let list = |serials: &[u64], begins, ends| files.pki.authority.crl_of(serials, begins, ends).pem().unwrap();
    files.files.client_crl = vec![files.write("ca.crl", &list(&[1], now - HOUR, now + HOUR))];
    let mut loaded = files.load();
    let mut take = |text: String| {
        files.write("ca.crl", &text);
        loaded.take_all().remove(2).map_err(|problem| files.without_folder(&problem))
    };
    let backup = take(list(&[], now - HOUR * 2, now + HOUR));
    assert_eq!(backup.unwrap_err(), "tls.client_crl ca.crl: older than the list in force");
    let over = take(list(&[1], now - HOUR / 2, now - HOUR / 4));
    assert!(over.unwrap_err().starts_with("tls.client_crl ca.crl: past its next update, "));
    assert_eq!(take(list(&[1, 2], now - HOUR / 2, now + HOUR)).unwrap(), "2 revoked");
    assert_eq!(loaded.certificates.status(0).revoked, 2);
}

#[test]
fn problems_are_shown_until_they_are_over() {
    let mut loaded = Fixture::new().load();
    let own = &mut loaded.parts[0].0;
    own.told(Some("broken"));
    assert_eq!(loaded.certificates.status(0).problem, "broken");
    loaded.parts[1].0.told(Some("too"));
    assert_eq!(loaded.certificates.status(0).problem, "broken; too");
    loaded.parts[0].0.told(None);
    loaded.parts[1].0.told(None);
    assert_eq!(loaded.certificates.status(0).problem, "");
}
