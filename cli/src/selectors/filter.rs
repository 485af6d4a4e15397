//! What was typed as the filter that the agent applies.

use std::{collections::HashMap, os::unix::ffi::OsStrExt as _, time::Duration};

use procwire_client::{
    ProcessRef, Timestamp,
    v1::{BytesMatch, ProcessFilter, ProcessPredicate, bytes_match::Match},
};

use super::{NamedProcesses, SelectorArgs, values::User};
use crate::{connection::Connection, error::CliError};

/// What the agent must be asked before the filter can be written.
#[derive(Debug, Default)]
struct Facts {
    /// The processes whose descendants are meant: they, and no later ones with their pids.
    references: HashMap<u32, ProcessRef>,
    /// The time by the clock of the agent's host, which start times are by.
    now: Timestamp,
}

impl SelectorArgs {
    /// The filter; none if every process is meant. Asks the agent where it must.
    pub(crate) async fn filter(&self, connection: &Connection) -> Result<Option<ProcessFilter>, CliError> {
        if self.is_everything() {
            return Ok(None);
        }
        let facts = self.find_facts(connection).await?;
        let allow = if self.narrows() { self.predicates(&facts) } else { Vec::new() };
        let deny = self.except.iter().flat_map(|exception| exception.0.predicates(&facts)).collect();
        Ok(Some(ProcessFilter { allow, deny }))
    }

    /// True if an option other than `--except` is given.
    pub(super) fn narrows(&self) -> bool {
        self.predicates(&Facts::default()) != [ProcessPredicate::default()]
            || self.newer_than.is_some()
            || self.older_than.is_some()
            || !self.under.is_empty()
    }

    async fn find_facts(&self, connection: &Connection) -> Result<Facts, CliError> {
        let mut facts = Facts::default();
        let all = || std::iter::once(self).chain(self.except.iter().map(|exception| &exception.0));
        for pid in all().flat_map(|selectors| &selectors.under) {
            let mut request = connection.client.processes().get(*pid).fields(["ref"]);
            if let Some(timeout) = connection.timeout {
                request = request.timeout(timeout);
            }
            let found = request.await?.process.and_then(|process| process.r#ref);
            let found =
                found.ok_or_else(|| CliError::TargetGone(format!("process {pid} cannot be told from others")))?;
            facts.references.insert(*pid, found);
        }
        if all().any(|selectors| selectors.newer_than.is_some() || selectors.older_than.is_some()) {
            let list = connection.list().fields(["pid"]).limit(1).await?;
            let told = list.header.sampled.and_then(|sampled| sampled.wall);
            facts.now = told.unwrap_or_else(|| std::time::SystemTime::now().into());
        }
        Ok(facts)
    }

    /// A process is meant if it matches any of these. Most values of one option are alternatives within one predicate; of those
    /// that a predicate has room for only once, each combination has a predicate of its own.
    fn predicates(&self, facts: &Facts) -> Vec<ProcessPredicate> {
        let moment = |ago: Option<Duration>| ago.map(|ago| earlier(&facts.now, ago));
        let everywhere = ProcessPredicate {
            ppids: self.parent.clone(),
            descendants_of: self.under.iter().filter_map(|pid| facts.references.get(pid).cloned()).collect(),
            states: self.state.iter().map(|state| i32::from(*state)).collect(),
            terminals: self.tty.iter().map(|path| path.as_bytes().to_vec()).collect(),
            units: self.unit.iter().map(|unit| unit.clone().into_bytes()).collect(),
            container_ids: self.container.clone(),
            kernel_thread: match (self.kernel_threads, self.no_kernel_threads) {
                (false, false) => None,
                (only, _) => Some(only),
            },
            min_resident_bytes: self.min_rss,
            min_cpu_usage_ratio: self.min_cpu,
            min_fd_count: self.min_fds,
            started_after: moment(self.newer_than),
            started_before: moment(self.older_than),
            local_ports: self.port.iter().copied().map(u32::from).collect(),
            listening_ports: self.listening.iter().copied().map(u32::from).collect(),
            ..ProcessPredicate::default()
        };
        let mut predicates = vec![everywhere];
        combine(&mut predicates, &self.named(), |predicate, named| {
            predicate.pids.clone_from(&named.pids);
            predicate.refs.clone_from(&named.references);
        });
        combine(&mut predicates, &self.users(), |predicate, users| {
            for user in users {
                match user {
                    User::Name(name) => predicate.usernames.push(name.clone().into_bytes()),
                    User::Id(id) => predicate.uids.push(*id),
                }
            }
        });
        combine(&mut predicates, &self.names(), |predicate, name| predicate.name = Some(name.clone()));
        combine(&mut predicates, &self.command, |predicate, regex| predicate.cmdline = Some(matching(regex)));
        combine(&mut predicates, &self.exe, |predicate, path| predicate.exe = Some(program(path.as_bytes())));
        combine(&mut predicates, &self.cgroup, |predicate, path| {
            predicate.cgroup_prefix = Some(path.as_bytes().to_vec());
        });
        predicates
    }

    /// Pids and references are two conditions on the wire, so they are alternatives only apart.
    fn named(&self) -> Vec<NamedProcesses> {
        let pids = NamedProcesses { pids: self.pids.clone(), ..NamedProcesses::default() };
        let references = NamedProcesses { references: self.references.clone(), ..NamedProcesses::default() };
        [pids, references].into_iter().filter(|named| *named != NamedProcesses::default()).collect()
    }

    /// Names and numbers of users are two conditions on the wire, so they are alternatives only apart.
    fn users(&self) -> Vec<Vec<User>> {
        let (names, ids): (Vec<User>, Vec<User>) =
            self.user.iter().cloned().partition(|user| matches!(user, User::Name(_)));
        [names, ids].into_iter().filter(|users| !users.is_empty()).collect()
    }

    fn names(&self) -> Vec<BytesMatch> {
        let exact = self.name.iter().map(|name| BytesMatch { r#match: Some(Match::Exact(name.as_bytes().to_vec())) });
        exact.chain(self.matches.iter().map(|regex| matching(regex))).collect()
    }
}

/// Every predicate with every value; as they are if there are no values.
fn combine<T>(predicates: &mut Vec<ProcessPredicate>, values: &[T], set: impl Fn(&mut ProcessPredicate, &T)) {
    if values.is_empty() {
        return;
    }
    let with_value = |predicate: &ProcessPredicate, value: &T| {
        let mut predicate = predicate.clone();
        set(&mut predicate, value);
        predicate
    };
    *predicates =
        predicates.iter().flat_map(|predicate| values.iter().map(move |value| with_value(predicate, value))).collect();
}

fn matching(regex: &str) -> BytesMatch {
    BytesMatch { r#match: Some(Match::Regex(regex.to_owned())) }
}

fn program(path: &[u8]) -> BytesMatch {
    let how = match path {
        [beginning @ .., b'*'] => Match::Prefix(beginning.to_vec()),
        [.., b'/'] => Match::Prefix(path.to_vec()),
        _ => Match::Exact(path.to_vec()),
    };
    BytesMatch { r#match: Some(how) }
}

/// The moment so long before another, at the earliest the first that a timestamp may have: the year 1.
fn earlier(now: &Timestamp, ago: Duration) -> Timestamp {
    const YEAR_ONE_SECONDS: i64 = -62_135_596_800;
    let nanos = i64::from(now.nanos) - i64::from(ago.subsec_nanos());
    let seconds = now.seconds.saturating_sub_unsigned(ago.as_secs()).saturating_sub(i64::from(nanos < 0));
    let nanos = i32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or_default();
    if seconds < YEAR_ONE_SECONDS {
        Timestamp { seconds: YEAR_ONE_SECONDS, nanos: 0 }
    } else {
        Timestamp { seconds, nanos }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
mod tests {
    use clap::Parser as _;
    use procwire_client::v1::ProcessState;

    use super::*;

    #[derive(clap::Parser)]
    #[command(no_binary_name = true)]
    struct Typed {
        #[command(flatten)]
        selectors: SelectorArgs,
    }

    fn typed(line: &str) -> SelectorArgs {
        Typed::try_parse_from(line.split_whitespace()).unwrap().selectors
    }

    fn predicates(line: &str) -> Vec<ProcessPredicate> {
        typed(line).predicates(&Facts::default())
    }

    #[test]
    fn options_hold_together_and_values_of_one_are_alternatives() {
        let predicates = predicates("--user alice,root --state Z,D --kernel-threads --min-rss 1K --port 80 --port 443");
        assert_eq!(
            predicates,
            [ProcessPredicate {
                usernames: vec![b"alice".to_vec(), b"root".to_vec()],
                states: vec![ProcessState::Zombie.into(), ProcessState::DiskSleep.into()],
                kernel_thread: Some(true),
                min_resident_bytes: Some(1024),
                local_ports: vec![80, 443],
                ..ProcessPredicate::default()
            }]
        );
    }

    #[test]
    fn what_a_predicate_holds_once_is_combined() {
        let predicates = predicates("--user alice,1000 --name a --name b --exe /opt/* --exe /bin/sh");
        assert_eq!(predicates.len(), 8);
        assert!(predicates.iter().all(|predicate| predicate.usernames.is_empty() != predicate.uids.is_empty()));
        let exe = |predicate: &ProcessPredicate| predicate.exe.clone().unwrap().r#match.unwrap();
        assert_eq!(exe(&predicates[0]), Match::Prefix(b"/opt/".to_vec()));
        assert_eq!(exe(&predicates[1]), Match::Exact(b"/bin/sh".to_vec()));
    }

    #[test]
    fn pids_and_exact_processes_are_alternatives() {
        let reference = ProcessRef { pid: 7, start_ticks: 100, ..ProcessRef::default() };
        let named = NamedProcesses { pids: vec![8], references: vec![reference.clone()] };
        let selectors = typed("--user root -p 9").with_named(named);
        let predicates = selectors.predicates(&Facts::default());
        assert_eq!(predicates.len(), 2);
        assert!(predicates.iter().all(|predicate| predicate.usernames == [b"root".to_vec()]));
        assert_eq!((&predicates[0].pids[..], &predicates[0].refs[..]), (&[9, 8][..], &[][..]));
        assert_eq!((&predicates[1].pids[..], &predicates[1].refs[..]), (&[][..], &[reference][..]));
        assert!(selectors.narrows() && selectors.names_some() && !typed("").names_some());
    }

    #[test]
    fn nothing_typed_means_everything_and_each_option_narrows() {
        assert!(typed("").is_everything());
        assert!(!typed("--except user=root").is_everything());
        assert!(!typed("--except user=root").narrows());
        for line in ["--under 7", "--newer-than 5m", "--older-than 5m", "--no-kernel-threads", "-p 1", "--cgroup /a"] {
            assert!(typed(line).narrows(), "{line}");
        }
    }

    #[test]
    fn the_use_of_processors_is_measured_if_it_decides() {
        assert!(typed("--min-cpu 50%").needs_usage() && typed("--except min-cpu=50").needs_usage());
        assert!(!typed("--min-rss 1").needs_usage());
    }

    #[test]
    fn contradictions_are_refused() {
        for line in ["--kernel-threads --no-kernel-threads", "--name a --match b", "--min-cpu -5%", "--newer-than 5"] {
            assert!(Typed::try_parse_from(line.split_whitespace()).is_err(), "{line}");
        }
    }

    #[test]
    fn moments_are_counted_back_and_stop_at_the_first() {
        let now = Timestamp { seconds: 100, nanos: 5 };
        assert_eq!(earlier(&now, Duration::from_millis(1500)), Timestamp { seconds: 98, nanos: 500_000_005 });
        assert_eq!(earlier(&now, Duration::MAX), Timestamp { seconds: -62_135_596_800, nanos: 0 });
        let ended = Facts { now, ..Facts::default() };
        let predicate = &typed("--older-than 40s --newer-than 1m").predicates(&ended)[0];
        assert_eq!(predicate.started_before.unwrap().seconds, 60);
        assert_eq!(predicate.started_after.unwrap().seconds, 40);
    }
}
