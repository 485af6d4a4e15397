//! The commands about the host, as a person uses them: on this machine, and on machines made of files that have what this one lacks.

use std::{
    fs,
    net::UdpSocket,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use procwire_tests::{Agent, Role, Shell, Victim, waiting::eventually};
use serde_json::Value;

use crate::command_line_process::{line, own_pid};

/// The tool, asking an agent over the network.
struct Remote {
    agent: Agent,
    shell: Shell,
    connection: Vec<String>,
}

impl Remote {
    fn new(agent: Agent, role: Role) -> Self {
        let (shell, identity) = (Shell::new(), agent.pki.client(role));
        let file = |name: &str, text: &str| {
            fs::write(shell.path(name), text).unwrap();
            fs::set_permissions(shell.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        };
        file("me.crt", &identity.certificate_pem);
        file("me.key", &identity.key_pem);
        let ca = agent.path("ca.crt").to_str().unwrap().to_owned();
        let connection = ["--endpoint", &agent.endpoint(), "--ca", &ca, "--cert", "me.crt", "--key", "me.key"];
        let connection = connection.map(str::to_owned).to_vec();
        Self { agent, shell, connection }
    }

    fn with<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        self.connection.iter().map(String::as_str).chain(arguments.iter().copied()).collect()
    }

    #[track_caller]
    fn answer(&self, arguments: &[&str]) -> String {
        self.shell.answer(&self.with(arguments))
    }

    #[track_caller]
    fn value(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.answer(&[arguments, &["-o", "json"]].concat())).unwrap()
    }
}

/// Datagrams to a port of this host where nobody listens, until it goes.
struct Traffic {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Traffic {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let thread = thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            while !stopped.load(Ordering::Relaxed) {
                // That the port is closed comes back as an error, and is what is wanted.
                let _ = socket.send_to(&[0; 1000], closed);
                thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().unwrap().join();
    }
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn skip(why: &str) {
    eprintln!("skipped: {}", why.trim());
}

fn write(root: &Path, files: &[(&str, &[u8])]) {
    for (path, content) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

#[test]
fn interfaces_are_shown_in_blocks_in_lines_and_as_rows() {
    let shell = Shell::new();
    let page = shell.answer(&["ifconfig", "lo"]);
    assert!(page.starts_with("lo: up\n"), "{page}");
    for wanted in ["  address   127.0.0.1/8  scope host\n", "loopback", "  received  "] {
        assert!(page.contains(wanted), "{wanted:?} is not in:\n{page}");
    }
    let short = shell.answer(&["ifconfig", "--short", "lo"]);
    assert!(line(&short, "lo").contains("127.0.0.1/8"), "{short}");
    assert_eq!(short.lines().count(), 2, "{short}");

    let row = &shell.rows(&["ifconfig", "lo"])[0];
    assert_eq!((&row["name"], &row["running"]), (&Value::from("lo"), &Value::from(true)), "{row}");
    assert_eq!(
        row["index"].to_string(),
        fs::read_to_string("/sys/class/net/lo/ifindex").unwrap_or("1".to_owned()).trim()
    );
    let addresses = row["addresses"].as_array().unwrap();
    assert!(addresses.iter().any(|one| one["ip"] == "127.0.0.1" && one["prefix_length"] == 8), "{row}");

    let said = shell.fails_with(1, &["ifconfig", "lo", "no\u{1b}such0"]);
    assert!(said.contains(r"no network interface no\x1bsuch0; there are ") && said.contains("lo"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let (up, all) = (shell.rows(&["ifconfig"]).len(), shell.rows(&["ifconfig", "--all"]).len());
    assert!((1..=all).contains(&up), "{up} of {all}");
}

#[test]
fn an_interface_with_a_hostile_name_is_shown_and_not_obeyed() {
    let shell = Shell::new();
    let make = "ip link set lo up && ip link add name \"$(printf 'e\\033[2J')\" type bridge";
    let in_namespace = |arguments: &[&str]| {
        let script = format!("{make} || exit 99; exec \"$0\" \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["-n", "sh", "-c", &script]).arg(shell.command(&[]).get_program()).args(arguments);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output()
    };
    let output = match in_namespace(&["ifconfig", "--all"]) {
        Ok(output) => output,
        Err(error) => return skip(&format!("unshare: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(99) || said.starts_with("unshare: ") {
        return skip(&format!("no interface can be made here: {said}"));
    }
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(
        page.contains("\ne\\x1b[2J: switched off\n  kind      bridge\n") && !page.contains('\u{1b}'),
        "{page}{said}"
    );
    let output = in_namespace(&["ifconfig", "e\u{1b}[2J", "--short"]).unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("e\\x1b[2J switched off"), "{output:?}");
    let output = in_namespace(&["ifconfig", "-o", "json"]).unwrap();
    let rows: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&rows[0]["name"], rows.as_array().unwrap().len()), (&Value::from("lo"), 1), "{rows}");
}

#[test]
fn nettop_measures_what_passes_and_what_protocols_complain_of() {
    let shell = Shell::new();
    let _traffic = Traffic::start();
    let rows = shell.rows(&["nettop", "--window", "1s"]);
    let loopback = rows.last().unwrap();
    assert_eq!(loopback["name"], "lo", "what the host says to itself comes last: {rows:?}");
    assert!(loopback["rates"]["received_bytes_per_second"].as_f64().unwrap() > 1000.0, "{loopback}");
    let table = shell.answer(&["nettop", "lo", "-w", "100ms"]);
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(shell.answer(&["nettop", "lo", "--bits", "-w", "100ms"]).contains("RECV bit/s"));

    let counted = shell.rows(&["nettop", "--protocols", "--window", "1s"]);
    let sent = counted.iter().find(|row| row["protocol"] == "Udp" && row["name"] == "OutDatagrams").unwrap();
    assert!(sent["difference"].as_u64().unwrap() > 0 && sent["per_second"].as_f64().unwrap() > 0.0, "{sent}");
    assert!(counted.iter().all(|row| row["difference"].as_u64().unwrap() > 0), "{counted:?}");
    let table = shell.answer(&["nettop", "-p"]);
    assert!(line(&table, "NoPorts").ends_with("nobody listens"), "{table}");

    shell.fails_with(1, &["nettop", "nosuch0", "-w", "10ms"]);
    for wrong in [&["--window", "0s"][..], &["--window", "2m"], &["--bits", "--protocols"]] {
        shell.fails_with(2, &[&["nettop"], wrong].concat());
    }
}

#[test]
fn sensors_and_batteries_of_a_laptop_are_shown_with_what_is_wrong() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &[
            ("class/hwmon/hwmon0/name", b"coretemp\n"),
            ("class/hwmon/hwmon0/temp1_input", b"101000\n"),
            ("class/hwmon/hwmon0/temp1_label", b"Package id 0\n"),
            ("class/hwmon/hwmon0/temp1_max", b"80000\n"),
            ("class/hwmon/hwmon0/temp1_crit", b"100000\n"),
            ("class/hwmon/hwmon0/temp2_input", b"garbage\n"),
            ("class/hwmon/hwmon1/name", b"evil\x1b[2J\xff\n"),
            ("class/hwmon/hwmon1/fan1_input", b"1200\n"),
            ("class/hwmon/hwmon1/fan1_label", b")\x07\n"),
            ("class/power_supply/BAT0/type", b"Battery\n"),
            ("class/power_supply/BAT0/present", b"1\n"),
            ("class/power_supply/BAT0/status", b"Discharging\n"),
            ("class/power_supply/BAT0/capacity", b"50\n"),
            ("class/power_supply/BAT0/energy_now", b"25000000\n"),
            ("class/power_supply/BAT0/energy_full", b"50000000\n"),
            ("class/power_supply/BAT0/energy_full_design", b"62500000\n"),
            ("class/power_supply/BAT0/power_now", b"10000000\n"),
            ("class/power_supply/BAT0/cycle_count", b"312\n"),
            ("class/power_supply/AC/type", b"Mains\n"),
            ("class/power_supply/AC/online", b"0\n"),
        ],
    );
    let agent = Agent::options().set("host.sys", root.path().display()).start();
    let remote = Remote::new(agent, Role::Reader);
    let page = remote.answer(&["sensors"]);
    let package = line(&page, "Package");
    for wanted in ["101.0 °C", "high 80.0 °C, critical 100.0 °C", "ALARM: critical"] {
        assert!(package.contains(wanted), "{wanted:?} is not in:\n{page}");
    }
    assert!(line(&page, "temp2").contains("not readable: invalid data"), "{page}");
    assert!(page.contains(r"evil\x1b[2J\xff") && line(&page, r")\x07").contains("1200 rpm"), "{page}");
    assert!(remote.answer(&["sensors", "--fahrenheit"]).contains("213.8 °F"));
    let value = remote.value(&["sensors"]);
    assert_eq!(value["sensors"]["temperatures"][0]["current_celsius"], 101.0, "{value}");

    let page = remote.answer(&["battery"]);
    for wanted in
        ["BAT0: discharging, 50.0 %, 2 h 30 min left", "80.0 % of the 62.5 Wh", "312", "10.0 W drawn", "not connected"]
    {
        assert!(page.contains(wanted), "{wanted:?} is not in:\n{page}");
    }
    assert_eq!(remote.value(&["battery"])["power"]["batteries"][0]["cycles"], 312);
}

#[test]
fn a_machine_without_sensors_and_batteries_says_so_in_one_line() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("class")).unwrap();
    let agent = Agent::options().set("host.sys", root.path().display()).start();
    let remote = Remote::new(agent, Role::Reader);
    for (command, wanted) in [("sensors", "no sensors"), ("battery", "no battery")] {
        let said = remote.answer(&[command]);
        assert!(said.starts_with(wanted) && said.lines().count() == 1, "{said}");
        assert!(remote.value(&[command])["sampled"].is_object());
    }
}

/// A record of utmp(5), as glibc lays it out on every architecture with 32 bits of time.
fn utmp(user: &[u8], terminal: &[u8], host: &[u8], seconds: u32) -> Vec<u8> {
    const USER_PROCESS: u8 = 7;
    let mut record = vec![0; 384];
    let mut put = |at: usize, bytes: &[u8]| record[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &[USER_PROCESS, 0]);
    put(4, &std::process::id().to_le_bytes());
    put(8, terminal);
    put(44, user);
    put(76, host);
    put(340, &seconds.to_le_bytes());
    record
}

#[test]
fn who_and_uptime_tell_of_sessions() {
    let root = tempfile::tempdir().unwrap();
    let records =
        [utmp(b"alice", b"pts/7", b"evil\n\x1b[2J\xff", 1_700_000_000), utmp(b"bob", b"tty1", b"", 1_600_000_000)];
    fs::write(root.path().join("utmp"), records.concat()).unwrap();
    let agent = Agent::options().set("host.run", root.path().display()).start();
    let remote = Remote::new(agent, Role::Reader);
    let table = remote.answer(&["who"]);
    let rows: Vec<_> = table.lines().collect();
    assert!(rows[0].starts_with("USER") && rows[1].starts_with("bob") && rows[2].starts_with("alice"), "{table}");
    for wanted in ["pts/7", r"evil\n\x1b[2J\xff", "2023-11-14", &own_pid()] {
        assert!(rows[2].contains(wanted), "{wanted:?} is not in:\n{table}");
    }
    let sessions = remote.value(&["who"]);
    assert_eq!((&sessions[0]["name"], sessions.as_array().unwrap().len()), (&Value::from("alice"), 2), "{sessions}");
    let uptime = remote.answer(&["uptime"]);
    assert!(uptime.contains(", 2 users, load average: ") && uptime.lines().count() == 3, "{uptime}");

    fs::write(root.path().join("utmp"), b"").unwrap();
    assert_eq!(remote.answer(&["who"]), "nobody is logged in\n");
    fs::remove_file(root.path().join("utmp")).unwrap();
    let (code, said) = remote.shell.failure(&remote.with(&["who"]));
    assert!(code == 7 && said.contains("the users of the host cannot be read"), "{code}: {said}");
    assert!(remote.answer(&["uptime"]).contains(" up "), "what is known is still told");
}

#[test]
fn uptime_tells_when_the_kernel_started() {
    let shell = Shell::new();
    // The kernel reckons it back from the clock, which may be set meanwhile.
    eventually("the same time of boot", || {
        let stat = fs::read_to_string("/proc/stat").unwrap();
        let seconds = stat.lines().find_map(|line| line.strip_prefix("btime ")).unwrap();
        let date = Command::new("date").args(["-d", &format!("@{seconds}"), "+%F %T %:z"]).output().unwrap();
        let told = shell.answer(&["uptime", "--since"]);
        (told.as_bytes().trim_ascii() == date.stdout.trim_ascii()).then_some(())
    });
    assert!(serde_json::from_str::<Value>(&shell.answer(&["uptime", "-o", "ndjson"])).unwrap()["boot"].is_object());
}

#[test]
fn pressure_is_told_where_the_kernel_measures_it() {
    let shell = Shell::new();
    if fs::read("/proc/pressure/cpu").is_err() {
        let said = shell.fails_with(7, &["pressure"]);
        assert!(said.contains("the pressure of the host cannot be read"), "{said}");
        return;
    }
    let table = shell.answer(&["pressure"]);
    assert!(line(&table, "memory").contains("some"), "{table}");
    let value: Value = serde_json::from_str(&shell.answer(&["pressure", "-o", "json"])).unwrap();
    assert!(value["pressure"]["cpu"]["some"]["total_ns"].as_u64().unwrap() > 0, "{value}");
}

#[test]
fn control_groups_are_a_tree_with_the_group_of_this_process_in_it() {
    let shell = Shell::new();
    let output = shell.run(&["cgroups", "--all", "-w", "10ms", "-o", "json"]);
    if output.status.code() == Some(7) {
        return skip(&String::from_utf8_lossy(&output.stderr));
    }
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!rows.is_empty());
    let first = |rows: &[Value]| rows[0]["path"].as_str().or(rows[0]["v1"][0]["path"].as_str()).unwrap().to_owned();
    assert_eq!(first(&rows), "/");
    assert_eq!(first(&shell.rows(&["cgroups", "/", "--depth", "0", "-w", "10ms"])), "/");
    assert_eq!(shell.rows(&["cgroups", "--flat", "--all", "-n", "1", "-w", "10ms"]).len(), 1);
    let table = shell.answer(&["cgroups", "-w", "10ms", "--sort", "memory", "--ascii"]);
    assert!(table.starts_with("GROUP") && table.lines().nth(1).unwrap().starts_with("/ "), "{table}");

    let partly = shell.run(&["cgroups", "/", "/nosuch", "--depth", "0", "-w", "10ms"]);
    let said = String::from_utf8_lossy(&partly.stderr).into_owned();
    assert!(partly.status.success() && said.contains("there is no control group /nosuch"), "{said}");
    let said = shell.fails_with(1, &["cgroups", "/no\u{1b}such", "-w", "10ms"]);
    assert!(said.contains(r"no control group /no\x1bsuch"), "{said}");
    for wrong in [&["system.slice"][..], &["--sort", "name"], &["-n", "0"], &["--depth", "-1"], &["--ascii", "--flat"]]
    {
        shell.fails_with(2, &[&["cgroups"], wrong].concat());
    }
}

#[test]
fn units_are_listed_or_it_is_said_that_there_is_no_systemd() {
    let shell = Shell::new();
    for wrong in [&["--failed", "--all"][..], &[""], &["--state", ""]] {
        shell.fails_with(2, &[&["units"], wrong].concat());
    }
    // sd_booted(3).
    if !Path::new("/run/systemd/system").is_dir() {
        let said = shell.fails_with(7, &["units"]);
        assert!(said.contains("systemd"), "{said}");
        return;
    }
    let rows = shell.rows(&["units", "--all"]);
    assert!(rows.iter().any(|row| row["name"] == "-.mount" || row["name"] == "init.scope"), "{rows:?}");
    let said = shell.fails_with(1, &["units", "no-such-unit-here"]);
    assert!(said.contains("no-such-unit-here.service"), "{said}");
}

#[test]
fn every_command_about_the_host_answers_in_every_form() {
    let shell = Shell::new();
    let commands: [&[&str]; 7] = [
        &["ifconfig", "--all"],
        &["ifconfig", "--short"],
        &["nettop", "-w", "10ms"],
        &["nettop", "-p", "-a", "-w", "10ms"],
        &["sensors"],
        &["battery"],
        &["uptime"],
    ];
    for command in commands {
        for form in ["table", "wide"] {
            assert!(!shell.answer(&[command, &["-o", form]].concat()).is_empty(), "{command:?}");
        }
        let json: Value = serde_json::from_str(&shell.answer(&[command, &["-o", "json"]].concat())).unwrap();
        let lines = shell.answer(&[command, &["-o", "ndjson"]].concat());
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        match json {
            Value::Array(rows) => assert!(rows.is_empty() == lines.is_empty(), "{command:?}"),
            value => assert_eq!((value.is_object(), lines.len()), (true, 1), "{command:?}"),
        }
        let help = shell.answer(&[command[0], "--help"]);
        assert!(help.lines().next().unwrap().len() > 20, "{help}");
    }
}

#[test]
fn a_reader_over_the_network_is_told_what_it_may_not_see() {
    let remote = Remote::new(Agent::start(), Role::Reader);
    for command in [
        &["ifconfig"][..],
        &["nettop", "-w", "10ms"],
        &["sensors"],
        &["battery"],
        &["uptime"],
        &["ps"],
        &["ps", "--tree"],
        &["tree"],
        &["mem"],
        &["info", &remote.agent.pid().to_string()],
        &["limits", &remote.agent.pid().to_string()],
        &["threads", &remote.agent.pid().to_string()],
    ] {
        assert!(!remote.answer(command).is_empty(), "{command:?}");
    }
    let pid = remote.agent.pid().to_string();
    for (command, what) in [
        (&["files", &pid][..], "open_files"),
        (&["maps", &pid], "memory_map"),
        (&["env", &pid], "environ"),
        (&["netstat"], "inspector"),
        (&["who-listens", "443"], "inspector"),
        (&["files", "--port", "443"], "inspector"),
    ] {
        let (code, said) = remote.shell.failure(&remote.with(command));
        assert_eq!(code, 4, "{command:?}: {said}");
        assert!(said.contains("inspector") && said.replace(' ', "_").contains(what), "{command:?}: {said}");
    }
    // What is left out of a page is named in it, and below it who would see it.
    let output = remote.shell.run(&remote.with(&["info", &pid]));
    let (page, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let redacted = page.lines().find(|line| line.trim_start().starts_with("redacted"));
    assert!(redacted.is_some_and(|line| line.contains("open_files")), "{page}");
    assert!(output.status.success() && said.contains("the role inspector"), "{said}");
}

#[test]
fn nothing_found_is_said_and_exact_processes_can_be_listed() {
    let shell = Shell::new();
    let output = shell.run(&["ps", "--user", "no-such\u{1b}user"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains(r"the host may have no user no-such\x1buser"), "{said}");
    let nothing = shell.run(&["tree", "--name", "no process has this name", "-o", "json"]);
    assert_eq!(nothing.stdout.trim_ascii(), b"[]");
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("no process matches"));

    let victim = Victim::start(&["sleep"]);
    let other = victim.pid().to_string();
    let exact = procwire_tests::reference_of(std::process::id()).to_string();
    let later = format!("{}@{}", own_pid(), u64::MAX);
    for command in ["ps", "mem"] {
        let rows = shell.rows(&[command, &exact]);
        assert_eq!((&rows[0]["pid"], rows.len()), (&Value::from(std::process::id()), 1), "{rows:?}");
        assert_eq!(shell.rows(&[command, &exact, &other]).len(), 2, "{command}");
        assert_eq!(shell.rows(&[command, &later, &other]).len(), 1, "{command}: of several those that are there");
        let said = shell.fails_with(3, &[command, &later]);
        assert!(said.contains(&later), "{said}");
        shell.fails_with(2, &[command, "1@x"]);
    }
}
