//! Settings of processes of this machine, changed and read back from the kernel's own files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use procwire_host::{
    ControlError, Host, ProcessHandle, ProcessPlan, ProcessReader, Roots,
    control::{Applied, LimitChange, Patience, Setting, Threads},
};
use procwire_proto::{
    process_fields::bit,
    v1::{IoClass, LimitValue, ProcessRef, ResourceKind, limit_value::Value},
};

/// A child with threads, killed at the end.
struct Target {
    child: Child,
    handle: ProcessHandle,
}

impl Target {
    /// The main thread, and so many others.
    fn with_threads(others: usize) -> Self {
        let script = format!(
            "import sys, threading\n\
             for _ in range({others}): threading.Thread(target=threading.Event().wait, daemon=True).start()\n\
             print('ready', flush=True)\n\
             sys.stdin.read()\n"
        );
        Self::start(Command::new("python3").args(["-c", &script]))
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let host = Arc::new(Host::open(Roots::default()).unwrap());
        let handle = ProcessHandle::open(&host, &reference(&host, child.id())).unwrap();
        Self { child, handle }
    }

    fn apply(&self, setting: &Setting, threads: Threads) -> Applied {
        self.handle.apply(setting, threads, Patience::until(Instant::now() + Duration::from_secs(60)))
    }

    fn threads(&self) -> Vec<u32> {
        let entries = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
    }

    /// Field 19 of stat, of each thread.
    fn nices(&self) -> Vec<i32> {
        let of = |thread: u32| {
            let stat = fs::read_to_string(format!("/proc/{}/task/{thread}/stat", self.child.id())).unwrap();
            stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
        };
        self.threads().into_iter().map(of).collect()
    }

    /// "Cpus_allowed_list:" of each thread.
    fn processors(&self) -> Vec<String> {
        let of = |thread: u32| {
            let status = fs::read_to_string(format!("/proc/{}/task/{thread}/status", self.child.id())).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
            line.trim().to_owned()
        };
        self.threads().into_iter().map(of).collect()
    }

    fn limits(&self) -> String {
        fs::read_to_string(format!("/proc/{}/limits", self.child.id())).unwrap()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reference(host: &Arc<Host>, pid: u32) -> ProcessRef {
    let process = ProcessReader::new(Arc::clone(host)).read(pid, &ProcessPlan::new(bit::PID)).unwrap().unwrap();
    process.r#ref.unwrap()
}

fn assert_done(applied: &Applied, threads: u32) {
    assert!(applied.error.is_none(), "{applied:?}");
    assert_eq!((applied.threads_changed, applied.threads_failed), (threads, 0));
}

#[test]
fn nice_of_the_main_thread_or_of_all() {
    let target = Target::with_threads(3);
    let before = target.handle.settings(&[Setting::Nice(0)]).unwrap().nice.unwrap();
    let nice = (before + 3).min(19);
    assert_done(&target.apply(&Setting::Nice(nice), Threads::Main), 1);
    assert_eq!(target.nices(), [nice, before, before, before]);
    assert_eq!(target.handle.settings(&[Setting::Nice(0)]).unwrap().nice, Some(nice));
    assert_done(&target.apply(&Setting::Nice(19), Threads::All), 4);
    assert_eq!(target.nices(), [19; 4]);
}

#[test]
fn io_priority_of_all_threads() {
    let target = Target::with_threads(2);
    assert_done(&target.apply(&Setting::IoPriority(IoClass::BestEffort, 6), Threads::All), 3);
    let now = target.handle.settings(&[Setting::IoPriority(IoClass::None, 0)]).unwrap().io_priority.unwrap();
    assert_eq!((now.io_class(), now.level), (IoClass::BestEffort, 6));
    assert_done(&target.apply(&Setting::IoPriority(IoClass::Idle, 0), Threads::Main), 1);
    let now = target.handle.settings(&[Setting::IoPriority(IoClass::None, 0)]).unwrap().io_priority.unwrap();
    assert_eq!(now.io_class(), IoClass::Idle);
}

#[test]
fn no_processors_are_all_of_the_cpuset_also_after_a_narrowing() {
    let target = Target::with_threads(2);
    let asked = [Setting::CpuAffinity(Vec::new())];
    let (before, lists) = (target.handle.settings(&asked).unwrap().cpu_affinity, target.processors());
    let last = *before.last().unwrap();
    assert_done(&target.apply(&Setting::CpuAffinity(vec![last]), Threads::All), 3);
    assert_eq!(target.handle.settings(&asked).unwrap().cpu_affinity, [last]);
    assert_eq!(target.processors(), vec![last.to_string(); 3]);
    assert_done(&target.apply(&Setting::CpuAffinity(Vec::new()), Threads::All), 3);
    let after = target.handle.settings(&asked).unwrap().cpu_affinity;
    assert!(before.iter().all(|processor| after.contains(processor)), "{before:?} {after:?}");
    assert!(after.len() > 1 || before.len() == 1);
    assert_eq!(target.processors().len(), lists.len());
}

#[test]
fn processors_of_which_none_is_there_are_refused() {
    let target = Target::with_threads(1);
    let applied = target.apply(&Setting::CpuAffinity(vec![8000]), Threads::All);
    assert!(matches!(applied.error, Some(ControlError::InvalidSetting { .. })), "{applied:?}");
    assert_eq!((applied.threads_changed, applied.threads_failed), (0, 2));
}

#[test]
fn processors_that_a_machine_cannot_have_are_told_by_their_place() {
    let host = Host::open(Roots::default()).unwrap();
    let Ok(_) = fs::read("/sys/devices/system/cpu/possible") else { return };
    assert_eq!(host.unknown_processor(&[]), None);
    assert_eq!(host.unknown_processor(&[0, 500_000, 500_001]), Some(1));
}

#[test]
fn limits_are_lowered_and_what_is_left_out_stays() {
    let target = Target::with_threads(0);
    let change = |kind, soft, hard| Setting::ResourceLimits(vec![LimitChange { kind, soft, hard }]);
    assert_done(&target.apply(&change(ResourceKind::Nofile, Some(50), Some(60)), Threads::Main), 0);
    assert!(target.limits().contains("Max open files            50                   60                   files"));
    assert_done(&target.apply(&change(ResourceKind::Nofile, None, Some(55)), Threads::Main), 0);
    assert_done(&target.apply(&change(ResourceKind::Nofile, Some(54), None), Threads::Main), 0);
    assert!(target.limits().contains("Max open files            54                   55                   files"));
    let asked = change(ResourceKind::Nofile, None, None);
    let now = target.handle.settings(&[asked]).unwrap().resource_limits;
    let value = |limit| Some(LimitValue { value: Some(Value::Limit(limit)) });
    assert_eq!(now.len(), 1);
    assert_eq!((now[0].resource(), now[0].soft, now[0].hard), (ResourceKind::Nofile, value(54), value(55)));
    let above = target.apply(&change(ResourceKind::Nofile, Some(56), None), Threads::Main);
    assert!(matches!(above.error, Some(ControlError::InvalidSetting { .. })), "{above:?}");
}

#[test]
fn each_of_the_sixteen_can_be_set_to_what_it_is() {
    let target = Target::with_threads(0);
    let before = target.limits();
    let kinds: Vec<_> = (1..).map_while(|number| ResourceKind::try_from(number).ok()).collect();
    assert_eq!(kinds.len(), 16);
    let changes = kinds.iter().map(|kind| LimitChange { kind: *kind, soft: None, hard: None });
    assert_done(&target.apply(&Setting::ResourceLimits(changes.collect()), Threads::Main), 0);
    assert_eq!(target.limits(), before);
}

#[test]
fn what_the_kernel_refuses_names_the_capability_and_leaves_what_was_done() {
    let target = Target::with_threads(0);
    let lower = LimitChange { kind: ResourceKind::Core, soft: Some(0), hard: Some(4096) };
    let raise = LimitChange { kind: ResourceKind::Core, soft: None, hard: Some(1 << 40) };
    assert_done(&target.apply(&Setting::ResourceLimits(vec![lower]), Threads::Main), 0);
    let setting =
        Setting::ResourceLimits(vec![LimitChange { kind: ResourceKind::Nofile, soft: Some(33), hard: None }, raise]);
    let foreseen = target.handle.foresee(&setting);
    let applied = target.apply(&setting, Threads::Main);
    assert!(target.limits().contains("Max open files            33 "), "the first was done");
    match applied.error {
        // With CAP_SYS_RESOURCE.
        None => assert!(foreseen.is_ok() && target.limits().contains(" 1099511627776 ")),
        Some(ControlError::PermissionDenied { needs, .. }) => {
            assert!(needs.contains("CAP_SYS_RESOURCE"), "{needs}");
            assert!(matches!(foreseen, Err(ControlError::PermissionDenied { .. })), "{foreseen:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_adjustment_is_raised() {
    let target = Target::with_threads(1);
    let before = target.handle.settings(&[Setting::OomScoreAdjustment(0)]).unwrap().oom_score_adjustment.unwrap();
    for adjustment in [before.max(500), 1000] {
        target.handle.foresee(&Setting::OomScoreAdjustment(adjustment)).unwrap();
        assert_done(&target.apply(&Setting::OomScoreAdjustment(adjustment), Threads::Main), 0);
        let file = fs::read_to_string(format!("/proc/{}/oom_score_adj", target.child.id())).unwrap();
        assert_eq!(file.trim(), adjustment.to_string());
    }
}

#[test]
fn foreseeing_changes_nothing() {
    let target = Target::with_threads(1);
    let asked = [
        Setting::Nice(19),
        Setting::IoPriority(IoClass::Idle, 0),
        Setting::CpuAffinity(vec![0]),
        Setting::ResourceLimits(vec![LimitChange { kind: ResourceKind::Nofile, soft: Some(20), hard: Some(20) }]),
        Setting::OomScoreAdjustment(900),
    ];
    let before = target.handle.settings(&asked).unwrap();
    for setting in &asked {
        target.handle.foresee(setting).unwrap();
    }
    assert_eq!(target.handle.settings(&asked).unwrap(), before);
}

#[test]
fn of_a_process_that_has_ended_nothing_is_changed() {
    let mut target = Target::with_threads(0);
    target.child.kill().unwrap();
    // A zombie first, then nobody.
    while !target.handle.has_ended() {
        std::thread::yield_now();
    }
    for _ in 0..2 {
        for setting in [Setting::Nice(19), Setting::OomScoreAdjustment(1000)] {
            let applied = target.apply(&setting, Threads::All);
            assert!(matches!(applied.error, Some(ControlError::Gone { .. })), "{applied:?}");
        }
        target.child.wait().unwrap();
    }
    assert!(matches!(target.handle.settings(&[Setting::Nice(0)]), Err(ControlError::Gone { .. })));
}

/// Threads are born and end all the time; when it is over, all have the new value.
#[test]
fn no_thread_of_a_restless_process_escapes() {
    let script = "import sys, threading\n\
        def grow(depth):\n\
        \x20   while not stop.wait(0.001):\n\
        \x20       if depth: threading.Thread(target=grow, args=(0,), daemon=True).start() if threading.active_count() < 12 else None\n\
        \x20       elif threading.active_count() > 9: return\n\
        stop = threading.Event()\n\
        for _ in range(4): threading.Thread(target=grow, args=(1,), daemon=True).start()\n\
        print('ready', flush=True)\n\
        sys.stdin.read()\n";
    let target = Target::start(Command::new("python3").args(["-c", script]));
    let applied = target.apply(&Setting::Nice(17), Threads::All);
    assert!(applied.error.is_none() && applied.threads_failed == 0 && applied.threads_changed >= 5, "{applied:?}");
    for _ in 0..20 {
        for thread in target.threads() {
            // It may have ended since it was listed.
            let Ok(stat) = fs::read_to_string(format!("/proc/{}/task/{thread}/stat", target.child.id())) else {
                continue;
            };
            assert_eq!(stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16), Some("17"), "{stat}");
        }
    }
}
