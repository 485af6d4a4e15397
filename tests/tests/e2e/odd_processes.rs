//! Processes that are odd, hostile, gone or coming and going.

use procwire_client::ErrorKind;
use procwire_proto::v1::{ErrorReason, ProcessRef, ProcessState};
use procwire_tests::{Agent, Role, Victim, reference_of, waiting::eventually_async};

#[tokio::test]
async fn names_that_are_not_utf_8_come_through_unharmed() {
    let agent = Agent::start();
    let victim = Victim::named(b"\xff\xfe\x80\xc3(", "sleep");
    let list = agent.client(Role::Reader).processes().list().fields(["pid", "name"]).await.unwrap();
    let row = list.processes.iter().find(|process| process.pid == victim.pid()).unwrap();
    assert_eq!(row.name.as_deref(), Some(b"\xff\xfe\x80\xc3(".as_slice()));
}

#[tokio::test]
async fn names_made_to_confuse_parsers_and_terminals_come_through_unharmed() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    for name in [b")\n\x1b[2J".as_slice(), b") R 1 1 1 1", b"((((", b" ", b"a) S 1 (b", b"\r\n\t\x0b"] {
        let victim = Victim::named(name, "sleep").asleep();
        let process = client.processes().get(victim.pid()).await.unwrap().process.unwrap();
        assert_eq!(process.name.as_deref(), Some(name));
        assert_eq!(process.ppid, Some(std::process::id()), "{name:?}");
        assert_eq!(process.state(), ProcessState::Sleeping, "{name:?}");
        assert_eq!(process.r#ref.unwrap().start_ticks, victim.reference().start_ticks, "{name:?}");
    }
}

#[tokio::test]
async fn a_zombie_has_a_row_and_says_why_it_lacks_the_rest() {
    let agent = Agent::start();
    let parent = Victim::start(&["zombie", "7"]);
    let client = agent.client(Role::Admin);
    let process = client.processes().get(parent.named_pid()).fields(["*"]).await.unwrap().process.unwrap();
    assert_eq!(process.state(), ProcessState::Zombie);
    assert_eq!(process.ppid, Some(parent.pid()));
    assert_eq!(process.exe, None);
    assert!(process.errors.iter().any(|error| error.path == "exe"), "{:?}", process.errors);
}

#[tokio::test]
async fn lists_survive_a_fork_storm_and_count_what_vanished() {
    let agent = Agent::start();
    let client = agent.client(Role::Admin);
    let _storm = Victim::start(&["fork-storm"]);
    let mut lists = 0;
    eventually_async("a process that vanishes while it is read", || {
        lists += 1;
        let client = client.clone();
        async move {
            let list = client.processes().list().fields(["*"]).await.unwrap();
            assert_eq!(list.summary.returned as usize, list.processes.len());
            assert!(list.processes.is_sorted_by_key(|process| process.pid));
            for process in &list.processes {
                assert!(process.name.is_some() && process.state.is_some(), "a row without its basics: {process:?}");
            }
            assert_eq!(list.summary.listed, list.summary.returned + list.summary.vanished + list.summary.filtered);
            (list.summary.vanished > 0).then_some(())
        }
    })
    .await;
    assert!(lists > 0);
}

#[tokio::test]
async fn a_process_that_has_ended_is_said_to_be_gone() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let victim = Victim::start(&["sleep"]);
    let reference = victim.reference();
    victim.signal("KILL");
    victim.ended();
    for error in [
        client.processes().get(reference.pid).await.unwrap_err(),
        client.processes().get(&reference).await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.reason()), (ErrorKind::NotFound, Some(ErrorReason::ProcessGone)), "{error}");
        assert!(error.to_string().contains(&reference.pid.to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_reference_to_an_earlier_process_of_the_same_pid_is_told_apart() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let victim = Victim::start(&["sleep"]);
    let earlier = ProcessRef { start_ticks: victim.reference().start_ticks - 1, ..victim.reference() };
    let error = client.processes().get(&earlier).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::PidReused, Some(ErrorReason::PidReused)), "{error}");
    let other_boot = ProcessRef { boot_id: vec![7; 16].into(), ..victim.reference() };
    let error = client.processes().get(&other_boot).await.unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::HostRebooted, Some(ErrorReason::HostRebooted)), "{error}");
}

#[tokio::test]
async fn a_thread_is_no_process() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let victim = Victim::start(&["threads", "3"]);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", victim.pid())).unwrap();
    let threads: Vec<u32> = tasks.map(|task| task.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    assert_eq!(threads.len(), 3);
    for thread in threads.into_iter().filter(|thread| *thread != victim.pid()) {
        let error = client.processes().get(thread).await.unwrap_err();
        assert_eq!(error.reason(), Some(ErrorReason::ProcessGone), "{error}");
    }
    let process = client.processes().get(victim.pid()).await.unwrap().process.unwrap();
    assert_eq!(process.thread_count, Some(3));
}

#[tokio::test]
async fn only_what_was_asked_for_is_answered() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let response = client.processes().get(agent.pid()).fields(["name", "memory.shared_bytes"]).await.unwrap();
    let process = response.process.unwrap();
    assert_eq!(process.pid, agent.pid());
    assert_eq!(
        process.r#ref.as_ref(),
        Some(&ProcessRef { pidfd_inode: process.r#ref.as_ref().unwrap().pidfd_inode, ..reference_of(agent.pid()) })
    );
    assert_eq!(process.name.as_deref(), Some(b"procwired".as_slice()));
    let memory = process.memory.unwrap();
    assert!(memory.shared_bytes.is_some());
    assert_eq!((memory.resident_bytes, process.state, process.ppid), (None, None, None));
    let mask = response.effective_mask.unwrap().paths;
    assert!(mask.contains(&"memory.shared_bytes".to_owned()) && !mask.contains(&"ppid".to_owned()), "{mask:?}");
}

#[tokio::test]
async fn secrets_in_command_lines_are_masked_for_a_reader_and_shown_to_an_inspector() {
    let agent = Agent::start();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "echo ready; read line; :", "sh", "--password", "hunter2", "--verbose"]);
    let victim = Victim::start_command(command);
    let seen_by = async |role| {
        let client = agent.client(role);
        client.processes().get(victim.pid()).fields(["cmdline"]).await.unwrap().process.unwrap()
    };
    let masked = seen_by(Role::Reader).await;
    assert!(!masked.cmdline.contains(&b"hunter2".to_vec()), "{masked:?}");
    assert!(masked.errors.iter().any(|error| error.path == "cmdline"), "nothing says that it is masked: {masked:?}");
    let whole = seen_by(Role::Inspector).await;
    assert!(whole.cmdline.contains(&b"hunter2".to_vec()), "{whole:?}");
}
