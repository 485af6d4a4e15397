//! A process to be looked at, waited for and ended by the tests. It lives until its standard input ends, so that nothing
//! outlives a test that dies; it says "ready" on its standard output once it is what it was asked to be.
//!
//! `procwire-victim [--comm HEX] sleep | busy | clock | ignore-term | exit-on-term CODE | threads N | spawn N | zombie CODE | fork-storm | exit CODE`
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::zombie_processes,
    reason = "a test program fails by panicking; odd children are what it is for"
)]

use std::{
    fs,
    io::{self, Read as _},
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--comm") {
        fs::write("/proc/self/comm", bytes_of_hex(&arguments[1])).unwrap();
        arguments.drain(..2);
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["sleep"] => until_input_ends(),
        ["busy"] => busy(),
        ["clock"] => clock(),
        ["ignore-term"] => return on_term(None),
        ["exit-on-term", code] => return on_term(Some(code.parse().unwrap())),
        ["threads", count] => threads(count.parse().unwrap()),
        ["spawn", count] => spawn(count.parse().unwrap()),
        ["zombie", code] => zombie(code),
        ["fork-storm"] => fork_storm(),
        ["exit", code] => return ExitCode::from(code.parse::<u8>().unwrap()),
        other => panic!("what is {other:?}?"),
    }
    ExitCode::SUCCESS
}

fn bytes_of_hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

fn ready() {
    println!("ready");
}

fn until_input_ends() {
    ready();
    wait_for_end_of_input();
}

fn wait_for_end_of_input() {
    let _ = io::stdin().read_to_end(&mut Vec::new());
}

fn busy() {
    let ended = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&ended);
    thread::spawn(move || {
        wait_for_end_of_input();
        watched.store(true, Ordering::Relaxed);
    });
    ready();
    while !ended.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

/// On each SIGUSR1: says what the time is, in nanoseconds of CLOCK_MONOTONIC.
fn clock() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let mut asked = signal(SignalKind::user_defined1()).unwrap();
        thread::spawn(|| {
            wait_for_end_of_input();
            std::process::exit(0);
        });
        ready();
        loop {
            asked.recv().await;
            let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
            println!("{}", now.tv_sec * 1_000_000_000 + now.tv_nsec);
        }
    });
}

/// On SIGTERM: exits with the code, or without one only takes note.
fn on_term(code: Option<u8>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let mut term = signal(SignalKind::terminate()).unwrap();
        thread::spawn(|| {
            wait_for_end_of_input();
            std::process::exit(0);
        });
        ready();
        loop {
            term.recv().await;
            if let Some(code) = code {
                return ExitCode::from(code);
            }
        }
    })
}

fn threads(count: usize) {
    for number in 1..count {
        thread::Builder::new().name(format!("worker) {number}")).stack_size(64 << 10).spawn(thread::park).unwrap();
    }
    until_input_ends();
}

/// Children share the standard input, so its end ends them all.
fn child(arguments: &[&str]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg0("procwire-victim-child").args(arguments).stdout(Stdio::null()).spawn().unwrap()
}

use std::os::unix::process::CommandExt as _;

fn spawn(count: usize) {
    let children: Vec<_> = (0..count).map(|_| child(&["sleep"])).collect();
    until_input_ends();
    for mut child in children {
        child.wait().unwrap();
    }
}

/// Leaves a child unwaited for, and names it: "ready PID".
fn zombie(code: &str) {
    let child = child(&["exit", code]);
    let stat = format!("/proc/{}/stat", child.id());
    while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
        thread::sleep(Duration::from_millis(1));
    }
    println!("ready {}", child.id());
    wait_for_end_of_input();
}

/// Processes that come and go as fast as they can.
fn fork_storm() {
    let ended = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let ended = Arc::clone(&ended);
            thread::spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    child(&["exit", "0"]).wait().unwrap();
                }
            })
        })
        .collect();
    until_input_ends();
    ended.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.join().unwrap();
    }
}
