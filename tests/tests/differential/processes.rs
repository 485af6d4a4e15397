//! The process table.

use std::collections::BTreeMap;

use procwire_proto::{FieldTable as _, v1::Process};
use procwire_tests::{Agent, NOBODY, Role, is_root};

use crate::{
    comparison::{Case, Comparison, ROUNDS},
    flatten::{flatten, reasons},
    judge::Judge,
    rules,
    zoo::Zoo,
};

#[tokio::test]
async fn every_field_of_every_process_agrees_with_psutil_procps_and_the_kernel() {
    let agent = Agent::start();
    let comparison = compare(&agent, None).await;
    comparison.assert_agreed();
    comparison.assert_covers(Process::FIELDS.iter().filter(|field| field.is_served()).map(|field| field.path));
}

#[tokio::test]
async fn an_unprivileged_agent_agrees_with_unprivileged_judges_and_says_what_it_may_not_see() {
    let agent = Agent::options().unprivileged().start();
    let comparison = compare(&agent, is_root().then_some(NOBODY)).await;
    comparison.assert_agreed();
    let free = Process::FIELDS.iter().filter(|field| field.is_served() && field.source.ends_with("/stat"));
    comparison.assert_covers(free.map(|field| field.path));
}

async fn compare(agent: &Agent, uid: Option<u32>) -> Comparison {
    let zoo = Zoo::open();
    let client = agent.client(Role::Admin);
    let mut judge = Judge::start(uid);
    let mut comparison = Comparison::new(rules::PROCESS);
    for _ in 0..ROUNDS {
        let before = judge.processes();
        let list = client.processes().list().fields(["*"]).await.unwrap();
        let after = judge.processes();
        let rows: BTreeMap<_, _> = list.processes.iter().map(|process| (key(process), process)).collect();
        assert_the_zoo_is_judged(&zoo, &before, &rows);
        for (key, before) in &before {
            let Some(after) = after.get(key) else { continue };
            let process = rows.get(key).unwrap_or_else(|| panic!("the agent left out {key}: {before:?}"));
            assert_ne!(process.pid, judge.pid());
            let (mut ours, reasons) = (flatten("Process", *process), reasons(&process.errors));
            let mut before = before.clone();
            if process.pid == agent.pid() {
                // While it reads its own row it has files open and threads at work that nobody else sees.
                for path in ["fd_count", "thread_count"] {
                    ours.remove(path);
                    before.remove(path);
                }
            }
            let before = &before;
            comparison.add(&Case { key, ours: &ours, reasons: &reasons, before, after });
        }
        comparison.keep(|key| after.contains_key(key));
        if !comparison.is_open() {
            break;
        }
    }
    comparison
}

fn key(process: &Process) -> String {
    format!("{} {}", process.pid, process.r#ref.as_ref().unwrap().start_ticks)
}

fn assert_the_zoo_is_judged<A, B>(zoo: &Zoo, judged: &BTreeMap<String, A>, rows: &BTreeMap<String, B>) {
    let animals = zoo.pids().chain([("the zombie", zoo.zombie_pid())]);
    for (oddity, pid) in animals {
        let prefix = format!("{pid} ");
        assert!(judged.keys().any(|key| key.starts_with(&prefix)), "{oddity}: no judge speaks of {pid}");
        assert!(rows.keys().any(|key| key.starts_with(&prefix)), "{oddity}: the agent left out {pid}");
    }
}
