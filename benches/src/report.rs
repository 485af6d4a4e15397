//! Medians and ratios, and whether the targets hold.

use crate::{
    agent_cost::Cost,
    contenders::{Contender, Turns},
};

/// Prints the run; true if a target was missed.
pub fn print(rounds: &[Turns], idle: Cost, after: Cost) -> bool {
    println!("{:44} {:>9} {:>9} {:>9} {:>9}", "process table", "min us/p", "median", "x floor", "psutil/x");
    let floor = median(rounds, Contender::Floor);
    let psutil = median(rounds, Contender::PsutilFirst);
    for turns in rounds {
        let middle = median(rounds, turns.contender);
        let least = turns.microseconds.iter().copied().fold(f64::INFINITY, f64::min);
        let name = turns.contender.name();
        println!("{name:44} {least:9.2} {middle:9.2} {:9.2} {:9.1}", middle / floor, psutil / middle);
    }
    println!();
    let targets = [
        target(
            "host only, one thread, times the floor",
            ratio(rounds, Contender::Host, Contender::Floor),
            1.15,
            Bound::AtMost,
        ),
        target(
            "psutil in a new script / host, two threads",
            ratio(rounds, Contender::PsutilFirst, Contender::HostPair),
            12.0,
            Bound::AtLeast,
        ),
        target(
            "psutil in a new script / over mTLS",
            ratio(rounds, Contender::PsutilFirst, Contender::Wire),
            8.0,
            Bound::AtLeast,
        ),
        target("agent idle, resident MB", idle.resident_bytes as f64 / 1e6, 8.0, Bound::AtMost),
        target("agent idle for 5 s, CPU ms", idle.ticks as f64 * 10.0, 0.0, Bound::AtMost),
        target("agent after 20 lists, peak MB", after.peak_resident_bytes as f64 / 1e6, 25.0, Bound::AtMost),
    ];
    // No target, and the harder comparison: an interpreter that keeps its objects, and both sides warm.
    for (what, contender) in
        [("host only", Contender::HostPair), ("one thread", Contender::Host), ("over mTLS", Contender::Wire)]
    {
        let name = format!("psutil called again / {what}");
        println!("{name:44} {:9.2}", ratio(rounds, Contender::PsutilAgain, contender));
    }
    targets.iter().any(|missed| *missed)
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost,
    AtLeast,
}

fn target(what: &str, value: f64, wanted: f64, bound: Bound) -> bool {
    let (holds, words) = match bound {
        Bound::AtMost => (value <= wanted, "at most"),
        Bound::AtLeast => (value >= wanted, "at least"),
    };
    let verdict = if holds { "holds" } else { "MISSED" };
    println!("{what:44} {value:9.2}   {words} {wanted:<6} {verdict}");
    !holds
}

/// The median of the ratios turn by turn: neighbours in time meet the same machine.
fn ratio(rounds: &[Turns], above: Contender, below: Contender) -> f64 {
    let pairs = turns(rounds, above).iter().zip(turns(rounds, below));
    middle(pairs.map(|(above, below)| above / below).collect())
}

fn median(rounds: &[Turns], contender: Contender) -> f64 {
    middle(turns(rounds, contender).to_vec())
}

fn turns(rounds: &[Turns], contender: Contender) -> &[f64] {
    rounds.iter().find(|turns| turns.contender == contender).map(|turns| turns.microseconds.as_slice()).unwrap()
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap()
}
