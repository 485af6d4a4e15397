//! docs/psutil-map.md is complete, and what it names is there.

use std::{collections::BTreeSet, fs, path::Path};

use procwire_proto::{FieldMask, ProcessFieldSet};

use crate::{assert_none, root};

const FUNCTIONS: &str = "cpu_times cpu_percent cpu_times_percent cpu_count cpu_stats cpu_freq getloadavg virtual_memory swap_memory disk_partitions \
    disk_usage disk_io_counters net_io_counters net_connections net_if_addrs net_if_stats sensors_temperatures sensors_fans sensors_battery \
    boot_time users pids pid_exists process_iter wait_procs heap_info heap_trim bytes2human";
/// `Process.attrs` on Linux.
const ATTRIBUTES: &str = "cmdline cpu_affinity cpu_num cpu_percent cpu_times create_time cwd environ exe gids io_counters ionice memory_footprint \
    memory_info memory_info_ex memory_maps memory_percent name net_connections nice num_ctx_switches num_fds num_threads open_files page_faults \
    pid ppid status terminal threads uids username";
const OTHER_METHODS: &str = "oneshot as_dict parent parents children is_running rlimit memory_full_info connections send_signal suspend resume \
    terminate kill wait";
const EXCEPTIONS: &str = "Error NoSuchProcess ZombieProcess AccessDenied TimeoutExpired";

fn map() -> String {
    fs::read_to_string(root().join("docs/psutil-map.md")).unwrap()
}

/// The tables of a section, row by row, cell by cell.
fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let section = text.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| "));
    lines.map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Names at the beginning of what is quoted in the first cells: `cpu_times(percpu)` is `cpu_times`.
fn first_names(rows: &[Vec<String>]) -> BTreeSet<&str> {
    let names = rows.iter().flat_map(|row| quoted(&row[0]));
    names.map(|name| name.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap()).collect()
}

#[track_caller]
fn assert_all_named(what: &str, names: &str, count: usize, rows: &[Vec<String>]) {
    let named = first_names(rows);
    assert_eq!(names.split_whitespace().count(), count, "{what}");
    let missing = names.split_whitespace().filter(|name| !named.contains(name)).map(ToOwned::to_owned);
    assert_none(&format!("{what} of psutil without a row"), &missing.collect::<Vec<_>>());
}

#[test]
fn all_of_psutil_has_a_row() {
    let text = map();
    assert_all_named("functions", FUNCTIONS, 28, &rows(&text, "Functions of the module"));
    let attributes = rows(&text, "`Process`: attributes");
    assert_all_named("attributes", ATTRIBUTES, 32, &attributes);
    let others = [rows(&text, "`Process`: relations"), rows(&text, "`Process`: control")].concat();
    assert_all_named("methods", OTHER_METHODS, 46 - 31, &others);
    assert_all_named("exceptions", EXCEPTIONS, 5, &rows(&text, "Exceptions"));
}

#[test]
fn every_field_that_is_said_to_answer_an_attribute_can_be_asked_for() {
    let text = map();
    let mut unknown = Vec::new();
    let mut known = 0;
    for row in rows(&text, "`Process`: attributes").iter().skip(1) {
        let mut message = String::new();
        for path in quoted(&row[1]).filter(|path| !path.contains('=')) {
            // ".virtual_bytes" goes on where "memory.resident_bytes" began.
            let path = if path.starts_with('.') { format!("{message}{path}") } else { path.to_owned() };
            message = path.split('.').next().unwrap().to_owned();
            let mask = FieldMask { paths: vec![path.clone()] };
            match ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY) {
                Ok(_) => known += 1,
                Err(_) => unknown.push(path),
            }
        }
    }
    assert!(known >= 32, "{known} fields");
    assert_none("fields that no mask can name", &unknown);
}

#[test]
fn the_checklist_names_files_and_tests_that_are_there() {
    let text = map();
    let rows = rows(&text, "Fifty things");
    let numbers: Vec<_> = rows.iter().filter_map(|row| row[0].parse::<usize>().ok()).collect();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());

    let mut sources = String::new();
    for room in ["proto", "host", "agent", "client", "cli", "tests"] {
        read_sources(&root().join(room), &mut sources);
    }
    let mut faults = Vec::new();
    for row in rows.iter().filter(|row| row[0].parse::<usize>().is_ok()) {
        let [number, _, here, places, tests] = row.as_slice() else { panic!("{row:?} has not five cells") };
        let missing = quoted(places).filter(|place| !root().join(place).exists());
        faults.extend(missing.map(|place| format!("{number}: no file {place}")));
        let missing = quoted(tests).filter(|test| !sources.contains(&format!("fn {test}(")));
        faults.extend(missing.map(|test| format!("{number}: no test {test}")));
        if quoted(tests).next().is_none() && !here.contains("not yet") {
            faults.push(format!("{number}: served and not tested"));
        }
    }
    assert_none("lines that are not true", &faults);
}

fn read_sources(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
