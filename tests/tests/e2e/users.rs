//! Who is logged in: by a made utmp, by made session files, and by neither.

use std::{fs, path::Path};

use procwire_proto::v1::{FieldErrorReason, System, UserSession};
use procwire_tests::{Agent, Role, Victim};

const SECONDS: u32 = 1_790_000_000;

/// A record of a login as the C library of x86 writes it (utmp(5)), for machines whose own is longer too: the agent goes by the length.
fn login(pid: u32, line: &str, user: &str, host: &str) -> Vec<u8> {
    let mut record = vec![0; 384];
    let mut put = |start: usize, bytes: &[u8]| record[start..start + bytes.len()].copy_from_slice(bytes);
    put(0, &7_i16.to_ne_bytes());
    put(4, &pid.to_ne_bytes());
    put(8, line.as_bytes());
    put(44, user.as_bytes());
    put(76, host.as_bytes());
    put(340, &SECONDS.to_ne_bytes());
    record
}

fn agent_seeing(run: &Path) -> Agent {
    Agent::options().set("host.run", run.display()).start()
}

async fn users(agent: &Agent) -> System {
    agent.client(Role::Reader).system().get().fields(["users"]).await.unwrap().system.unwrap()
}

#[tokio::test]
async fn a_reader_sees_who_is_logged_in_and_who_logs_in_and_out_meanwhile() {
    let run = tempfile::tempdir().unwrap();
    let utmp = run.path().join("utmp");
    let shell = Victim::start(&["sleep"]);
    let alice = login(shell.pid(), "pts/0", "alice", "192.0.2.7");
    fs::write(&utmp, &alice).unwrap();
    let agent = agent_seeing(run.path());
    let system = users(&agent).await;
    let expected = UserSession {
        name: b"alice".to_vec(),
        terminal: Some(b"pts/0".to_vec()),
        host: Some(b"192.0.2.7".to_vec()),
        started: Some(prost_types::Timestamp { seconds: SECONDS.into(), nanos: 0 }),
        pid: Some(shell.pid()),
        ..UserSession::default()
    };
    assert_eq!((system.users, system.errors), (vec![expected], vec![]));

    let bob = login(shell.pid(), "tty1", "bob", "");
    // As logrotate or an administrator replaces it: by another file of the same name.
    fs::write(run.path().join("new"), [alice, bob].concat()).unwrap();
    fs::rename(run.path().join("new"), &utmp).unwrap();
    let names: Vec<_> = users(&agent).await.users.into_iter().map(|user| user.name).collect();
    assert_eq!(names, [b"alice".to_vec(), b"bob".to_vec()]);

    shell.signal("KILL");
    shell.ended();
    assert_eq!(users(&agent).await.users, [], "the process of both is gone");
}

#[tokio::test]
async fn sessions_of_logind_are_told_where_there_is_no_utmp() {
    let run = tempfile::tempdir().unwrap();
    let sessions = run.path().join("systemd/sessions");
    fs::create_dir_all(&sessions).unwrap();
    let shell = Victim::start(&["sleep"]);
    let session = |class: &str| {
        format!(
            "# This is private data. Do not parse.\nUID=1000\nUSER=alice\nSTATE=active\nREMOTE=1\nTYPE=tty\nCLASS={class}\n\
             TTY=pts/0\nREMOTE_HOST=192.0.2.7\nSERVICE=sshd\nLEADER={}\nREALTIME={SECONDS}000001\n",
            shell.pid()
        )
    };
    fs::write(sessions.join("3"), session("user")).unwrap();
    fs::write(sessions.join("4"), session("manager")).unwrap();
    let agent = agent_seeing(run.path());
    let system = users(&agent).await;
    let expected = UserSession {
        name: b"alice".to_vec(),
        terminal: Some(b"pts/0".to_vec()),
        host: Some(b"192.0.2.7".to_vec()),
        started: Some(prost_types::Timestamp { seconds: SECONDS.into(), nanos: 1000 }),
        pid: Some(shell.pid()),
        session_id: Some("3".to_owned()),
        session_class: Some("user".to_owned()),
        session_kind: Some("tty".to_owned()),
        seat: None,
        uid: Some(1000),
    };
    assert_eq!((system.users, system.errors), (vec![expected], vec![]));
}

#[tokio::test]
async fn where_nobody_keeps_a_record_nobody_is_said_to_be_logged_in() {
    let run = tempfile::tempdir().unwrap();
    let agent = agent_seeing(run.path());
    let system = users(&agent).await;
    assert_eq!((system.users.len(), system.errors.len()), (0, 1));
    assert_eq!((system.errors[0].path.as_str(), system.errors[0].reason()), ("users", FieldErrorReason::Unsupported));
    fs::write(run.path().join("utmp"), "").unwrap();
    let system = users(&agent).await;
    assert_eq!((system.users, system.errors), (vec![], vec![]), "an empty record is a record");
}
