//! `procwire cgroups`

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    time::Duration,
};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser as _},
};
use procwire_client::{
    CgroupList, ListCgroups,
    v1::{Cgroup, FieldError, ListCgroupsSummary, SampleTime},
};
use procwire_proto::{escape, json};

use super::{one_host, rows::write_rows};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::{
        cgroups::{Group, Order, Shape, cgroup_table, choose, is_empty},
        process::branches::Strokes,
    },
};

/// What the table shows.
const FIELDS: [&str; 15] = [
    "path",
    "v1",
    "cpu.used_cpus",
    "cpu.limit_cpus",
    "cpu.effective_limit_cpus",
    "cpu.periods",
    "cpu.throttled_periods",
    "memory.usage_bytes",
    "memory.limit_bytes",
    "memory.effective_limit_bytes",
    "memory.oom_kills",
    "io",
    "pids",
    "pressure",
    "populated",
];

/// What is compared with how it was before the window.
const COUNTERS: [&str; 6] = ["path", "v1", "cpu.periods", "cpu.throttled_periods", "memory.oom_kills", "io"];

/// Which control groups to show, as typed.
#[derive(Debug, Args)]
#[command(after_help = "\
CPU%     processor time used: 100 is one processor; beside it its limit
MEMORY   with the page cache that it filled; beside it its limit
WAITS    what its tasks waited for most, and in how much of the last ten seconds
What a group uses includes what those below it use.")]
pub(crate) struct CgroupsArgs {
    /// Only these groups and those below them: /system.slice, also as /sys/fs/cgroup/system.slice
    #[arg(value_name = "PATH", value_parser = OsStringValueParser::new().try_map(|path| parse_path(&path)))]
    paths: Vec<OsString>,
    /// Measure over this time
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = one_host::parse_window)]
    window: Duration,
    /// Order; a tree has siblings in it
    #[arg(short, long, value_name = "BY", default_value = "cpu")]
    sort: Order,
    /// Only so many groups, those first in this order; in a tree with those above them
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Only so many levels below the groups named; 0: those alone
    #[arg(short, long, value_name = "N")]
    depth: Option<u32>,
    /// No tree: one order for all, with whole paths
    #[arg(short, long)]
    flat: bool,
    /// Groups without processes too
    #[arg(short, long)]
    all: bool,
    /// Draw with characters of ASCII, as in a locale without UTF-8
    #[arg(long, conflicts_with = "flat")]
    ascii: bool,
}

/// Shows control groups and what they use.
pub(crate) async fn run(args: &CgroupsArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let before = request(args, connection).fields(COUNTERS).await?;
    let mut list = request(args, connection).usage_window(args.window);
    if out.is_for_people() {
        list = list.fields(FIELDS.into_iter().chain(["frozen"]));
    }
    let list = list.await?;
    require_some(args, &list)?;

    let seconds = seconds_between(before.header.sampled.as_ref(), list.header.sampled.as_ref());
    let known: BTreeMap<_, _> = before.cgroups.iter().map(|cgroup| (key(cgroup), cgroup)).collect();
    let (shown, left_out): (Vec<&Cgroup>, Vec<&Cgroup>) =
        list.cgroups.iter().partition(|cgroup| args.all || is_named(&args.paths, cgroup) || !is_empty(cgroup));
    let groups = shown.into_iter().map(|now| Group { now, before: known.get(&key(now)).copied(), seconds }).collect();
    let shape = if args.flat { Shape::Flat } else { Shape::Tree };
    let chosen = choose(groups, args.sort, shape, args.depth.map(whole), args.limit.map(whole));

    if out.is_for_people() {
        cgroup_table(&chosen, shape, Strokes::of_locale(args.ascii), out.width).write(&mut out.answer, out.width)?;
        if !left_out.is_empty() {
            let noun = if left_out.len() == 1 { "group" } else { "groups" };
            out.note(&format!("{} {noun} without processes left out: --all shows all", left_out.len()))?;
        }
    } else {
        write_rows(out, chosen.iter().map(|one| json::to_json(one.group.now)))?;
    }
    note_summary(&list.summary, out)?;
    Ok(Exit::Success)
}

fn request(args: &CgroupsArgs, connection: &Connection) -> ListCgroups {
    let mut request = connection.client.system().cgroups().paths(&args.paths);
    if args.depth != Some(0) {
        request = request.descendants();
    }
    match connection.timeout {
        Some(timeout) => request.timeout(timeout),
        None => request,
    }
}

/// A path of the tree, also as it is seen below the place where the tree is mounted.
fn parse_path(path: &OsStr) -> Result<OsString, &'static str> {
    let bytes = path.as_bytes();
    let below = bytes.strip_prefix(b"/sys/fs/cgroup").filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
    let mut path = below.unwrap_or(bytes);
    if below.is_none() && !path.starts_with(b"/") {
        return Err("a control group goes by its path, from / on: /system.slice");
    }
    while let Some(shorter) = path.strip_suffix(b"/") {
        path = shorter;
    }
    Ok(OsStr::from_bytes(if path.is_empty() { b"/" } else { path }).to_owned())
}

/// An error if groups were named and none of them is there.
fn require_some(args: &CgroupsArgs, list: &CgroupList) -> Result<(), CliError> {
    if args.paths.is_empty() || !list.cgroups.is_empty() {
        return Ok(());
    }
    let named: Vec<_> = args.paths.iter().map(|path| escape::terminal(path.as_bytes())).collect();
    Err(CliError::NothingFound(format!("no control group {}", named.join(", "))))
}

fn note_summary(summary: &ListCgroupsSummary, out: &mut Output) -> Result<(), CliError> {
    for error in &summary.errors {
        out.note(&in_words(error))?;
    }
    Ok(())
}

/// What is missing from the list, by name: a group, or for some errors only what happened.
fn in_words(error: &FieldError) -> String {
    let happened = match error.detail.as_str() {
        "" => error.reason().as_words(),
        detail => detail.to_owned(),
    };
    // "there is no control group /a" names it already, and is what a user sees of an error without a group.
    let said = match error.path.as_str() {
        "" => happened,
        path if happened.contains(path) => happened,
        path => format!("{path}: {happened}"),
    };
    escape::terminal(said.as_bytes()).into_owned()
}

/// Whoever names an empty group wants to see it, in whichever hierarchy it is.
fn is_named(paths: &[OsString], cgroup: &Cgroup) -> bool {
    let in_v1 = cgroup.v1.iter().map(|membership| membership.path.as_slice());
    cgroup.path.as_deref().into_iter().chain(in_v1).any(|path| paths.iter().any(|named| named.as_bytes() == path))
}

/// By what a group is found again.
fn key(cgroup: &Cgroup) -> (Option<&[u8]>, Option<&[u8]>) {
    (cgroup.path.as_deref(), cgroup.v1.first().map(|membership| membership.path.as_slice()))
}

fn seconds_between(before: Option<&SampleTime>, after: Option<&SampleTime>) -> f64 {
    let nanoseconds = |sampled: Option<&SampleTime>| sampled.map(|sampled| sampled.monotonic_ns);
    match (nanoseconds(before), nanoseconds(after)) {
        (Some(before), Some(after)) => after.saturating_sub(before) as f64 / 1e9,
        _ => 0.0,
    }
}

fn whole(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use procwire_client::v1::{CgroupV1Membership, FieldErrorReason};

    use super::*;

    #[test]
    fn a_path_may_be_typed_as_it_is_seen_in_the_tree() {
        for (typed, wanted) in [
            ("/", "/"),
            ("/system.slice/", "/system.slice"),
            ("/sys/fs/cgroup", "/"),
            ("/sys/fs/cgroup/a/b", "/a/b"),
            ("/sys/fs/cgroups", "/sys/fs/cgroups"),
        ] {
            assert_eq!(parse_path(typed.as_ref()), Ok(wanted.into()), "{typed}");
        }
        for wrong in ["", "system.slice"] {
            assert!(parse_path(wrong.as_ref()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_error_says_of_which_group_it_is() {
        for (path, detail, wanted) in [
            ("/a", "was removed while it was read", "/a: was removed while it was read"),
            ("/a", "there is no control group /a", "there is no control group /a"),
            ("/a", "", "/a: read failed"),
            ("", "6 more errors are left out", "6 more errors are left out"),
        ] {
            let reason = FieldErrorReason::ReadFailed.into();
            let error = FieldError { path: path.to_owned(), reason, detail: detail.to_owned() };
            assert_eq!(in_words(&error), wanted);
        }
    }

    #[test]
    fn a_group_that_was_named_is_shown_though_it_be_empty_also_where_only_version_1_has_it() {
        let v1 = vec![CgroupV1Membership { controllers: b"memory".to_vec(), path: b"/a".to_vec() }];
        let of_v1 = Cgroup { v1, ..Cgroup::default() };
        let of_v2 = Cgroup { path: Some(b"/a".to_vec()), ..Cgroup::default() };
        for group in [&of_v1, &of_v2] {
            assert!(is_named(&["/b".into(), "/a".into()], group), "{group:?}");
            assert!(!is_named(&["/".into(), "/a/b".into()], group), "{group:?}");
        }
    }
}
