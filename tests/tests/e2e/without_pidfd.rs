//! An agent under a filter of system calls that refuses pidfds, as some sandboxes have it, does the same by other means and says so.

use std::{os::unix::process::ExitStatusExt as _, time::Duration};

use procwire_client::{TerminateStep, TerminationOutcome, WaitOutcome};
use procwire_proto::v1::{ControlMechanism, ErrorReason, ProcessRef};
use procwire_tests::{Agent, Role, Victim};

/// Answers pidfd_open(2) and pidfd_send_signal(2) with this errno, whatever the architecture: both have the same number on each. Then it
/// becomes the agent.
fn filter(errno: u32) -> [String; 3] {
    let script = format!(
        "import ctypes, os, struct, sys\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         rules = [(0x20, 0, 0, 0), (0x15, 1, 0, 434), (0x15, 0, 1, 424), (0x06, 0, 0, 0x50000 | {errno}), (0x06, 0, 0, 0x7fff0000)]\n\
         code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *rule) for rule in rules))\n\
         class Program(ctypes.Structure): _fields_ = [('count', ctypes.c_ushort), ('code', ctypes.c_void_p)]\n\
         program = Program(len(rules), ctypes.addressof(code))\n\
         assert libc.prctl(38, 1, 0, 0, 0) == 0\n\
         assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0, ctypes.get_errno()\n\
         os.execv(sys.argv[1], sys.argv[1:])\n"
    );
    ["python3".to_owned(), "-c".to_owned(), script]
}

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

#[tokio::test]
async fn a_process_is_ended_by_its_pid_after_a_check_and_the_answer_says_so() {
    for errno in [EPERM, ENOSYS] {
        let agent = Agent::options().started_by(filter(errno)).start();
        let capabilities = agent.client(Role::Reader).agent().capabilities().await.unwrap();
        for name in ["pidfd", "pidfd_exit_status"] {
            let feature = capabilities.features.iter().find(|feature| feature.name == name).unwrap();
            assert!(!feature.available && !feature.detail.is_empty(), "{feature:?}");
        }
        let victim = Victim::start(&["exit-on-term", "7"]);
        let reference = victim.reference();
        let control = agent.client(Role::Operator);
        let request = control.control().terminate(&reference).grace(Duration::from_secs(60)).reason("test");
        let mut termination = request.await.unwrap();
        assert_eq!(termination.plan().targets[0].mechanism(), ControlMechanism::Kill);
        let first = termination.next().await.unwrap().unwrap();
        assert!(matches!(first.step, TerminateStep::Signalled { mechanism: ControlMechanism::Kill, .. }), "{first:?}");
        // The victim's parent collects it at once, so nobody may be left who knows how it ended.
        let outcome = termination.outcome().await.unwrap();
        assert!(matches!(outcome, TerminationOutcome::Exited { escalated: false, .. }), "{outcome:?}");
        assert_eq!(victim.ended().code(), Some(7));
        let gone = control.control().terminate(&reference).reason("test").await.unwrap().outcome().await;
        assert_eq!(gone.unwrap_err().reason(), Some(ErrorReason::ProcessGone));
    }
}

#[tokio::test]
async fn one_that_ignores_it_is_killed_and_another_process_at_the_pid_is_left_alone() {
    let agent = Agent::options().started_by(filter(EPERM)).start();
    let victim = Victim::start(&["ignore-term"]);
    let control = agent.client(Role::Operator);
    let other = ProcessRef { start_ticks: victim.reference().start_ticks - 1, ..victim.reference() };
    let refused = control.control().terminate(&other).reason("test").await.unwrap().outcome().await.unwrap_err();
    assert_eq!(refused.reason(), Some(ErrorReason::PidReused), "{refused}");
    assert!(victim.is_alive());
    let request = control.control().terminate(&victim.reference()).grace(Duration::from_millis(200)).reason("test");
    let outcome = request.await.unwrap().outcome().await.unwrap();
    assert!(matches!(outcome, TerminationOutcome::Exited { escalated: true, .. }), "{outcome:?}");
    assert_eq!(victim.ended().signal(), Some(9));
}

#[tokio::test]
async fn many_are_waited_for_and_settings_are_changed() {
    let agent = Agent::options().started_by(filter(ENOSYS)).start();
    let victims: Vec<_> = (0..5).map(|_| Victim::start(&["exit-on-term", "0"])).collect();
    let control = agent.client(Role::Operator);
    let outcome = control.control().update(&victims[0].reference()).nice(19).reason("test").await.unwrap();
    assert_eq!((outcome.process.mechanism(), outcome.after.nice), (ControlMechanism::Kill, Some(19)));
    let waits: Vec<_> = victims
        .iter()
        .map(|victim| {
            let (control, reference) = (control.clone(), victim.reference());
            tokio::spawn(async move { control.control().wait(&reference).timeout(Duration::from_secs(60)).await })
        })
        .collect();
    for victim in &victims {
        victim.signal("TERM");
    }
    for wait in waits {
        let outcome = wait.await.unwrap();
        match outcome {
            Ok(WaitOutcome::Exited(_)) => {}
            // It ended before the agent had opened it.
            Err(error) if error.reason() == Some(ErrorReason::ProcessGone) => {}
            other => panic!("{other:?}"),
        }
    }
    for victim in &victims {
        assert_eq!(victim.ended().code(), Some(0));
    }
}
