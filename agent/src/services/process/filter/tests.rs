#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::{
    ProcessFieldSet, Timestamp,
    process_fields::bit,
    v1::{
        BytesMatch, CgroupV1Membership, ErrorReason, FieldError, FieldErrorReason, Process, ProcessCgroup,
        ProcessFilter, ProcessMemory, ProcessPredicate, ProcessRef, ProcessState, UserIds, bytes_match::Match,
    },
};

use super::*;
use crate::access::Role;

const BOOT: [u8; 16] = [1; 16];

fn parse_as(role: Role, has_usage_window: bool, filter: ProcessFilter) -> Result<Filter, Failure> {
    let sight = Sight::of_roles([role].into_iter().collect());
    Filter::parse(filter, &Circumstances { boot_id: &BOOT, sight: &sight, has_usage_window })
}

fn parse(filter: ProcessFilter) -> Filter {
    parse_as(Role::Inspector, true, filter).unwrap()
}

fn allow(predicate: ProcessPredicate) -> ProcessFilter {
    ProcessFilter { allow: vec![predicate], deny: vec![] }
}

fn text(text: Match) -> Option<BytesMatch> {
    Some(BytesMatch { r#match: Some(text) })
}

fn regex(pattern: &str) -> Option<BytesMatch> {
    text(Match::Regex(pattern.to_owned()))
}

fn reference(pid: u32, start_ticks: u64) -> ProcessRef {
    ProcessRef { pid, start_ticks, boot_id: BOOT.to_vec().into(), pidfd_inode: None }
}

fn error(path: &str, reason: FieldErrorReason) -> FieldError {
    FieldError { path: path.to_owned(), reason: reason.into(), detail: String::new() }
}

fn row() -> Process {
    Process {
        pid: 7,
        r#ref: Some(reference(7, 70)),
        ppid: Some(1),
        name: Some(b"nginx".to_vec()),
        cmdline: vec![b"nginx".to_vec(), b"-g".to_vec(), b"daemon off".to_vec()],
        exe: Some(b"/usr/sbin/nginx".to_vec()),
        username: Some(b"www".to_vec()),
        uids: Some(UserIds { real: 33, effective: 0, saved: 0, filesystem: 0 }),
        state: Some(ProcessState::Sleeping.into()),
        terminal: Some(b"/dev/pts/1".to_vec()),
        cgroup: Some(Box::new(ProcessCgroup {
            path: Some(b"/system.slice/nginx.service".to_vec()),
            unit: Some(b"nginx.service".to_vec()),
            container_id: Some("0123456789abcdef".to_owned()),
            ..Default::default()
        })),
        kernel_thread: Some(false),
        memory: Some(ProcessMemory { resident_bytes: Some(4096), ..Default::default() }),
        cpu_usage_ratio: Some(0.5),
        fd_count: Some(12),
        start_time: Some(Timestamp { seconds: 1000, nanos: 5 }),
        ..Default::default()
    }
}

fn judge(filter: &Filter, row: &Process) -> Truth {
    let facts = Facts::default();
    filter.judge(&Subject::new(row.pid, Some(row), ProcessFieldSet::all_served(), &facts))
}

fn matches(predicate: ProcessPredicate) -> Truth {
    judge(&parse(allow(predicate)), &row())
}

/// Each kind of condition, once as it holds of [`row`] and once as it does not.
fn conditions() -> Vec<(ProcessPredicate, ProcessPredicate)> {
    let one = ProcessPredicate::default;
    let cmdline = |text: Match| ProcessPredicate { cmdline: Some(BytesMatch { r#match: Some(text) }), ..one() };
    let time = |seconds, nanos| Some(Timestamp { seconds, nanos });
    let states = |state: ProcessState| ProcessPredicate { states: vec![state.into()], ..one() };
    let prefix = |path: &str| ProcessPredicate { cgroup_prefix: Some(path.as_bytes().to_vec()), ..one() };
    let container = |id: &str| ProcessPredicate { container_ids: vec!["x".to_owned(), id.to_owned()], ..one() };
    vec![
        (ProcessPredicate { pids: vec![3, 7], ..one() }, ProcessPredicate { pids: vec![3, 70], ..one() }),
        (ProcessPredicate { ppids: vec![0, 1], ..one() }, ProcessPredicate { ppids: vec![0, 7], ..one() }),
        (
            ProcessPredicate { refs: vec![reference(7, 69), reference(7, 70)], ..one() },
            ProcessPredicate { refs: vec![reference(7, 71), reference(8, 70)], ..one() },
        ),
        (
            ProcessPredicate { name: regex("^ng"), ..one() },
            ProcessPredicate { name: text(Match::Exact(b"ngin".into())), ..one() },
        ),
        (
            ProcessPredicate { exe: text(Match::Prefix(b"/usr/".into())), ..one() },
            ProcessPredicate { exe: regex("^nginx$"), ..one() },
        ),
        (cmdline(Match::Exact(b"nginx -g daemon off".into())), cmdline(Match::Exact(b"nginx".into()))),
        (cmdline(Match::Regex("-g daemon".into())), cmdline(Match::Prefix(b"-g".into()))),
        (
            ProcessPredicate { usernames: vec![b"www".to_vec()], ..one() },
            ProcessPredicate { usernames: vec![b"ww".to_vec()], ..one() },
        ),
        (ProcessPredicate { uids: vec![33], ..one() }, ProcessPredicate { uids: vec![0], ..one() }),
        (states(ProcessState::Sleeping), states(ProcessState::Zombie)),
        (
            ProcessPredicate { terminals: vec![b"/dev/pts/1".to_vec()], ..one() },
            ProcessPredicate { terminals: vec![b"/dev/pts/11".to_vec()], ..one() },
        ),
        (prefix("/system.slice"), prefix("/system.sl")),
        (prefix("/system.slice/"), prefix("/nginx.service")),
        (prefix("/"), prefix("/system.slice/nginx.service/x")),
        (
            ProcessPredicate { units: vec![b"nginx.service".to_vec()], ..one() },
            ProcessPredicate { units: vec![b"nginx".to_vec()], ..one() },
        ),
        (container("0123456789ab"), container("0123456789a")),
        (container("0123456789abcdef"), container("123456789abcdef")),
        (
            ProcessPredicate { kernel_thread: Some(false), ..one() },
            ProcessPredicate { kernel_thread: Some(true), ..one() },
        ),
        (
            ProcessPredicate { min_resident_bytes: Some(4096), ..one() },
            ProcessPredicate { min_resident_bytes: Some(4097), ..one() },
        ),
        (
            ProcessPredicate { min_cpu_usage_ratio: Some(0.5), ..one() },
            ProcessPredicate { min_cpu_usage_ratio: Some(0.6), ..one() },
        ),
        (ProcessPredicate { min_fd_count: Some(12), ..one() }, ProcessPredicate { min_fd_count: Some(13), ..one() }),
        (
            ProcessPredicate { started_after: time(1000, 5), ..one() },
            ProcessPredicate { started_after: time(1000, 6), ..one() },
        ),
        (
            ProcessPredicate { started_before: time(1000, 6), ..one() },
            ProcessPredicate { started_before: time(1000, 5), ..one() },
        ),
    ]
}

#[test]
fn each_condition_holds_of_what_it_says_and_of_nothing_else() {
    for (holds, fails) in conditions() {
        assert_eq!(matches(holds.clone()), Truth::True, "{holds:?}");
        assert_eq!(matches(fails.clone()), Truth::False, "{fails:?}");
    }
}

#[test]
fn a_value_that_cannot_be_read_is_neither_true_nor_false_and_one_that_there_is_not_matches_nothing() {
    let absent = Process { pid: 7, r#ref: Some(reference(7, 70)), ..Default::default() };
    for (holds, fails) in conditions() {
        for predicate in [holds, fails] {
            let filter = parse(allow(predicate.clone()));
            let looks_at = filter.fields().difference(bit::REF);
            if looks_at.is_empty() {
                continue;
            }
            let path = looks_at.iter().next().unwrap().path;
            let mut unread = absent.clone();
            unread.errors = vec![error("nice", FieldErrorReason::ReadFailed)];
            let there_is_none = judge(&filter, &unread);
            // There is always a command line, if an empty one.
            assert_eq!(there_is_none, Truth::False, "{predicate:?}");
            unread.errors.push(error(path, FieldErrorReason::Zombie));
            assert_eq!(judge(&filter, &unread), Truth::False, "a zombie has it no longer: {predicate:?}");
            unread.errors.pop();
            unread.errors.push(error(path.split('.').next().unwrap(), FieldErrorReason::PermissionDenied));
            assert_eq!(judge(&filter, &unread), Truth::Unknown, "{predicate:?}");
            let denied = parse(ProcessFilter { allow: vec![], deny: vec![predicate.clone()] });
            assert_eq!(judge(&denied, &unread), Truth::Unknown, "a process must surely not match deny: {predicate:?}");
            assert_eq!(judge(&denied, &absent), Truth::True, "{predicate:?}");
        }
    }
}

#[test]
fn what_has_not_been_read_is_not_known_and_what_decides_need_not_be() {
    let row = row();
    let facts = Facts::default();
    let known = |filter: &Filter, known| filter.judge(&Subject::new(7, Some(&row), known, &facts));
    let both = parse(allow(ProcessPredicate { uids: vec![33], name: regex("apache"), ..Default::default() }));
    assert_eq!(known(&both, ProcessFieldSet::EMPTY), Truth::Unknown);
    assert_eq!(known(&both, bit::UIDS), Truth::Unknown);
    assert_eq!(known(&both, bit::NAME), Truth::False, "whoever it belongs to");
    let either = parse(ProcessFilter {
        allow: vec![
            ProcessPredicate { uids: vec![33], ..Default::default() },
            ProcessPredicate { exe: regex("x"), ..Default::default() },
        ],
        deny: vec![],
    });
    assert_eq!(known(&either, bit::UIDS), Truth::True, "whatever its program");
    let by_pid = parse(allow(ProcessPredicate { pids: vec![8], exe: regex("x"), ..Default::default() }));
    let unread = Subject::new(7, None, ProcessFieldSet::EMPTY, &facts);
    assert_eq!(by_pid.judge(&unread), Truth::False);
    assert_eq!(either.judge(&unread), Truth::Unknown);
}

#[test]
fn a_masked_command_line_is_matched_as_masked_and_a_cut_one_as_far_as_it_goes() {
    let filter = |pattern: &str| parse(allow(ProcessPredicate { cmdline: regex(pattern), ..Default::default() }));
    let mut masked = row();
    masked.cmdline = vec![b"app".to_vec(), b"--password=***".to_vec()];
    masked.errors.push(error("cmdline", FieldErrorReason::Redacted));
    assert_eq!(judge(&filter("hunter2"), &masked), Truth::False, "no oracle");
    assert_eq!(judge(&filter("--password="), &masked), Truth::True);
    let mut cut = row();
    cut.errors.push(error("cmdline", FieldErrorReason::Truncated));
    assert_eq!(judge(&filter("beyond"), &cut), Truth::Unknown);
    let prefix = parse(allow(ProcessPredicate { cmdline: text(Match::Prefix(b"nginx".into())), ..Default::default() }));
    assert_eq!(judge(&prefix, &cut), Truth::True);
}

#[test]
fn a_name_that_was_cut_is_matched_as_far_as_it_goes() {
    let mut cut = row();
    cut.name = Some(b"kworker/u8:2-ev".to_vec());
    cut.errors.push(error("name", FieldErrorReason::Truncated));
    for (condition, truth) in [
        (Match::Exact(b"kworker/u8:2-events".into()), Truth::Unknown),
        (Match::Exact(b"kworker/u8:2-ev".into()), Truth::Unknown),
        (Match::Exact(b"nginx".into()), Truth::False),
        (Match::Prefix(b"kworker".into()), Truth::True),
        (Match::Regex("^kworker".to_owned()), Truth::True),
        (Match::Regex("ev$".to_owned()), Truth::Unknown),
    ] {
        let predicate = ProcessPredicate { name: text(condition), ..Default::default() };
        assert_eq!(judge(&parse(allow(predicate.clone())), &cut), truth, "{predicate:?}");
    }
}

#[test]
fn a_family_is_looked_up_once_and_only_a_few_are_taken() {
    let descend = |pids: &[u32]| ProcessPredicate {
        descendants_of: pids.iter().map(|pid| reference(*pid, 0)).collect(),
        ..Default::default()
    };
    let same = ProcessFilter { allow: vec![descend(&[1, 2]); 64], deny: vec![descend(&[2, 1, 2]); 64] };
    assert_eq!(parse(same).families().len(), 1);
    let mut many = ProcessFilter { allow: (1..=8).map(|pid| descend(&[pid])).collect(), deny: vec![] };
    assert_eq!(parse(many.clone()).families().len(), 8);
    many.deny.push(ProcessPredicate { children_of: vec![reference(1, 0)], ..Default::default() });
    let failure = parse_as(Role::Reader, true, many).unwrap_err();
    assert_eq!((failure.field(), failure.reason()), (Some("filter.deny[0].children_of"), ErrorReason::InvalidRequest));
}

#[test]
fn where_there_is_no_unified_tree_any_other_will_do() {
    let mut row = row();
    let v1 = |path: &str| CgroupV1Membership { controllers: b"cpu".to_vec(), path: path.as_bytes().to_vec() };
    let v1 = vec![v1("/"), v1("/docker/abc")];
    row.cgroup = Some(Box::new(ProcessCgroup { v1, ..Default::default() }));
    let filter = parse(allow(ProcessPredicate { cgroup_prefix: Some(b"/docker".to_vec()), ..Default::default() }));
    assert_eq!(judge(&filter, &row), Truth::True);
    row.cgroup.as_mut().unwrap().path = Some(b"/user.slice".to_vec());
    assert_eq!(judge(&filter, &row), Truth::False);
}

/// What Kleene's logic is sure of holds whatever the values that are not known; of full rows everything is known.
#[test]
fn whatever_is_decided_early_is_what_all_values_together_say() {
    let pairs = conditions();
    let mut state: u64 = 7;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let full = row();
    let fields: Vec<ProcessFieldSet> =
        parse(ProcessFilter { allow: pairs.iter().map(|pair| pair.0.clone()).collect(), deny: vec![] })
            .fields()
            .iter()
            .map(|field| ProcessFieldSet::matching(|other| other.path == field.path))
            .collect();
    let facts = Facts::default();
    for _ in 0..3000 {
        // Predicates of two conditions each, of which it is known whether they hold of the row.
        let predicate = |random: &mut dyn FnMut(usize) -> usize| {
            let mut merged = ProcessPredicate::default();
            let mut holds = true;
            for _ in 0..2 {
                let (index, side) = (random(pairs.len()), random(2) == 0);
                let (yes, no) = &pairs[index];
                let chosen = if side { yes } else { no };
                let before = merged.clone();
                merge(&mut merged, chosen);
                if merged != before {
                    holds &= side;
                }
            }
            (merged, holds)
        };
        let (allow, deny): (Vec<_>, Vec<_>) = (
            (0..random(3)).map(|_| predicate(&mut random)).collect(),
            (0..random(3)).map(|_| predicate(&mut random)).collect(),
        );
        let any = |predicates: &[(ProcessPredicate, bool)]| predicates.iter().any(|(_, holds)| *holds);
        let naive = (allow.is_empty() || any(&allow)) && !any(&deny);
        let strip = |predicates: Vec<(ProcessPredicate, bool)>| predicates.into_iter().map(|(one, _)| one).collect();
        let filter = parse(ProcessFilter { allow: strip(allow), deny: strip(deny) });
        assert_eq!(judge(&filter, &full), naive.into(), "{filter:?}");
        let mut known = ProcessFieldSet::EMPTY;
        for _ in 0..4 {
            let verdict = filter.judge(&Subject::new(7, Some(&full), known, &facts));
            assert!(verdict == Truth::Unknown || verdict == naive.into(), "{known:?} of {filter:?}");
            known = known.union(fields[random(fields.len())]);
        }
        if known.contains(filter.fields()) {
            assert_ne!(filter.judge(&Subject::new(7, Some(&full), known, &facts)), Truth::Unknown);
        }
    }
}

/// Sets what the other has and this has not.
fn merge(into: &mut ProcessPredicate, other: &ProcessPredicate) {
    fn list<T: Clone>(into: &mut Vec<T>, other: &[T]) {
        if into.is_empty() {
            *into = other.to_vec();
        }
    }
    list(&mut into.pids, &other.pids);
    list(&mut into.ppids, &other.ppids);
    list(&mut into.refs, &other.refs);
    list(&mut into.usernames, &other.usernames);
    list(&mut into.uids, &other.uids);
    list(&mut into.states, &other.states);
    list(&mut into.terminals, &other.terminals);
    list(&mut into.units, &other.units);
    list(&mut into.container_ids, &other.container_ids);
    into.name = into.name.take().or_else(|| other.name.clone());
    into.exe = into.exe.take().or_else(|| other.exe.clone());
    into.cmdline = into.cmdline.take().or_else(|| other.cmdline.clone());
    into.cgroup_prefix = into.cgroup_prefix.take().or_else(|| other.cgroup_prefix.clone());
    into.kernel_thread = into.kernel_thread.or(other.kernel_thread);
    into.min_resident_bytes = into.min_resident_bytes.or(other.min_resident_bytes);
    into.min_cpu_usage_ratio = into.min_cpu_usage_ratio.or(other.min_cpu_usage_ratio);
    into.min_fd_count = into.min_fd_count.or(other.min_fd_count);
    into.started_after = into.started_after.or(other.started_after);
    into.started_before = into.started_before.or(other.started_before);
}

#[test]
fn only_pids_that_can_match_are_candidates() {
    let named = |filter: ProcessFilter| parse(filter).named();
    let pids = |pids: &[u32]| ProcessPredicate { pids: pids.to_vec(), ..Default::default() };
    assert_eq!(named(allow(pids(&[9, 3, 9]))), Some(vec![3, 9]));
    let refs = ProcessPredicate { refs: vec![reference(5, 1)], ..Default::default() };
    assert_eq!(named(ProcessFilter { allow: vec![pids(&[9]), refs.clone()], deny: vec![] }), Some(vec![5, 9]));
    let both = ProcessPredicate { pids: vec![5, 6], ..refs };
    assert_eq!(named(allow(both)), Some(vec![5]), "it is one of these and one of those");
    let uids = ProcessPredicate { uids: vec![0], ..Default::default() };
    assert_eq!(named(ProcessFilter { allow: vec![pids(&[9]), uids.clone()], deny: vec![] }), None);
    assert_eq!(named(allow(ProcessPredicate { uids: vec![0], ..pids(&[4]) })), Some(vec![4]));
    assert_eq!(named(ProcessFilter { allow: vec![], deny: vec![pids(&[9])] }), None);
    let mut rebooted = reference(5, 1);
    rebooted.boot_id = vec![2; 16].into();
    let gone = allow(ProcessPredicate { refs: vec![rebooted], ..Default::default() });
    assert_eq!(named(gone), Some(vec![]), "a process of another boot is gone, and that is no error");
}

#[test]
fn what_is_malformed_is_refused_by_name() {
    let one = ProcessPredicate::default;
    let long = || vec![1; 16_385];
    for (predicate, field) in [
        (one(), ""),
        (ProcessPredicate { pids: vec![1, 0], ..one() }, ".pids[1]"),
        (ProcessPredicate { pids: vec![4_194_305], ..one() }, ".pids[0]"),
        (ProcessPredicate { pids: long(), ..one() }, ".pids"),
        (ProcessPredicate { ppids: vec![0, u32::MAX], ..one() }, ".ppids[1]"),
        (ProcessPredicate { uids: long(), ..one() }, ".uids"),
        (ProcessPredicate { name: Some(BytesMatch::default()), ..one() }, ".name"),
        (ProcessPredicate { exe: regex("("), ..one() }, ".exe.regex"),
        (ProcessPredicate { cmdline: regex(&"x".repeat(1025)), ..one() }, ".cmdline.regex"),
        (ProcessPredicate { usernames: vec![b"a".to_vec(), vec![]], ..one() }, ".usernames[1]"),
        (ProcessPredicate { terminals: vec![vec![b'x'; 4097]], ..one() }, ".terminals[0]"),
        (ProcessPredicate { states: vec![2, 0], ..one() }, ".states[1]"),
        (ProcessPredicate { states: vec![99], ..one() }, ".states[0]"),
        (ProcessPredicate { cgroup_prefix: Some(b"system.slice".to_vec()), ..one() }, ".cgroup_prefix"),
        (ProcessPredicate { container_ids: vec![String::new()], ..one() }, ".container_ids[0]"),
        (ProcessPredicate { min_cpu_usage_ratio: Some(f64::NAN), ..one() }, ".min_cpu_usage_ratio"),
        (ProcessPredicate { min_cpu_usage_ratio: Some(-0.1), ..one() }, ".min_cpu_usage_ratio"),
        (ProcessPredicate { min_cpu_usage_ratio: Some(f64::INFINITY), ..one() }, ".min_cpu_usage_ratio"),
        (
            ProcessPredicate { started_after: Some(Timestamp { seconds: 0, nanos: -1 }), ..one() },
            ".started_after.nanos",
        ),
        (
            ProcessPredicate { started_before: Some(Timestamp { seconds: 0, nanos: 1_000_000_000 }), ..one() },
            ".started_before.nanos",
        ),
        (ProcessPredicate { local_ports: vec![80, 65_536], ..one() }, ".local_ports[1]"),
        (ProcessPredicate { listening_ports: vec![0], ..one() }, ".listening_ports[0]"),
        (ProcessPredicate { refs: vec![reference(7, 1), reference(0, 1)], ..one() }, ".refs[1].pid"),
        (
            ProcessPredicate { children_of: vec![ProcessRef { pid: 7, ..Default::default() }], ..one() },
            ".children_of[0].boot_id",
        ),
        (ProcessPredicate { descendants_of: vec![reference(u32::MAX, 1)], ..one() }, ".descendants_of[0].pid"),
    ] {
        let good = || ProcessPredicate { pids: vec![1], ..one() };
        for (filter, list) in [
            (ProcessFilter { allow: vec![good(), good(), predicate.clone()], deny: vec![] }, "allow"),
            (ProcessFilter { allow: vec![], deny: vec![good(), good(), predicate.clone()] }, "deny"),
        ] {
            let failure = parse_as(Role::Inspector, true, filter).unwrap_err();
            let place = format!("filter.{list}[2]{field}");
            assert_eq!((failure.field(), failure.reason()), (Some(place.as_str()), ErrorReason::InvalidRequest));
        }
    }
    let many = ProcessFilter { allow: vec![ProcessPredicate { pids: vec![1], ..one() }; 65], deny: vec![] };
    assert_eq!(parse_as(Role::Reader, true, many).unwrap_err().field(), Some("filter.allow"));
    let patterns = ProcessFilter {
        allow: vec![],
        deny: vec![ProcessPredicate { name: regex("a"), exe: regex("b"), cmdline: regex("c"), ..one() }; 11],
    };
    assert_eq!(parse_as(Role::Reader, true, patterns).unwrap_err().field(), Some("filter.deny[10].cmdline.regex"));
}

#[test]
fn what_needs_a_window_says_so() {
    let busy = allow(ProcessPredicate { min_cpu_usage_ratio: Some(0.1), ..Default::default() });
    let failure = parse_as(Role::Reader, false, busy.clone()).unwrap_err();
    assert_eq!(
        (failure.field(), failure.reason()),
        (Some("filter.allow[0].min_cpu_usage_ratio"), ErrorReason::InvalidRequest)
    );
    parse_as(Role::Reader, true, busy).unwrap();
}

#[test]
fn ports_are_told_to_those_only_who_may_see_sockets() {
    for predicate in [
        ProcessPredicate { local_ports: vec![22], ..Default::default() },
        ProcessPredicate { listening_ports: vec![22], ..Default::default() },
    ] {
        let failure = parse_as(Role::Reader, false, allow(predicate.clone())).unwrap_err();
        assert_eq!(failure.reason(), ErrorReason::RoleMissing);
        assert!(failure.field().unwrap().starts_with("filter.allow[0].l"), "{failure:?}");
        assert_eq!(parse_as(Role::Inspector, false, allow(predicate)).unwrap().ports(), [22]);
    }
}
