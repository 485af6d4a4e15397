//! Sensors, batteries, cards and logins of machines that nobody has at hand: the agent and psutil look at the same made files.

#[path = "../../../host/tests/machines/tree.rs"]
mod tree;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use procwire_proto::v1::System;
use procwire_tests::{Agent, Role, Victim, is_root, workspace};

use crate::{
    comparison::{Case, Comparison},
    flatten::{flatten, reasons},
    judge::Judge,
    rules,
};

/// Beyond the highest pid that a kernel can give (include/linux/threads.h: `PID_MAX_LIMIT`).
const NO_PROCESS: u32 = 4_194_305;

const MACHINES: [&str; 4] = ["server", "laptop", "arm-board", "router"];

#[tokio::test]
async fn psutil_and_who_say_the_same_of_the_sensors_batteries_and_logins_of_made_machines() {
    if !can_replace_sysfs() {
        return;
    }
    let mut comparison = Comparison::new(rules::SYSTEM);
    for machine in MACHINES {
        let root = tempfile::tempdir().unwrap();
        for part in ["sensors", "power"] {
            let file = workspace().join(format!("host/tests/fixtures/machines/{machine}/{part}.tree"));
            if let Ok(text) = fs::read_to_string(&file) {
                tree::unpack(&text, root.path());
            }
        }
        let run = root.path().join("run");
        fs::create_dir_all(&run).unwrap();
        let sys = root.path().join("sys");
        compare(machine, &sys, &run, &["sensors", "power", "gpus"], &mut comparison).await;
    }
    compare_logins(&mut comparison).await;
    comparison.assert_agreed();
    comparison.assert_covers([
        "sensors.temperatures.current_celsius",
        "sensors.temperatures.critical_celsius",
        "sensors.fans.revolutions_per_minute",
        "sensors.voltages.volts",
        "sensors.powers.watts",
        "sensors.currents.amperes",
        "sensors.energies.joules",
        "sensors.humidities.humidity_ratio",
        "sensors.thermal_zones.critical_celsius",
        "power.batteries.charge_ratio",
        "power.batteries.time_left_ns",
        "power.mains_connected",
        "users.name",
        "users.terminal",
        "users.host",
        "users.started",
        "users.pid",
    ]);
}

async fn compare_logins(comparison: &mut Comparison) {
    let root = tempfile::tempdir().unwrap();
    let [sys, run] = ["sys", "run"].map(|name| root.path().join(name));
    fs::create_dir_all(sys.join("devices")).unwrap();
    fs::create_dir_all(&run).unwrap();
    let (one, other) = (Victim::start(&["sleep"]), Victim::start(&["sleep"]));
    let records = [
        record(2, 0, "~", "reboot", "6.18.44", 1_790_000_000),
        record(6, one.pid(), "tty1", "LOGIN", "", 1_790_000_001),
        record(7, one.pid(), "pts/0", "alice", "192.0.2.7", 1_790_000_002),
        record(7, NO_PROCESS, "pts/1", "gone", "192.0.2.8", 1_790_000_003),
        record(8, other.pid(), "pts/2", "", "", 1_790_000_004),
        record(7, other.pid(), "tty7", "alice", ":0", 1_790_000_005),
        record(7, other.pid(), "pts/3", &"u".repeat(32), &"h".repeat(256), 1_790_000_006),
    ];
    fs::write(run.join("utmp"), records.concat()).unwrap();
    let system = compare("utmp", &sys, &run, &["users"], comparison).await;
    let names: Vec<_> = system.users.iter().map(|user| user.name.len()).collect();
    assert_eq!(names, [5, 5, 32], "the session whose process is gone is left out");
}

/// Compares one machine, of which these are the folders, with what the judges see where these folders are the machine's.
async fn compare(key: &str, sys: &Path, run: &Path, fields: &[&'static str], comparison: &mut Comparison) -> System {
    let agent = Agent::options().set("host.sys", sys.display()).set("host.run", run.display()).start();
    let mut judge = Judge::start_seeing([("/sys", sys), ("/run", run)]);
    let mut opinions = judge.hardware();
    opinions.retain(|path, _| fields.iter().any(|field| path.starts_with(field)));
    let system =
        agent.client(Role::Reader).system().get().fields(fields.iter().copied()).await.unwrap().system.unwrap();
    let mut ours = flatten("System", &system);
    ours.retain(|path, _| !path.starts_with("sampled"));
    let reasons = reasons(&system.errors);
    comparison.add(&Case { key, ours: &ours, reasons: &reasons, before: &opinions, after: &opinions });
    system
}

/// A record as the C library of x86 writes it: utmp(5).
fn record(kind: i16, pid: u32, line: &str, user: &str, host: &str, seconds: u32) -> Vec<u8> {
    let mut record = vec![0; 384];
    let mut put = |start: usize, bytes: &[u8]| record[start..start + bytes.len()].copy_from_slice(bytes);
    put(0, &kind.to_ne_bytes());
    put(4, &pid.to_ne_bytes());
    put(8, line.as_bytes());
    put(44, user.as_bytes());
    put(76, host.as_bytes());
    put(340, &seconds.to_ne_bytes());
    record
}

/// psutil and who look where the kernel has its files: it takes a mount namespace to show them others.
#[allow(clippy::print_stderr, reason = "what is skipped says why")]
fn can_replace_sysfs() -> bool {
    if cfg!(not(target_arch = "x86_64")) {
        eprintln!("skipped: the made records are those of x86");
        return false;
    }
    let mut probe = Command::new("unshare");
    probe.args(["--mount", "sh", "-c", "mount --bind /tmp /sys"]).stderr(Stdio::null());
    if is_root() && probe.status().is_ok_and(|status| status.success()) {
        return true;
    }
    eprintln!("skipped: psutil is shown another /sys in a mount namespace, which takes root");
    false
}
