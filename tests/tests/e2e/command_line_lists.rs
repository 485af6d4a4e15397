//! The commands that list processes, as a person uses them: ps, tree, mem, pidof, pgrep.

use std::{collections::BTreeSet, net::TcpListener, os::unix::process::CommandExt as _, process::Command};

use procwire_tests::{Shell, Victim, is_root, programs, waiting::eventually};
use serde_json::Value;

fn pid(row: &Value) -> u32 {
    u32::try_from(row["pid"].as_u64().unwrap()).unwrap()
}

fn set<const N: usize>(victims: [&Victim; N]) -> BTreeSet<u32> {
    victims.iter().map(|victim| victim.pid()).collect()
}

/// The pids below a process, as procps knows them.
fn children_of(pid: u32) -> BTreeSet<u32> {
    let output = Command::new("ps").args(["-o", "pid=", "--ppid", &pid.to_string()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Victims with a name that no other test's have.
fn named(name: &str) -> Victim {
    Victim::named(name.as_bytes(), "sleep").asleep()
}

#[test]
fn options_of_selection_hold_together_and_values_of_one_are_alternatives() {
    let shell = Shell::new();
    let (one, two) = (named("pw-sel-one"), named("pw-sel-two"));
    assert_eq!(shell.pids(&["--name", "pw-sel-one"]), set([&one]));
    assert_eq!(shell.pids(&["--name", "pw-sel-one", "--name", "pw-sel-two"]), set([&one, &two]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-(one|two)$"]), set([&one, &two]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--except", "name=pw-sel-two"]), set([&one]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--pid", &two.pid().to_string()]), set([&two]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--state", "Z"]), set([]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--state", "Z,sleeping"]), set([&one, &two]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--kernel-threads"]), set([]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--newer-than", "1h"]), set([&one, &two]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--older-than", "1h"]), set([]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--min-rss", "1K"]), set([&one, &two]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--min-rss", "1T"]), set([]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--min-fds", "1"]), set([&one, &two]));
    let parent = std::process::id().to_string();
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--parent", &parent]), set([&one, &two]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--under", &parent]), set([&one, &two]));
    let program = programs::victim();
    let program = program.to_str().unwrap();
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--exe", program]), set([&one, &two]));
    let folder = format!("{}/", program.rsplit_once('/').unwrap().0);
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--exe", &folder]), set([&one, &two]));
    assert_eq!(shell.pids(&["--match", "^pw-sel-", "--command", "70772d73656c2d6f6e65 sleep$"]), set([&one]));
}

#[test]
fn users_are_meant_by_name_or_by_number() {
    let shell = Shell::new();
    let victim = named("pw-user");
    let row = &shell.rows(&["ps", &victim.pid().to_string()])[0];
    let uid = row["uids"]["real"].to_string();
    let name = row["username"].as_str().unwrap();
    assert_eq!(shell.pids(&["--name", "pw-user", "--user", &uid]), set([&victim]));
    assert_eq!(shell.pids(&["--name", "pw-user", "--user", name]), set([&victim]));
    assert_eq!(shell.pids(&["--name", "pw-user", "--user", &format!("{name},4294967294")]), set([&victim]));
    assert_eq!(shell.pids(&["--name", "pw-user", "--except", &format!("user={name}")]), set([]));
}

#[test]
fn whoever_holds_a_port_is_found_by_it() {
    let shell = Shell::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let own = BTreeSet::from([std::process::id()]);
    assert_eq!(shell.pids(&["--listening", &port]), own);
    assert_eq!(shell.pids(&["--port", &port]), own);
    drop(listener);
    assert_eq!(shell.pids(&["--listening", &port]), set([]));
}

#[test]
fn a_list_is_put_in_order_and_cut_on_the_host() {
    let shell = Shell::new();
    let victims = [named("pw-sort-b"), named("pw-sort-c"), named("pw-sort-a")];
    let names = |arguments: &[&str]| -> Vec<String> {
        let rows = shell.rows(&[&["ps", "--match", "^pw-sort-"], arguments].concat());
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["--sort", "name"]), ["pw-sort-a", "pw-sort-b", "pw-sort-c"]);
    assert_eq!(names(&["--sort", "name:desc", "-n", "2"]), ["pw-sort-c", "pw-sort-b"]);
    let mut by_pid: Vec<_> = victims.iter().map(Victim::pid).collect();
    by_pid.sort_unstable();
    assert_eq!(shell.rows(&["ps", "--match", "^pw-sort-"]).iter().map(pid).collect::<Vec<_>>(), by_pid);
    for key in ["rss", "pss", "uss", "swap", "vsz", "time", "start", "fds", "threads", "io", "cpu", "user", "oom.score"]
    {
        let table = shell.answer(&["ps", "--match", "^pw-sort-", "--sort", key]);
        assert_eq!(table.lines().count(), 4, "{key}: {table}");
    }
    let said = shell.fails_with(2, &["ps", "--sort", "nonsense"]);
    assert!(said.contains("nonsense"), "{said}");
}

#[test]
fn what_a_list_is_sorted_by_is_shown() {
    let shell = Shell::new();
    let busy = Victim::start(&["--comm", "70772d62757379", "busy"]);
    let pid = busy.pid().to_string();
    // On a crowded host it may have had no turn within the window.
    eventually("a turn on a processor", || {
        let table = shell.answer(&["ps", "--name", "pw-busy", "--sort", "cpu,pss"]);
        let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let (header, row) = (lines.next().unwrap(), lines.next().unwrap());
        assert!(header.contains(&"PSS") && row[0] == pid, "{table}");
        let usage: f64 = row[header.iter().position(|name| *name == "%CPU").unwrap()].parse().unwrap();
        (usage > 0.0).then_some(())
    });
    eventually("a turn on a processor", || {
        let row = &shell.rows(&["ps", "--cpu=200ms", &pid])[0];
        assert!(row["cmdline"].is_array(), "{row}");
        (row["cpu_usage_ratio"].as_f64().unwrap() > 0.0).then_some(())
    });
    eventually("a turn on a processor", || {
        (shell.pids(&["--name", "pw-busy", "--min-cpu", "1%"]) == set([&busy])).then_some(())
    });
}

#[test]
fn threads_have_rows_of_their_own() {
    let shell = Shell::new();
    let victim = Victim::start(&["threads", "5"]);
    let pid = victim.pid().to_string();
    let table = shell.answer(&["ps", "--threads", &pid]);
    assert_eq!(table.lines().filter(|line| line.contains(" worker) ")).count(), 4, "{table}");
    assert_eq!(table.lines().count(), 6, "{table}");
    assert_eq!(shell.rows(&["ps", "--threads", &pid])[0]["threads"].as_array().unwrap().len(), 5);
}

#[test]
fn named_processes_that_are_gone_are_an_error() {
    let shell = Shell::new();
    let victim = named("pw-here");
    let here = victim.pid().to_string();
    let said = shell.fails_with(3, &["ps", "4194304"]);
    assert!(said.contains("4194304"), "{said}");
    shell.fails_with(3, &["mem", "4194304"]);
    shell.fails_with(3, &["tree", "4194304"]);
    shell.fails_with(3, &["ps", "--under", "4194304"]);
    assert_eq!(shell.answer(&["ps", &here, "4194304"]).lines().count(), 2);
    shell.fails_with(2, &["ps", "--match", "("]);
    shell.fails_with(2, &["ps", "--except", "nonsense=1"]);
}

#[test]
fn a_tree_has_children_below_their_parents() {
    let shell = Shell::new();
    let parent = Victim::start(&["--comm", "70772d74726565", "spawn", "3"]);
    let root = parent.pid().to_string();
    let children = eventually("three children", || Some(children_of(parent.pid())).filter(|found| found.len() == 3));
    let drawn = shell.answer(&["tree", &root]);
    let lines: Vec<_> = drawn.lines().collect();
    assert_eq!(lines.len(), 4, "{drawn}");
    assert!(lines[0].starts_with(&format!("{root} pw-tree")), "{drawn}");
    for (line, child) in lines[1..].iter().zip(&children) {
        let stroke = if Some(child) == children.last() { "└─" } else { "├─" };
        assert!(line.starts_with(&format!("{stroke} {child} ")), "{drawn}");
    }
    let ascii = shell.command(&["tree", &root]).env("LC_ALL", "C").output().unwrap();
    assert!(ascii.stdout.is_ascii() && String::from_utf8_lossy(&ascii.stdout).contains("`- "), "{ascii:?}");
    let rows = shell.rows(&["tree", &root, "--args"]);
    assert_eq!(rows.iter().map(|row| row["depth"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 1, 1]);
    assert_eq!(rows[1]["cmdline"][1], "sleep");
    assert_eq!(shell.pids(&["--under", &root]), children);
    let list = shell.answer(&["ps", "--tree", "--parent", &root]);
    assert_eq!(list.lines().count(), 4, "{list}");
}

#[test]
fn the_whole_tree_has_every_process_once() {
    let shell = Shell::new();
    let victims = [named("pw-whole-1"), named("pw-whole-2")];
    let rows = shell.rows(&["tree", "--all"]);
    let pids: Vec<_> = rows.iter().map(pid).collect();
    assert_eq!(pids.iter().collect::<BTreeSet<_>>().len(), pids.len());
    assert!(victims.iter().all(|victim| pids.contains(&victim.pid())));
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row["depth"] != 0) {
        let parent = rows[..index].iter().find(|parent| parent["pid"] == row["ppid"]).unwrap();
        assert_eq!(parent["depth"].as_u64().unwrap() + 1, row["depth"].as_u64().unwrap(), "{row}");
    }
    let drawn = shell.answer(&["tree"]);
    assert!(victims.iter().all(|victim| drawn.contains(&format!(" {} pw-whole", victim.pid()))), "{drawn}");
}

#[test]
fn memory_is_listed_by_what_each_process_holds_alone() {
    let shell = Shell::new();
    let victims = [named("pw-mem-1"), named("pw-mem-2")];
    let pids: Vec<_> = victims.iter().map(|victim| victim.pid().to_string()).collect();
    let table = shell.answer(&["mem", &pids[0], &pids[1]]);
    let lines: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["PID", "USER", "USS", "PSS", "SWAP", "RSS", "COMMAND"], "{table}");
    assert_eq!((lines.len(), lines[3][0], lines[3].last()), (4, "TOTAL", Some(&"processes")), "{table}");
    let rows = shell.rows(&["mem", "--name", "pw-mem-1", "--name", "pw-mem-2"]);
    let held: Vec<_> = rows.iter().map(|row| row["memory_footprint"]["unique_bytes"].as_u64().unwrap()).collect();
    assert!(held.len() == 2 && held[0] >= held[1] && held[1] > 0, "{held:?}");
    assert_eq!(shell.rows(&["mem", "--match", "^pw-mem-", "-n", "1", "--sort", "pss"]).len(), 1);
}

#[test]
fn memory_of_others_is_counted_as_not_readable() {
    if !is_root() {
        // Only root can start it as somebody else.
        return;
    }
    let shell = Shell::new();
    let victim = named("pw-mem-root");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(reachable_copy(&shell));
    command.args(["mem", "--name", "pw-mem-root"]).env("LC_ALL", "C.UTF-8").env("HOME", "/");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("1 process not readable (permission denied); run as root"), "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(shell.path("procwire"));
    let output = command.args(["pidof", "/pw/no/such/program"]).env("HOME", "/").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("left out"), "{said}");
    drop(victim);
}

/// A copy of the tool that everybody may run.
fn reachable_copy(shell: &Shell) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(shell.home(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = shell.path("procwire");
    programs::copy(&programs::procwire(), &copy);
    copy
}

#[test]
fn pidof_knows_programs_by_name_by_file_and_by_path() {
    let shell = Shell::new();
    let renamed = {
        let mut command = Command::new(programs::victim());
        command.arg0("/opt/of place/pw-pidof.x").args(["--comm", "70772d636f6d6d", "sleep"]);
        Victim::start_command(command)
    };
    let pid = format!("{}\n", renamed.pid());
    for name in ["pw-comm", "pw-pidof.x", "/opt/of place/pw-pidof.x"] {
        assert_eq!(shell.answer(&["pidof", name]), pid, "{name}");
    }
    let program = std::fs::canonicalize(programs::victim()).unwrap();
    let by_program = shell.answer(&["pidof", program.to_str().unwrap()]);
    assert!(by_program.split_whitespace().any(|found| found == pid.trim_end()), "{by_program}");
    assert_eq!(shell.fails_with(1, &["pidof", "pw-pidofxx"]), "");
    assert_eq!(shell.fails_with(1, &["pidof", "pw-pidof"]), "");
    shell.fails_with(2, &["pidof"]);
    let other = named("pw-comm");
    let mut both = [renamed.pid(), other.pid()];
    both.sort_unstable();
    assert_eq!(shell.answer(&["pidof", "pw-comm"]), format!("{} {}\n", both[0], both[1]));
    assert_eq!(shell.rows(&["pidof", "pw-comm", "pw-nobody"]).len(), 2);
    let nobody = shell.run(&["pidof", "pw-nobody", "-o", "json"]);
    assert_eq!((nobody.status.code(), nobody.stdout.as_slice()), (Some(1), &b"[]\n"[..]));
}

#[test]
fn pidof_leaves_zombies_out_and_pgrep_tells_them() {
    let shell = Shell::new();
    let name = "pw-pidof-z";
    // The outer one sleeps on and never waits for its child.
    let mut parent =
        Command::new("sh").args(["-c", "sh -c 'printf pw-pidof-z > /proc/$$/comm' & exec sleep 600"]).spawn().unwrap();
    let zombie = eventually("the zombie", || shell.pids(&["--name", name, "--state", "Z"]).first().copied());
    assert_eq!(shell.fails_with(1, &["pidof", name]), "");
    assert_eq!(shell.answer(&["pgrep", "-P", &parent.id().to_string(), name]), format!("{zombie}\n"));
    parent.kill().unwrap();
    parent.wait().unwrap();
}

#[test]
fn mem_shows_a_thread_of_the_kernel_only_if_it_is_named() {
    let shell = Shell::new();
    let Some(thread) = shell.pids(&["--kernel-threads", "--limit", "1"]).first().copied() else {
        return; // a container has none
    };
    assert_eq!(shell.rows(&["mem", &thread.to_string()]).len(), 1);
    assert!(shell.rows(&["mem"]).iter().all(|row| row["pid"] != thread));
}

#[test]
fn pgrep_prints_pids_and_never_itself() {
    let shell = Shell::new();
    let first = named("pw-grep-1");
    let second = named("pw-grep-2");
    let (one, two) = (first.pid(), second.pid());
    assert_eq!(shell.answer(&["pgrep", "pw-grep-1"]), format!("{one}\n"));
    let both = shell.answer(&["pgrep", "^pw-grep-", "-d", ","]);
    assert_eq!(both.trim_end().split(',').collect::<BTreeSet<_>>().len(), 2, "{both}");
    assert_eq!(shell.answer(&["pgrep", "-l", "-x", "pw-grep-[1]"]), format!("{one} pw-grep-1\n"));
    shell.fails_with(1, &["pgrep", "-x", "pw-grep"]);
    assert!(shell.answer(&["pgrep", "-a", "pw-grep-2"]).starts_with(&format!("{two} ")));
    assert_eq!(shell.answer(&["pgrep", "-c", "^pw-grep-"]), "2\n");
    // Both may have started within one tick; then the pid decides.
    assert_eq!(shell.answer(&["pgrep", "-n", "^pw-grep-"]), format!("{two}\n"));
    assert_eq!(shell.answer(&["pgrep", "--oldest", "^pw-grep-"]), format!("{one}\n"));
    assert_eq!(shell.answer(&["pgrep", "--name", "pw-grep-1"]), format!("{one}\n"));
    assert_eq!(shell.fails_with(1, &["pgrep", "-f", "pgrep -f pw-only-in-this-command"]), "");
    assert_eq!(shell.fails_with(1, &["pgrep", "-c", "pw-nobody-has-this"]), "");
    assert!(shell.fails_with(2, &["pgrep"]).contains("REGEX"));
    assert!(shell.fails_with(2, &["pgrep", "("]).contains("regex"));
    assert_eq!(shell.rows(&["pgrep", "^pw-grep-"]).len(), 2);
}

#[test]
fn hostile_names_are_shown_and_not_obeyed_by_any_list() {
    let shell = Shell::new();
    let victim = Victim::named(b")\n\x1b[2Jpw", "sleep");
    let pid = victim.pid().to_string();
    for arguments in [
        &["ps", &pid][..],
        &["ps", "--tree", "--name", ")\n\u{1b}[2Jpw"],
        &["ps", "--threads", &pid],
        &["tree", &pid],
        &["tree", &pid, "--args"],
        &["mem", &pid],
        &["pgrep", "-l", "J.*pw$"],
        &["pgrep", "-a", "J.*pw$"],
    ] {
        let shown = shell.answer(arguments);
        assert!(!shown.contains('\u{1b}') && shown.contains(&pid), "{arguments:?}: {shown:?}");
        let lines = shown.lines().filter(|line| !line.starts_with(' ') || line.contains(&pid)).count();
        assert!(lines <= 3, "{arguments:?}: {shown:?}");
    }
    assert!(shell.answer(&["tree", &pid]).contains(r")\n\x1b[2Jpw"));
    assert_eq!(shell.answer(&["pidof", ")\n\u{1b}[2Jpw"]), format!("{pid}\n"));
}
