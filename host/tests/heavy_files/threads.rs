//! Threads.

use std::{fs, process::Command, sync::mpsc};

use procwire_proto::v1::{ProcessState, ProcessThread, SchedulingPolicy};

use super::{Victim, kernel_thread, read, zombie};

/// Threads of this process that wait until this is dropped, and their ids.
struct Waiting {
    ids: Vec<u32>,
    done: Vec<mpsc::Sender<()>>,
    handles: Vec<std::thread::JoinHandle<()>>,
}

impl Waiting {
    fn called(names: &[&str]) -> Self {
        let (send, receive) = mpsc::channel();
        let mut waiting = Self { ids: Vec::new(), done: Vec::new(), handles: Vec::new() };
        for name in names {
            let (done, wait) = mpsc::channel::<()>();
            let send = send.clone();
            let work = move || {
                send.send(rustix::thread::gettid().as_raw_pid().cast_unsigned()).unwrap();
                let _ = wait.recv();
            };
            waiting.handles.push(std::thread::Builder::new().name((*name).to_owned()).spawn(work).unwrap());
            waiting.ids.push(receive.recv().unwrap());
            waiting.done.push(done);
        }
        waiting
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.done.clear();
        for handle in self.handles.drain(..) {
            let _ = handle.join();
        }
    }
}

fn threads_of(pid: u32) -> Vec<ProcessThread> {
    let process = read(pid, &["threads"]);
    assert_eq!(process.errors, []);
    assert!(process.threads.is_sorted_by(|left, right| left.thread_id < right.thread_id));
    process.threads
}

#[test]
fn every_thread_is_there_with_its_name_whatever_that_is() {
    let names = ["plain", ") S 1 2 3", "two\nlines", "((", "\u{1b}[2J"];
    let waiting = Waiting::called(&names);
    let threads = threads_of(std::process::id());
    for (name, id) in names.iter().zip(&waiting.ids) {
        let thread = threads.iter().find(|thread| thread.thread_id == *id).unwrap();
        assert_eq!(thread.name.as_deref(), Some(name.as_bytes()));
        let status = fs::read_to_string(format!("/proc/self/task/{id}/status")).unwrap();
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:\t"));
        assert_eq!(thread.allowed_cpus.as_deref(), allowed);
        assert_eq!(thread.policy(), SchedulingPolicy::Other);
        assert!(thread.nice.is_some() && thread.cpu_number.is_some() && thread.block_io_wait_ns.is_some());
        assert!(thread.user_ns.is_some() && thread.system_ns.is_some());
        assert!(thread.voluntary_context_switches.is_some() && thread.involuntary_context_switches.is_some());
    }
    let leader = threads.iter().find(|thread| thread.thread_id == std::process::id()).unwrap();
    assert!(threads.iter().all(|thread| thread.start_ticks >= leader.start_ticks));
}

#[test]
fn a_thousand_threads_are_all_listed() {
    let waiting = Waiting::called(&["one of many"; 1000]);
    let threads = threads_of(std::process::id());
    let is_listed = |id: &u32| threads.binary_search_by_key(id, |thread| thread.thread_id).is_ok();
    assert!(waiting.ids.iter().all(is_listed));
}

#[test]
fn a_zombie_and_a_kernel_thread_have_one_thread() {
    let dead = zombie();
    let threads = threads_of(dead.pid());
    assert_eq!(threads.len(), 1);
    assert_eq!((threads[0].thread_id, threads[0].state()), (dead.pid(), ProcessState::Zombie));
    if let Some(pid) = kernel_thread() {
        assert_eq!(threads_of(pid).len(), 1);
    }
}

#[test]
fn the_switches_of_a_process_of_one_thread_are_those_of_its_thread() {
    let victim = Victim::sleeping(Command::new("sleep").arg("60"));
    let fields = ["threads", "context_switches.all_threads_voluntary", "context_switches.all_threads_involuntary"];
    loop {
        let process = read(victim.pid(), &fields);
        assert_eq!(process.errors, []);
        let switches = process.context_switches.unwrap();
        assert_eq!((switches.voluntary, switches.involuntary), (None, None), "not asked for");
        let of_thread =
            (process.threads[0].voluntary_context_switches, process.threads[0].involuntary_context_switches);
        // It may have been woken between the two readings; it sleeps on.
        if of_thread == (switches.all_threads_voluntary, switches.all_threads_involuntary) {
            break;
        }
    }
}
