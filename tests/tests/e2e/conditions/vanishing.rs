//! Processes that end while they are looked at: a row is whole or it is not there.

use procwire_client::{ErrorKind, ProcessSelect};
use procwire_proto::v1::{ErrorReason, FieldErrorReason, Process, ProcessState};
use procwire_tests::{Agent, Role, Victim};

/// Neither half a process nor the remains of one.
fn check(row: &Process) {
    assert!(row.r#ref.as_ref().is_some_and(|reference| reference.pid == row.pid && reference.start_ticks > 0));
    assert!(row.name.is_some() && row.state.is_some() && row.ppid.is_some() && row.start_time.is_some());
    for error in &row.errors {
        let is_told = !matches!(error.reason(), FieldErrorReason::ReadFailed | FieldErrorReason::InvalidData);
        assert!(is_told, "{:?} {}: {error:?}", row.state(), String::from_utf8_lossy(row.name()));
        // It has let go of something, and is no zombie yet.
        let is_ending = error.reason() == FieldErrorReason::ProcessGone;
        assert!(!is_ending || row.state() != ProcessState::Sleeping, "{error:?}");
    }
}

#[tokio::test]
async fn lists_of_everything_have_whole_rows_while_processes_come_and_go() {
    let agent = Agent::start();
    let client = agent.client(Role::Admin);
    let victim = Victim::start(&["fork-storm"]);
    let storm = victim.reference();
    let (mut met, mut lists) = (0, 0);
    while lists < 6 || met < 5 {
        // Of everybody once, then of those that come and go.
        let list = client.processes().list().fields(["*"]);
        let list =
            if lists == 0 { list } else { list.matching(ProcessSelect::new().children_of(&storm)) }.await.unwrap();
        let summary = list.summary;
        assert_eq!(summary.listed, summary.returned + summary.vanished + summary.filtered, "{summary:?}");
        assert_eq!(summary.returned as usize, list.processes.len());
        list.processes.iter().for_each(check);
        met += list.processes.iter().filter(|row| row.ppid == Some(storm.pid)).count();
        lists += 1;
    }
}

#[tokio::test]
async fn a_pid_that_is_about_to_end_is_a_row_or_gone() {
    let agent = Agent::start();
    let processes = agent.client(Role::Admin).processes();
    let (mut rows, mut gone) = (0, 0);
    let storm = Victim::start(&["fork-storm"]);
    while rows < 20 || gone < 20 {
        for child in processes.children(&storm.reference()).fields(["ref"]).await.unwrap().processes {
            let reference = child.r#ref.unwrap();
            match processes.get(&reference).fields(["*"]).await {
                Ok(answer) => {
                    let row = answer.process.unwrap();
                    check(&row);
                    let same = row.r#ref.as_ref().unwrap();
                    assert_eq!((same.pid, same.start_ticks), (reference.pid, reference.start_ticks));
                    assert!(row.exe.is_some() || row.state() != ProcessState::Sleeping, "{:?}", row.errors);
                    rows += 1;
                }
                Err(error) => {
                    let told = (error.kind(), error.reason());
                    let is_gone = told == (ErrorKind::NotFound, Some(ErrorReason::ProcessGone));
                    assert!(is_gone || told == (ErrorKind::PidReused, Some(ErrorReason::PidReused)), "{error}");
                    gone += 1;
                }
            }
        }
    }
}
