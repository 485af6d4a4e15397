//! `system`, `cpu`, `free`, `df` and `iostat` as a person uses them, beside what the host's own tools say.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt as _, process::Command};

use procwire_tests::{Agent, Role, Shell};
use serde_json::Value;

fn value(shell: &Shell, arguments: &[&str]) -> Value {
    serde_json::from_str(&shell.answer(&[arguments, &["-o", "json"]].concat())).unwrap()
}

/// The words of the line that begins with this word.
#[track_caller]
fn words(text: &str, first: &str) -> Vec<String> {
    let mut lines = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let found = lines.find(|words| words.first().is_some_and(|word| word == first));
    found.unwrap_or_else(|| panic!("no line begins with {first} in:\n{text}"))
}

fn meminfo(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    words(&text, &format!("{name}:"))[1].parse().unwrap()
}

/// The numbers of the processors that the kernel has lines for.
fn processors() -> Vec<String> {
    let text = fs::read_to_string("/proc/stat").unwrap();
    let names = text.lines().filter_map(|line| line.split_whitespace().next()?.strip_prefix("cpu"));
    names.filter(|number| !number.is_empty()).map(str::to_owned).collect()
}

/// A folder of its own on the filesystem of the home, and what df says of it: size in bytes.
fn size_by_df(path: &std::path::Path) -> u64 {
    let output = Command::new("df").args(["-B1", "--output=size"]).arg(path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap().trim().parse().unwrap()
}

#[test]
fn free_agrees_with_meminfo_and_takes_the_flags_of_free() {
    let shell = Shell::new();
    let total_kib = meminfo("MemTotal");
    let kibi = shell.answer(&["free", "-k", "-t", "--color", "never"]);
    assert_eq!(words(&kibi, "Mem")[1], total_kib.to_string(), "{kibi}");
    let (memory, swap, total) = (words(&kibi, "Mem"), words(&kibi, "Swap"), words(&kibi, "Total"));
    let number = |text: &str| text.parse::<u64>().unwrap();
    // Rounded down each for itself.
    assert!(number(&total[1]).abs_diff(number(&memory[1]) + number(&swap[1])) <= 1, "{kibi}");
    assert_eq!(words(&shell.answer(&["free", "-m", "-w"]), "Mem")[1], (total_kib / 1024).to_string());
    assert_eq!(words(&shell.answer(&["free", "-b"]), "Mem")[1], (total_kib * 1024).to_string());
    let answer = value(&shell, &["free"]);
    assert_eq!(answer["memory"]["total_bytes"], total_kib * 1024, "{answer}");
    assert!(answer["swap"]["total_bytes"].is_number() && answer.get("disks").is_none(), "{answer}");
    assert!(shell.answer(&["free", "--all"]).contains("AVAILABLE"));
}

#[test]
fn short_h_means_human_to_hands_that_know_free_and_df() {
    let shell = Shell::new();
    assert!(shell.answer(&["free", "-h"]).contains("BUFF/CACHE"));
    assert!(shell.answer(&["df", "-h", "-a"]).contains("MOUNTED ON"));
    for command in ["free", "df"] {
        let help = shell.answer(&[command, "--help"]);
        assert!(help.contains("Usage: procwire") && help.contains("--human"), "{help}");
        assert!(shell.fails_with(2, &[command, "-b", "-k"]).contains("cannot be used with"));
    }
    assert!(shell.answer(&["cpu", "-h"]).contains("Usage: procwire cpu"));
}

#[test]
fn df_agrees_with_df_on_the_filesystem_of_a_path() {
    let shell = Shell::new();
    let size = size_by_df(shell.home());
    let home = shell.home().to_str().unwrap().to_owned();
    let rows = shell.rows(&["df", &home]);
    assert_eq!((rows[0]["path"].as_str(), &rows[0]["usage"]["total_bytes"]), (Some(home.as_str()), &size.into()));
    let rows = shell.rows(&["df", "."]);
    assert_eq!(rows[0]["usage"]["total_bytes"], size, "a relative path is meant from where the person is: {rows:?}");
    assert_eq!(words(&shell.answer(&["df", "-b", &home]), &size.to_string())[4], home);
    let inodes = shell.answer(&["df", "-i", &home]);
    assert!(inodes.contains("IFREE") && inodes.contains(&home), "{inodes}");
}

#[test]
fn df_lists_the_root_once_and_everything_with_all() {
    let shell = Shell::new();
    let places = |arguments: &[&str]| -> Vec<String> {
        shell.rows(arguments).iter().map(|row| row["mount_point"].as_str().unwrap().to_owned()).collect()
    };
    let (usual, all) = (places(&["df"]), places(&["df", "--all"]));
    assert_eq!(usual.iter().filter(|place| *place == "/").count(), 1, "{usual:?}");
    assert!(all.contains(&"/proc".to_owned()) && !usual.contains(&"/proc".to_owned()), "{usual:?} {all:?}");
    assert!(usual.iter().all(|place| all.contains(place)), "{usual:?} {all:?}");
    assert_eq!(places(&["df", "-t", "proc"]).first().map(String::as_str), Some("/proc"));
    assert!(!places(&["df", "--all", "-x", "proc"]).contains(&"/proc".to_owned()));
    assert!(shell.fails_with(1, &["df", "-t", "nosuchfs"]).contains("no filesystem of this type"));
}

#[test]
fn a_path_that_cannot_be_looked_at_is_named_and_keeps_nobody_from_the_others() {
    let shell = Shell::new();
    let said = shell.fails_with(1, &["df", "/no/such/path"]);
    assert!(said.contains("/no/such/path"), "{said}");
    let hostile = shell.path("x").with_file_name(OsStr::from_bytes(b"a\x1b[2J\xff"));
    fs::create_dir(&hostile).unwrap();
    let output = shell.command(&["df", "/no/such/path", "-o", "table"]).arg(&hostile).output().unwrap();
    let (answer, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("/no/such/path"), "{said}");
    assert!(answer.contains(r"a\x1b[2J\xff") && !answer.contains('\u{1b}'), "{answer:?}");
}

#[test]
fn cpu_tells_each_processor_by_its_number() {
    let shell = Shell::new();
    let text = shell.answer(&["cpu", "--all", "--window", "50ms", "--color", "never"]);
    assert_eq!(words(&text, "CPU")[1], "BUSY%", "{text}");
    assert!(words(&text, "all").len() >= 11 && text.contains("context switches"), "{text}");
    for number in processors() {
        assert!(words(&text, &number).len() >= 11, "{text}");
    }
    let times = shell.answer(&["cpu", "-t", "-a"]);
    assert!(times.contains("Time since boot") && !times.contains("BUSY%"), "{times}");
    let answer = value(&shell, &["cpu", "--window", "50ms"]);
    let numbers: Vec<_> =
        answer["cpu"]["cpus"].as_array().unwrap().iter().map(|cpu| cpu["number"].to_string()).collect();
    assert_eq!(numbers, processors());
    let busy = answer["cpu"]["usage"]["busy_ratio"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&busy), "{busy}");
}

#[test]
fn iostat_measures_the_disks_that_are_there_and_names_those_that_are_not() {
    let shell = Shell::new();
    let rows = shell.rows(&["iostat", "--all", "-w", "50ms"]);
    let diskstats = fs::read_to_string("/proc/diskstats").unwrap();
    assert_eq!(rows.len(), diskstats.lines().count(), "{rows:?}");
    for row in &rows {
        assert!(row["rates"].is_object() || row["counters_reset"] == true, "{row}");
    }
    let Some(first) = rows.first() else { return };
    let name = first["name"].as_str().unwrap();
    for more in [&[][..], &["-x"], &["-p"]] {
        let text = shell.answer(&[&["iostat", name, "-w", "50ms"], more].concat());
        assert_eq!(words(&text, "NAME").last().map(String::is_empty), Some(false));
        assert_eq!(text.lines().count(), 2, "{text}");
    }
    let said = shell.fails_with(1, &["iostat", "nosuch\u{1b}disk", "-w", "50ms"]);
    assert!(said.contains(r"nosuch\x1bdisk"), "{said}");
}

#[test]
fn the_page_of_the_host_has_a_section_for_what_every_host_has() {
    let shell = Shell::new();
    let page = shell.answer(&["system", "--window", "50ms", "--color", "never"]);
    for section in ["Processors", "Each processor over", "Memory", "Memory in detail", "Filesystems", "Network"] {
        assert!(page.lines().any(|line| line.starts_with(section)), "{section} is not in:\n{page}");
    }
    let answer = value(&shell, &["system", "--window", "0s"]);
    assert!(answer["mounts"].as_array().is_some_and(|mounts| !mounts.is_empty()), "{answer}");
    assert!(answer["cpu"].get("usage").is_none(), "without a window there are no shares");
    let everything = value(&shell, &["system", "-f", "*", "--window", "0s"]);
    assert!(everything["memory"]["statistics"].is_array() && everything["network"]["protocols"].is_array());
    let alone = shell.answer(&["system", "-f", "network.socket_statistics"]);
    assert!(alone.starts_with("Network: socket statistics\n"), "{alone}");
    assert!(shell.fails_with(2, &["system", "-f", "memroy"]).contains("memroy"));
}

#[test]
fn windows_beyond_what_agents_measure_are_refused_before_anything_is_asked() {
    let shell = Shell::new();
    for command in ["cpu", "iostat"] {
        for window in ["0s", "2m", "1", "x"] {
            let said = shell.fails_with(2, &[command, "--window", window]);
            assert!(said.contains("10ms to 60s"), "{command} {window}: {said}");
        }
    }
}

#[test]
fn a_reader_may_ask_all_of_it_over_the_network_but_paths_begin_at_the_root_there() {
    let (agent, shell) = (Agent::start(), Shell::new());
    let identity = agent.pki.client(Role::Reader);
    for (name, text) in [("me.crt", &identity.certificate_pem), ("me.key", &identity.key_pem)] {
        fs::write(shell.path(name), text).unwrap();
        fs::set_permissions(shell.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let (endpoint, ca) = (agent.endpoint(), agent.path("ca.crt"));
    let connection = ["--endpoint", &endpoint, "--ca", ca.to_str().unwrap(), "--cert", "me.crt", "--key", "me.key"];
    let commands: &[&[&str]] = &[
        &["system", "--window", "50ms"],
        &["cpu", "-a", "--window", "50ms"],
        &["free", "--all"],
        &["df", "-a"],
        &["df", "/"],
        &["iostat", "-x", "--window", "50ms"],
    ];
    for command in commands {
        for form in ["table", "wide", "json", "ndjson"] {
            let text = shell.answer(&[command, &connection[..], &["-o", form]].concat());
            assert!(!text.trim().is_empty(), "{command:?} -o {form}");
        }
    }
    let said = shell.fails_with(2, &[&["df", "here"], &connection[..]].concat());
    assert!(said.contains("here") && said.contains("begins at the root"), "{said}");
}
