//! Logins by utmp and by systemd-logind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::fs;

use procwire_proto::{
    Timestamp,
    system_fields::bit,
    v1::{FieldErrorReason, System, UserSession},
};

use super::super::{made_tree::MadeTree, parse::utmp::tests::narrow_record};

fn users(tree: &MadeTree) -> Vec<UserSession> {
    let System { users, errors, .. } = tree.read(bit::USERS);
    assert_eq!(errors, []);
    users
}

fn hosts(told: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    let tree = MadeTree::new();
    let text: Vec<u8> = told.iter().flat_map(|host| narrow_record(b"alice", b"pts/0", host, 7, 1)).collect();
    tree.write("run/utmp", text);
    users(&tree).into_iter().map(|session| session.host).collect()
}

#[test]
fn a_login_of_utmp() {
    let tree = MadeTree::new();
    tree.write("run/utmp", narrow_record(b"alice", b"pts/0", b"192.0.2.7", 4711, 1_790_000_000));
    let expected = UserSession {
        name: b"alice".to_vec(),
        terminal: Some(b"pts/0".to_vec()),
        host: Some(b"192.0.2.7".to_vec()),
        started: Some(Timestamp { seconds: 1_790_000_000, nanos: 250_000_000 }),
        pid: Some(4711),
        ..UserSession::default()
    };
    assert_eq!(users(&tree), [expected]);
}

#[test]
fn local_logins_have_no_host() {
    let local: [&[u8]; 4] = [b"", b":0", b":0.0", b":12"];
    assert_eq!(hosts(&local), vec![None; 4]);
    let others: [&[u8]; 7] = [b"::1", b":", b":0.", b":pts/1:S.0", b"tmux(1).%0", b"localhost", &[b'h'; 256]];
    assert_eq!(hosts(&others), others.map(|host| Some(host.to_vec())));
}

#[test]
fn a_login_without_a_terminal_has_none() {
    let tree = MadeTree::new();
    tree.write("run/utmp", narrow_record(b"alice\xff", b"", b"", 7, 1));
    let [session] = users(&tree).try_into().unwrap();
    assert_eq!((session.name, session.terminal), (b"alice\xff".to_vec(), None));
}

#[test]
fn records_of_processes_that_are_gone_are_left_out() {
    let tree = MadeTree::new();
    let records = [narrow_record(b"here", b"pts/0", b"", 70, 1), narrow_record(b"gone", b"pts/1", b"", 71, 1)].concat();
    let nobody_told = narrow_record(b"untold", b"pts/2", b"", 0, 1);
    tree.write("run/utmp", [records, nobody_told].concat());
    let names = |tree: &MadeTree| -> Vec<_> { users(tree).into_iter().map(|session| session.name).collect() };
    fs::create_dir(tree.path("proc/70")).unwrap();
    assert_eq!(names(&tree).len(), 3, "where not even the first process is shown, others are hidden");
    fs::create_dir(tree.path("proc/1")).unwrap();
    assert_eq!(names(&tree), [b"here".to_vec(), b"untold".to_vec()]);
}

#[test]
fn an_empty_record_is_an_empty_list_and_none_at_all_is_not() {
    let tree = MadeTree::new();
    let system = tree.read(bit::USERS);
    assert_eq!((system.users.len(), system.errors.len()), (0, 1));
    let error = &system.errors[0];
    assert_eq!((error.path.as_str(), error.reason()), ("users", FieldErrorReason::Unsupported));
    assert!(error.detail.contains("run/utmp") && error.detail.contains("systemd/sessions"), "{}", error.detail);
    tree.write("run/utmp", "");
    assert_eq!(users(&tree), []);
    let tree = MadeTree::new().with("run/systemd/sessions", "");
    assert_eq!(users(&tree), []);
}

#[test]
fn a_record_that_cannot_be_read_says_why() {
    let tree = MadeTree::new().with("run/utmp", "").with("run/systemd/sessions", "");
    let system = tree.read(bit::USERS);
    assert_eq!((system.users.len(), system.errors[0].reason()), (0, FieldErrorReason::ReadFailed), "EISDIR");
}

fn session_file(changes: &str) -> String {
    let text = "# This is private data. Do not parse.\nUID=1000\nUSER=alice\nACTIVE=1\nSTATE=active\nREMOTE=0\nTYPE=tty\nCLASS=user\n\
        SEAT=seat0\nTTY=tty1\nSERVICE=login\nVTNR=1\nLEADER=4711\nREALTIME=1790000000250000\n";
    format!("{text}{changes}\n")
}

#[test]
fn sessions_of_logind_where_there_is_no_utmp() {
    let tree = MadeTree::new();
    tree.write("run/systemd/sessions/2", session_file(""));
    tree.write(
        "run/systemd/sessions/10",
        session_file("REMOTE=1\nREMOTE_HOST=192.0.2.7\nTTY=pts/0\nSEAT=\nTYPE=unspecified"),
    );
    tree.write("run/systemd/sessions/2.ref", session_file("USER=lock"));
    tree.write("run/systemd/sessions/.#3x", session_file("USER=unfinished"));
    let told = users(&tree);
    let expected = UserSession {
        name: b"alice".to_vec(),
        terminal: Some(b"tty1".to_vec()),
        host: None,
        started: Some(Timestamp { seconds: 1_790_000_000, nanos: 250_000_000 }),
        pid: Some(4711),
        session_id: Some("2".to_owned()),
        session_class: Some("user".to_owned()),
        session_kind: Some("tty".to_owned()),
        seat: Some("seat0".to_owned()),
        uid: Some(1000),
    };
    assert_eq!((told.len(), &told[0]), (2, &expected));
    assert_eq!((told[1].session_id.as_deref(), told[1].host.as_deref()), (Some("10"), Some(&b"192.0.2.7"[..])));
    assert_eq!(told[1].session_kind.as_deref(), Some("unspecified"));

    tree.write("run/utmp", narrow_record(b"bob", b"pts/3", b"", 7, 1));
    let names: Vec<_> = users(&tree).into_iter().map(|session| session.name).collect();
    assert_eq!(names, [b"bob".to_vec()], "utmp counts where there is one");
}

#[test]
fn only_sessions_of_users_are_logins() {
    let tree = MadeTree::new();
    for (id, class) in
        ["user", "user-early", "greeter", "lock-screen", "background", "manager", "manager-early", "none"]
            .iter()
            .enumerate()
    {
        tree.write(&format!("run/systemd/sessions/c{id}"), session_file(&format!("CLASS={class}")));
    }
    tree.write("run/systemd/sessions/c20", session_file("STATE=closing"));
    tree.write("run/systemd/sessions/c21", "UID=5\nLEADER=9\n");
    tree.write("run/systemd/sessions/c22", "");
    let ids: Vec<_> = users(&tree).into_iter().filter_map(|session| session.session_id).collect();
    assert_eq!(ids, ["c0", "c1", "c21"]);
}

#[test]
fn a_session_without_a_name_has_that_of_its_uid() {
    let tree = MadeTree::new();
    tree.write("etc/passwd", "carol:x:1003:1003::/:/bin/sh\n");
    tree.write("run/systemd/sessions/4", "UID=1003\n");
    tree.write("run/systemd/sessions/5", "UID=1004\n");
    let names: Vec<_> = users(&tree).into_iter().map(|session| (session.name, session.uid)).collect();
    assert_eq!(names, [(b"carol".to_vec(), Some(1003)), (vec![], Some(1004))]);
}

#[test]
fn sessions_whose_leader_is_gone_are_left_out() {
    let tree = MadeTree::new().with("proc/1", "").with("proc/4711", "");
    tree.write("run/systemd/sessions/1", session_file(""));
    tree.write("run/systemd/sessions/2", session_file("LEADER=4712"));
    assert_eq!(users(&tree).len(), 1);
}
