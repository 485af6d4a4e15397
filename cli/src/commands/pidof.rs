//! `procwire pidof NAME`

use std::{
    ffi::OsString,
    io::Write as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser as _},
};
use procwire_client::v1::{BytesMatch, Process, ProcessFilter, ProcessPredicate, ProcessState, bytes_match::Match};
use procwire_proto::json;

use super::{listing, rows::write_rows};
use crate::{connection::Connection, error::CliError, exit::Exit, output::Output, selectors::SelectorArgs};

/// Longest regular expression that an agent takes.
const LONGEST_REGEX_BYTES: usize = 1024;

/// Which programs, as typed.
#[derive(Debug, Args)]
#[command(after_help = "Prints the pids on one line, lowest first. Exit code 1: there is none.")]
pub(crate) struct PidofArgs {
    /// Name of the process, or of the program in its first argument, with or without its path; or the path of its program
    #[arg(value_name = "NAME", required = true, value_parser = OsStringValueParser::new().try_map(not_empty))]
    names: Vec<Vec<u8>>,
}

/// Prints the pids of the processes that run a program.
pub(crate) async fn run(args: &PidofArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let allow: Vec<_> = args.names.iter().flat_map(|name| predicates(name)).collect();
    // A zombie runs nothing any more, and who signals what is printed here does not mean it.
    let zombies = ProcessPredicate { states: vec![ProcessState::Zombie.into()], ..ProcessPredicate::default() };
    let filter = listing::without_self(Some(ProcessFilter { allow, deny: vec![zombies] }), connection);
    let request = listing::filtered_request(filter, &SelectorArgs::default(), &[], None, connection);
    let has_path = args.names.iter().any(|name| name.contains(&b'/'));
    let fields = ["pid", "ref", "name", "cmdline"].into_iter().chain(has_path.then_some("exe"));
    let list = request.fields(fields).await?;
    let runs_one = |process: &&Process| args.names.iter().any(|name| runs(process, name));
    let found: Vec<&Process> = list.processes.iter().filter(runs_one).collect();
    if !out.is_for_people() {
        write_rows(out, found.iter().map(|process| json::to_json(*process)))?;
    } else if !found.is_empty() {
        let pids: Vec<_> = found.iter().map(|process| process.pid.to_string()).collect();
        writeln!(out.answer, "{}", pids.join(" "))?;
    }
    // Whose program is kept from whoever asks may be one that was looked for.
    if found.is_empty() && has_path {
        listing::note_unjudged(&list.summary, &SelectorArgs::default(), connection, out)?;
    }
    Ok(if found.is_empty() { Exit::Failed } else { Exit::Success })
}

/// As pidof(8): the name, or the last component of the first argument; a name with a path is the first argument itself, or the
/// program that runs, whatever it calls itself.
fn runs(process: &Process, wanted: &[u8]) -> bool {
    let first = process.cmdline.first().map_or(&b""[..], Vec::as_slice);
    let last_component = first.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    process.name.as_deref() == Some(wanted)
        || first == wanted
        || last_component == wanted
        || process.exe.as_deref() == Some(wanted)
}

/// What the agent can decide: it does not know where the first argument ends, so these let a few too many pass.
fn predicates(name: &[u8]) -> Vec<ProcessPredicate> {
    let exact = BytesMatch { r#match: Some(Match::Exact(name.to_vec())) };
    let regex = format!("(?s-u)^(?:.*/)?{}(?: |$)", escaped(name));
    let regex = if regex.len() > LONGEST_REGEX_BYTES { String::from("^") } else { regex };
    let mut predicates = vec![
        ProcessPredicate { name: Some(exact.clone()), ..ProcessPredicate::default() },
        ProcessPredicate {
            cmdline: Some(BytesMatch { r#match: Some(Match::Regex(regex)) }),
            ..ProcessPredicate::default()
        },
    ];
    if name.starts_with(b"/") {
        predicates.push(ProcessPredicate { exe: Some(exact), ..ProcessPredicate::default() });
    }
    predicates
}

/// Bytes as a regular expression that matches them and nothing else.
fn escaped(bytes: &[u8]) -> String {
    let mut regex = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'/' => regex.push(char::from(*byte)),
            _ => regex.push_str(&format!("\\x{byte:02x}")),
        }
    }
    regex
}

fn not_empty(name: OsString) -> Result<Vec<u8>, &'static str> {
    if name.as_bytes().is_empty() { Err("a program has a name") } else { Ok(name.into_vec()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &[u8], cmdline: &[&[u8]]) -> Process {
        let cmdline = cmdline.iter().map(|argument| argument.to_vec()).collect();
        Process { name: Some(name.to_vec()), cmdline, ..Process::default() }
    }

    #[test]
    fn a_program_goes_by_name_by_its_last_component_and_by_its_path() {
        let process = Process {
            exe: Some(b"/usr/bin/python3.12".to_vec()),
            ..process(b"python3.12", &[b"/usr/bin my/python3", b"python"])
        };
        for name in [&b"python3.12"[..], b"python3", b"/usr/bin my/python3", b"/usr/bin/python3.12"] {
            assert!(runs(&process, name), "{}", name.escape_ascii());
        }
        for name in [&b"python"[..], b"bin", b"/python3", b"python3.1"] {
            assert!(!runs(&process, name), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn bytes_of_any_kind_are_taken_literally() {
        assert_eq!(escaped(b"a.b*\xff \n)"), r"a\x2eb\x2a\xff\x20\x0a\x29");
    }

    #[test]
    fn a_name_too_long_for_an_expression_is_judged_here() {
        let matches = predicates(&[b'.'; 400]).into_iter().find_map(|predicate| predicate.cmdline?.r#match);
        assert_eq!(matches, Some(Match::Regex("^".to_owned())));
    }
}
