//! The commands about one process, as a person uses them. The process that they look at is often this one:
//! what it has open is known here.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File},
    io::Write as _,
    net::TcpListener,
    os::{
        fd::AsRawFd as _,
        unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, process::CommandExt as _},
    },
    process::{Command, Stdio},
};

use procwire_tests::{NOBODY, Shell, Victim, is_root, programs, waiting::eventually};
use serde_json::Value;

use crate::command_line_sockets::inode;

pub(crate) fn own_pid() -> String {
    std::process::id().to_string()
}

/// The row of a table that has this word.
#[track_caller]
pub(crate) fn line<'text>(table: &'text str, word: &str) -> &'text str {
    let found = table.lines().find(|line| line.split_whitespace().any(|other| other == word));
    found.unwrap_or_else(|| panic!("no line with {word:?} in:\n{table}"))
}

#[test]
fn info_shows_a_process_in_sections_and_everything_when_asked() {
    let shell = Shell::new();
    let mut command = Command::new(programs::victim());
    command.args(["threads", "9"]).env_clear().env("PW_ODD", "a\n\x1b[2Jb").arg0("odd\x1b]0;x\x07server");
    let victim = Victim::start_command(command).asleep();
    let pid = victim.pid().to_string();
    let page = shell.answer(&["info", &pid]);
    for wanted in [
        "(S)",
        "Rights\n",
        "Processor\n",
        "Memory\n",
        "Place\n",
        "Limits\n",
        "Open files (",
        "Threads (9)\n",
        "more (--all)",
    ] {
        assert!(page.contains(wanted), "{wanted:?} is not in:\n{page}");
    }
    assert!(page.contains(r"odd\x1b]0;x\x07server"), "{page}");
    let ancestors = page.lines().find(|line| line.trim_start().starts_with("ancestors")).unwrap();
    let (_, parent) = ancestors.rsplit_once(" > ").unwrap();
    assert!(parent.starts_with(&format!("{} {}", own_pid(), own_name())), "{ancestors}");
    assert!(!page.contains("PW_ODD"), "the environment is not asked for: {page}");

    let whole = shell.answer(&["info", &pid, "--all"]);
    for wanted in ["Environment (1)\n", r"a\n\x1b[2Jb", "Mapped memory (", "its own (USS)", "worker) 8"] {
        assert!(whole.contains(wanted), "{wanted:?} is not in:\n{whole}");
    }
    assert!(!whole.contains("--all"), "{whole}");

    let row: Value = serde_json::from_str(&shell.answer(&["info", &pid, "--all", "-o", "json"])).unwrap();
    assert_eq!(row["environ"][0]["value"], "a\n\u{1b}[2Jb", "{row}");
    assert_eq!(row["threads"].as_array().unwrap().len(), 9);
    let page = shell.answer(&["info", &pid, "--fields", "name,memory.resident_bytes"]);
    assert!(page.contains("resident") && !page.contains("Threads"), "{page}");
}

/// As the kernel cuts it.
pub(crate) fn own_name() -> String {
    fs::read_to_string("/proc/self/comm").unwrap().trim_end().to_owned()
}

#[test]
fn children_are_named_with_their_parent() {
    let shell = Shell::new();
    let parent = Victim::start(&["spawn", "8"]);
    let page = shell.answer(&["info", &parent.pid().to_string()]);
    let children = page.lines().find(|line| line.trim_start().starts_with("children")).unwrap();
    assert_eq!(children.matches("procwire-victim").count(), 6, "{children}");
    assert!(children.ends_with(" ... and 2 more (--all)"), "{children}");
}

#[test]
fn every_command_about_a_process_means_that_process_and_no_later_one_with_its_pid() {
    let shell = Shell::new();
    let victim = Victim::start(&["sleep"]);
    let exact = victim.reference().to_string();
    let another = format!("{}@{}", victim.pid(), victim.reference().start_ticks + 1);
    for command in ["info", "files", "maps", "env", "limits", "threads"] {
        shell.answer(&[command, &exact]);
        let said = shell.fails_with(3, &[command, &another]);
        assert!(said.contains(&another), "{command}: {said}");
        shell.fails_with(3, &[command, "4194304"]);
        shell.fails_with(2, &[command, "x"]);
    }
}

#[test]
fn a_zombie_says_how_it_ended_and_why_the_rest_is_absent() {
    let shell = Shell::new();
    let victim = Victim::start(&["zombie", "7"]);
    let pid = victim.named_pid().to_string();
    let page = shell.answer(&["info", &pid]);
    assert!(page.contains("zombie (Z): "), "{page}");
    let (_, absent) = page.split_once("Not readable\n").unwrap_or_else(|| panic!("{page}"));
    assert!(absent.contains("zombie  ") && absent.contains("exe"), "{page}");
    let said = shell.fails_with(3, &["env", &pid]);
    assert!(said.contains("the environ of process") && said.contains("zombie"), "{said}");
}

#[test]
fn a_kernel_thread_has_little_and_that_is_no_error() {
    if fs::read("/proc/2/comm").is_ok_and(|name| name != b"kthreadd\n") || !is_root() {
        // A pid namespace has no kernel threads, and others than root see less of them.
        return;
    }
    let shell = Shell::new();
    assert!(shell.answer(&["info", "2"]).contains("kernel thread"));
    let output = shell.run(&["maps", "2"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert_eq!(shell.rows(&["maps", "2"]), Vec::<Value>::new());
}

#[test]
fn files_show_every_descriptor_of_this_process_and_what_hides_in_names_does_not_act() {
    let shell = Shell::new();
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let odd = folder.path().join(OsStr::from_bytes(b"odd\n\x1b[2J\xff"));
    let mut file = File::options().create(true).truncate(true).write(true).open(&kept).unwrap();
    file.write_all(&[0; 3000]).unwrap();
    let removed = File::create(&odd).unwrap();
    fs::remove_file(&odd).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();

    let table = shell.answer(&["files", &own_pid()]);
    let row = line(&table, &format!("{}w", file.as_raw_fd()));
    assert_eq!(row.split_whitespace().skip(1).take(3).collect::<Vec<_>>(), ["REG", "2.9K", "2.9K"], "{row}");
    assert!(row.ends_with(kept.to_str().unwrap()), "{row}");
    let row = line(&table, &format!("{}w", removed.as_raw_fd()));
    assert!(row.ends_with(r"odd\n\x1b[2J\xff (deleted)"), "{row}");
    let row = line(&table, &format!("{}u", listener.as_raw_fd()));
    assert!(row.ends_with(&format!("127.0.0.1:{port} (LISTEN)")), "{row}");
    assert!(line(&table, "cwd").contains("DIR") && line(&table, "txt").contains("REG"));

    let rows = shell.rows(&["files", &own_pid()]);
    let of = |descriptor: i32| rows.iter().find(|row| row["file"]["fd"] == descriptor).unwrap();
    assert_eq!(of(listener.as_raw_fd())["socket"]["inode"], inode(&listener));
    assert_eq!(of(removed.as_raw_fd())["file"]["deleted"], true);
    assert!(of(removed.as_raw_fd())["file"]["path_base64"].is_string());
    assert_eq!(of(file.as_raw_fd())["file"]["position_bytes"], 3000);

    let only = |arguments: &[&str]| -> BTreeSet<i64> {
        let rows = shell.rows(&[&["files", &own_pid()], arguments].concat());
        rows.iter().filter_map(|row| row["file"]["fd"].as_i64()).collect()
    };
    let (file, removed, listener) = (file.as_raw_fd().into(), removed.as_raw_fd().into(), listener.as_raw_fd().into());
    let deleted = only(&["--deleted"]);
    assert!(deleted.contains(&removed) && !deleted.contains(&file) && !deleted.contains(&listener), "{deleted:?}");
    let sockets = only(&["--kind", "socket"]);
    assert!(sockets.contains(&listener) && !sockets.contains(&file), "{sockets:?}");
    let below = only(&["--path", folder.path().to_str().unwrap()]);
    assert_eq!(below, BTreeSet::from([file, removed]));
}

#[test]
fn a_path_finds_everybody_who_holds_something_below_it() {
    let shell = Shell::new();
    let folder = tempfile::tempdir().unwrap();
    let held = File::create(folder.path().join("held")).unwrap();
    let mut command = Command::new(programs::victim());
    let victim = Victim::start_command({
        command.arg("sleep").current_dir(folder.path());
        command
    });
    let rows = shell.rows(&["files", "--path", folder.path().to_str().unwrap()]);
    let found =
        |pid: u32, held_as: &str| rows.iter().any(|row| row["process"]["pid"] == pid && row["held_as"] == held_as);
    assert!(found(std::process::id(), "fd") && found(victim.pid(), "cwd"), "{rows:?}");
    drop(held);
    let output = shell.run(&["files", "--path", folder.path().to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("processes looked into in "), "{output:?}");
    let said = shell.fails_with(2, &["files", "--path", "relative"]);
    assert!(said.contains("relative"), "{said}");
    shell.fails_with(2, &["files"]);
}

#[test]
fn several_processes_are_named_in_their_rows_and_one_that_is_gone_does_not_hide_the_others() {
    let shell = Shell::new();
    let victim = Victim::start(&["sleep"]);
    let output = shell.run(&["files", &own_pid(), "4194304", &victim.pid().to_string()]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("PROGRAM"), "{table}");
    for pid in [own_pid(), victim.pid().to_string()] {
        line(&table, &pid);
    }
    assert!(String::from_utf8_lossy(&output.stderr).contains("4194304"));
}

/// All amounts of a kind in smaps, in bytes.
fn smaps_sum(pid: u32, name: &str) -> u64 {
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let lines = smaps.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    lines.map(|line| line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024).sum()
}

#[test]
fn maps_add_up_to_what_the_kernel_says() {
    let shell = Shell::new();
    let victim = Victim::start(&["sleep"]).asleep();
    let pid = victim.pid().to_string();
    let sum = |rows: &[Value], name: &str| rows.iter().map(|row| row[name].as_u64().unwrap()).sum::<u64>();
    let dirty = || smaps_sum(victim.pid(), "Private_Dirty");
    let before = dirty();
    let groups = shell.rows(&["maps", &pid]);
    let each = shell.rows(&["maps", &pid, "--each"]);
    let after = dirty();
    for rows in [&groups, &each] {
        assert_eq!(sum(rows, "size_bytes"), smaps_sum(victim.pid(), "Size"));
        // A process asleep still loses pages when memory is short.
        let told = sum(rows, "private_dirty_bytes");
        assert!((before.min(after)..=before.max(after)).contains(&told), "{told}, {before} before and {after} after");
    }
    let lines = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap().lines().count();
    assert_eq!(each.len(), lines);
    let sorted = |rows: &[Value], name: &str| rows.windows(2).all(|two| two[0][name].as_u64() >= two[1][name].as_u64());
    assert!(sorted(&groups, "resident_bytes"), "{groups:?}");
    assert!(sorted(&shell.rows(&["maps", &pid, "--sort", "size"]), "size_bytes"));
    assert!(each.windows(2).all(|two| two[0]["start_address"].as_u64() < two[1]["start_address"].as_u64()));

    let table = shell.answer(&["maps", &pid, "--limit", "3"]);
    assert_eq!(table.lines().count(), 5, "names of columns, three rows, total: {table}");
    assert!(table.lines().last().unwrap().ends_with(" total"), "{table}");
    let table = shell.answer(&["maps", &pid, "--each"]);
    assert!(table.contains(" r-xp ") && table.contains("[stack]"), "{table}");
}

#[test]
fn the_environment_keeps_its_order_and_its_bytes() {
    let shell = Shell::new();
    let mut command = Command::new(programs::victim());
    command.arg("sleep").env_clear().env("B", "two\n\x1b[31mlines").env("A", "").env("PATH", "/bin");
    command.env("LATIN", OsStr::from_bytes(b"caf\xe9"));
    let victim = Victim::start_command(command);
    let pid = victim.pid().to_string();
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let raw = shell.run(&["env", &pid, "--null"]);
    assert_eq!(raw.stdout, bytes, "{raw:?}");

    let names: Vec<_> = bytes
        .split(|byte| *byte == 0)
        .filter(|variable| !variable.is_empty())
        .map(|variable| String::from_utf8_lossy(variable).split('=').next().unwrap().to_owned())
        .collect();
    let text = shell.answer(&["env", &pid]);
    assert_eq!(text.lines().map(|line| line.split('=').next().unwrap()).collect::<Vec<_>>(), names);
    for wanted in [r"B=two\n\x1b[31mlines", "A=", "PATH=/bin", r"LATIN=caf\xe9"] {
        assert!(text.lines().any(|line| line == wanted), "{wanted:?}: {text}");
    }
    assert_eq!(shell.answer(&["env", &pid, "PATH"]), "PATH=/bin\n");
    shell.fails_with(1, &["env", &pid, "NOT_THERE"]);
    let rows = shell.rows(&["env", &pid, "LATIN"]);
    assert_eq!(rows[0]["value_base64"], "Y2Fm6Q==", "{rows:?}");
}

#[test]
fn limits_are_those_of_the_kernel_with_what_is_used_beside_them() {
    let shell = Shell::new();
    let rows = shell.rows(&["limits", &own_pid()]);
    assert_eq!(rows.len(), 16, "{rows:?}");
    let told = fs::read_to_string("/proc/self/limits").unwrap();
    let told: Vec<_> =
        told.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap().split_whitespace().collect();
    let row = rows.iter().find(|row| row["resource"] == "nofile").unwrap();
    assert_eq!(row["soft"]["limit"].to_string(), told[0]);
    assert!(row["used"].as_u64().unwrap() > 0, "{row}");
    let table = shell.answer(&["limits", &own_pid()]);
    let nofile: Vec<_> = line(&table, "nofile").split_whitespace().collect();
    assert_eq!(&nofile[..3], ["nofile", told[0], told[1]]);
    assert!(line(&table, "nproc").ends_with("threads of its user"), "{table}");
    assert!(table.contains("unlimited"), "{table}");
}

#[test]
fn threads_have_names_and_their_use_is_measured_when_asked() {
    let shell = Shell::new();
    let victim = Victim::start(&["threads", "5"]);
    let rows = shell.rows(&["threads", &victim.pid().to_string()]);
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names[1..], ["worker) 1", "worker) 2", "worker) 3", "worker) 4"]);
    assert!(rows.iter().all(|row| row.get("cpu_usage_ratio").is_none()), "{rows:?}");

    let busy = Victim::start(&["busy"]);
    let pid = busy.pid().to_string();
    eventually("the busy thread to get a processor", || {
        let rows = shell.rows(&["threads", &pid, "--cpu", "100ms"]);
        assert!(rows.iter().all(|row| row["cpu_usage_ratio"].as_f64().unwrap() >= 0.0), "{rows:?}");
        (rows[0]["cpu_usage_ratio"].as_f64() > Some(0.0) && rows[0]["thread_id"] == busy.pid()).then_some(())
    });
    let table = shell.answer(&["threads", &pid, "--cpu", "10ms"]);
    assert!(table.lines().next().unwrap().contains("%CPU"), "{table}");
}

#[test]
fn what_another_user_may_not_see_is_refused_with_advice() {
    // Where another user can run it: pid 1 is root's wherever the tests run.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("procwire");
    programs::copy(&programs::procwire(), &copy);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&copy);
        command.args(arguments).env_clear().env("HOME", folder.path()).current_dir(folder.path()).stdin(Stdio::null());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), said)
    };
    for command in ["env", "files", "maps"] {
        let (code, _, said) = run(&[command, "1"]);
        assert_eq!(code, Some(4), "{command}: {said}");
        assert!(said.contains("permission denied; run as root"), "{command}: {said}");
    }
    let (code, page, said) = run(&["info", "1"]);
    assert_eq!(code, Some(0), "{said}");
    let (_, absent) = page.split_once("Not readable\n").unwrap();
    assert!(absent.contains("permission denied") && absent.contains("exe") && absent.contains("cwd"), "{page}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (code, table, said) = run(&["who-listens", &port]);
    assert_eq!(code, Some(0), "somebody listens, even if it cannot be told who: {said}");
    assert!(table.contains(&format!("127.0.0.1:{port}")), "{table}");
    if is_root() {
        assert!(!table.contains(&own_pid()) && said.contains("could not be read"), "{table}{said}");
    }
}
