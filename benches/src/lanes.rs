//! Cheap lists while others read what is heavy: eight clients ask for the maps of a process with 50,000 mappings, again and again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use procwire_client::Client;
use procwire_tests::Role;

use crate::{Bench, crowds::Model, report::Report, turns::percentile};

const CLIENTS: usize = 8;
const MAPPINGS: u32 = 50_000;
const PHASE: Duration = Duration::from_secs(10);

pub fn run(bench: &Bench, report: &Report) {
    let model = Model::with_mappings(MAPPINGS);
    println!("\ncheap lists (fields of S1) beside {CLIENTS} clients that ask for {MAPPINGS} mappings");
    let idle = lists(bench);
    let over = Arc::new(AtomicBool::new(false));
    let answers = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let client = bench.agent.client(Role::Inspector);
            let (over, answers, pid) = (Arc::clone(&over), Arc::clone(&answers), model.pid());
            thread::spawn(move || ask_for_maps(&client, pid, &over, &answers))
        })
        .collect();
    thread::sleep(Duration::from_millis(500));
    let beside = lists(bench);
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    for (what, times) in [("alone", &idle), ("beside them", &beside)] {
        for percent in [50, 99] {
            report.line(&format!("cheap list {what}, p{percent}, ms"), percentile(times.clone(), percent));
        }
    }
    report.line("p99 beside them / alone", percentile(beside, 99) / percentile(idle, 99));
    report.line("answers with maps meanwhile", answers.load(Ordering::Relaxed) as f64);
}

/// What each list took, in milliseconds.
fn lists(bench: &Bench) -> Vec<f64> {
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < PHASE {
        let request = bench.client.processes().list().fields(crate::sets::S1.fields.iter().copied());
        let start = Instant::now();
        bench.runtime.block_on(async { request.await }).unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e3);
        thread::sleep(Duration::from_millis(5));
    }
    times
}

fn ask_for_maps(client: &Client, pid: u32, over: &AtomicBool, answers: &AtomicU64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    while !over.load(Ordering::Relaxed) {
        let request = client.processes().get(pid).fields(["memory_maps"]).timeout(Duration::from_secs(60));
        let answer = runtime.block_on(async { request.await });
        // Turned away, or with a reason in place of the maps: an answer too, but not one that counts.
        if answer.is_ok_and(|answer| answer.process.is_some_and(|process| !process.memory_maps.is_empty())) {
            answers.fetch_add(1, Ordering::Relaxed);
        }
    }
}
