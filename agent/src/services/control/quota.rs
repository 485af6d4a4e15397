//! How many processes a caller may act on in a time: what stops automation that has gone wrong before it has stopped everything.
//!
//! Each quota is a bucket that holds as many actions as it allows and fills again evenly. A request takes what it needs from every bucket
//! that it draws on, or, if one of them has too little, nothing at all: then nothing is done. A target with its tree or control group
//! counts as one; how many those may be is what `confirm_at_most` is for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use procwire_proto::v1::ErrorReason;
use tokio::time::Instant;

use crate::{counters::Counters, status::Failure};

/// The key of the quota that holds for every caller.
const KEY: &str = "control.actions_per_minute_per_principal";
/// And the one for what every caller may look at in dry runs.
const DRY_RUNS_KEY: &str = "control.actions_per_minute_per_principal, dry runs";
/// Dry runs harm nobody, but each is looked up, decided and put on record like what is done, and could push that off the disk.
const DRY_RUNS_FOR_EACH_ACTION: u32 = 10;
/// As many as a request may name: whoever may do little can still try the largest.
const DRY_RUNS_MIN: u32 = 1024;
const MINUTE: Duration = Duration::from_secs(60);

/// So many actions in a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// What says so: a key of the configuration, a rule of the policy.
    pub(crate) name: String,
    pub(crate) actions: u32,
    pub(crate) per: Duration,
}

/// What is left of every caller's quotas.
#[derive(Debug)]
pub(crate) struct Quotas {
    of_everyone: Allowance,
    dry_runs_of_everyone: Allowance,
    buckets: Mutex<HashMap<BucketKey, Bucket>>,
    counters: Arc<Counters>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct BucketKey {
    caller: String,
    allowance: String,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Actions that it holds, as of then.
    left: f64,
    at: Instant,
    /// When it is as full as can be, and need not be remembered.
    full_at: Instant,
}

impl Quotas {
    pub(crate) fn new(actions_per_minute: u32, counters: Arc<Counters>) -> Self {
        let of_everyone = Allowance { name: KEY.to_owned(), actions: actions_per_minute, per: MINUTE };
        let dry_runs = actions_per_minute.saturating_mul(DRY_RUNS_FOR_EACH_ACTION).max(DRY_RUNS_MIN);
        let dry_runs_of_everyone = Allowance { name: DRY_RUNS_KEY.to_owned(), actions: dry_runs, per: MINUTE };
        Self { of_everyone, dry_runs_of_everyone, buckets: Mutex::default(), counters }
    }

    /// Counts the processes that a dry run looks at: on a quota that is there for dry runs, and on no other.
    ///
    /// # Errors
    /// `QUOTA_EXCEEDED`: nothing was counted.
    pub(crate) fn take_for_dry_run(&self, caller: &str, processes: usize) -> Result<(), Failure> {
        let processes = u32::try_from(processes).unwrap_or(u32::MAX);
        let wanted = vec![(self.dry_runs_of_everyone.clone(), processes)];
        self.take_all(caller, wanted, Instant::now()).inspect_err(|_| self.counters.quota_refusals.increment())
    }

    /// Counts the processes that a request acts on; each may draw on allowances of its own besides the one that every caller has. Not
    /// for dry runs, and not for repeats of a request.
    ///
    /// # Errors
    /// `QUOTA_EXCEEDED`: nothing was counted, and nothing must be done.
    pub(crate) fn take<Own: IntoIterator<Item = Allowance>>(
        &self,
        caller: &str,
        processes: impl IntoIterator<Item = Own>,
    ) -> Result<(), Failure> {
        let mut wanted: Vec<(Allowance, u32)> = vec![(self.of_everyone.clone(), 0)];
        for own in processes {
            count(&mut wanted, &self.of_everyone);
            for allowance in own {
                count(&mut wanted, &allowance);
            }
        }
        self.take_all(caller, wanted, Instant::now()).inspect_err(|_| self.counters.quota_refusals.increment())
    }

    fn take_all(&self, caller: &str, wanted: Vec<(Allowance, u32)>, now: Instant) -> Result<(), Failure> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.retain(|_, bucket| bucket.full_at > now);
        let mut taken = Vec::with_capacity(wanted.len());
        for (allowance, actions) in wanted {
            let key = BucketKey { caller: caller.to_owned(), allowance: allowance.name.clone() };
            let left = buckets.get(&key).map_or(f64::from(allowance.actions), |bucket| bucket.left_at(now, &allowance));
            let after = left - f64::from(actions);
            if after < 0.0 {
                return Err(exceeded(&allowance, actions, left));
            }
            taken.push((
                key,
                Bucket {
                    left: after,
                    at: now,
                    full_at: now + allowance.time_for(f64::from(allowance.actions) - after),
                },
            ));
        }
        buckets.extend(taken);
        Ok(())
    }
}

fn count(wanted: &mut Vec<(Allowance, u32)>, allowance: &Allowance) {
    match wanted.iter_mut().find(|(known, _)| known.name == allowance.name) {
        Some((_, actions)) => *actions += 1,
        None => wanted.push((allowance.clone(), 1)),
    }
}

impl Bucket {
    fn left_at(self, now: Instant, allowance: &Allowance) -> f64 {
        let share = now.duration_since(self.at).as_secs_f64() / allowance.per.as_secs_f64();
        f64::from(allowance.actions).min(self.left + share * f64::from(allowance.actions))
    }
}

impl Allowance {
    /// How long it takes to fill by so many actions.
    fn time_for(&self, actions: f64) -> Duration {
        if self.actions == 0 { self.per } else { self.per.mul_f64(actions.max(0.0) / f64::from(self.actions)) }
    }
}

fn exceeded(allowance: &Allowance, actions: u32, left: f64) -> Failure {
    let Allowance { name, actions: most, per } = allowance;
    let failure = |advice: &str| {
        let problem = format!(
            "the quota {name} = {most} processes in {per:?} does not allow {actions} more now; nothing was done; {advice}"
        );
        Failure::new(ErrorReason::QuotaExceeded, problem)
            .with_quota(name, format!("at most {most} in {per:?}"))
            .with_metadata("quota", name)
            .with_metadata("value", most)
    };
    if actions > *most {
        return failure("it never does: name fewer processes in a request");
    }
    // Rounded up to a second: whoever comes back then does not come too early by a hair.
    let seconds = allowance.time_for(f64::from(actions) - left).as_secs() + 1;
    failure(&format!("retry in {seconds} s")).with_retry_after(Duration::from_secs(seconds))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::status::HostName;

    fn quotas(actions_per_minute: u32) -> Quotas {
        Quotas::new(actions_per_minute, Arc::default())
    }

    fn rule(name: &str, actions: u32) -> Option<Allowance> {
        Some(Allowance { name: name.to_owned(), actions, per: Duration::from_secs(3600) })
    }

    impl Quotas {
        fn plain(&self, caller: &str, processes: usize) -> Result<(), Failure> {
            self.take(caller, vec![None::<Allowance>; processes])
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_has_so_many_actions_a_minute_and_gets_them_back_evenly() {
        let quotas = quotas(60);
        quotas.plain("alice", 20).unwrap();
        quotas.plain("alice", 40).unwrap();
        let failure = quotas.plain("alice", 1).unwrap_err();
        assert_eq!(failure.reason(), ErrorReason::QuotaExceeded);
        quotas.plain("bob", 60).unwrap();
        tokio::time::advance(Duration::from_secs(10)).await;
        quotas.plain("alice", 10).unwrap();
        quotas.plain("alice", 1).unwrap_err();
        tokio::time::advance(Duration::from_secs(3600)).await;
        quotas.plain("alice", 60).unwrap();
        quotas.plain("alice", 1).unwrap_err();
        assert_eq!(quotas.counters.quota_refusals.get(), 3);
        assert_eq!(quotas.buckets.lock().unwrap().len(), 1, "full buckets are not remembered");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_refused_is_told_when_to_come_back_and_loses_nothing() {
        let quotas = quotas(60);
        quotas.plain("alice", 50).unwrap();
        let failure = quotas.plain("alice", 20).unwrap_err();
        let status = failure.on(&HostName::new(b"test"));
        let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        assert_eq!(status.get_details_quota_failure().unwrap().violations[0].subject, KEY);
        quotas.plain("alice", 10).unwrap();
        tokio::time::advance(delay + Duration::from_secs(9)).await;
        quotas.plain("alice", 20).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_allowed_is_said_to_be_so() {
        let failure = quotas(60).plain("alice", 61).unwrap_err();
        assert!(failure.message().contains("it never does"), "{failure}");
        assert!(failure.on(&HostName::new(b"test")).get_details_retry_info().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rule_has_a_quota_of_its_own_and_all_or_nothing_is_taken() {
        let quotas = quotas(60);
        quotas.take("alice", [rule("a", 2), rule("b", 9), None]).unwrap();
        let failure = quotas.take("alice", [rule("b", 9), rule("a", 2), rule("a", 2)]).unwrap_err();
        assert!(failure.message().starts_with("the quota a = 2 processes in 3600s"), "{failure}");
        // Nothing of the refused request was counted, not even its share of other quotas.
        quotas.take("alice", vec![rule("b", 9); 8]).unwrap();
        quotas.take("alice", [rule("a", 2)]).unwrap();
        quotas.take("bob", [rule("a", 2)]).unwrap();
        quotas.take("alice", [rule("a", 2)]).unwrap_err();
        tokio::time::advance(Duration::from_secs(1800)).await;
        quotas.take("alice", [rule("a", 2)]).unwrap();
        quotas.take("alice", [rule("a", 2)]).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn dry_runs_have_a_quota_of_their_own() {
        let quotas = quotas(200);
        quotas.take_for_dry_run("alice", 2000).unwrap();
        let failure = quotas.take_for_dry_run("alice", 1).unwrap_err();
        assert_eq!(failure.reason(), ErrorReason::QuotaExceeded);
        assert!(failure.message().contains("per_principal, dry runs = 2000 processes"), "{failure}");
        quotas.take_for_dry_run("bob", 2000).unwrap();
        quotas.plain("alice", 200).unwrap();
        tokio::time::advance(Duration::from_secs(6)).await;
        quotas.take_for_dry_run("alice", 200).unwrap();
        assert_eq!(quotas.counters.quota_refusals.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_may_do_little_may_still_try_the_largest_request() {
        let quotas = quotas(2);
        quotas.take_for_dry_run("alice", 1024).unwrap();
        quotas.take_for_dry_run("alice", 1).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_quota_of_nothing_allows_nothing() {
        let quotas = quotas(60);
        quotas.take("alice", [rule("none", 0)]).unwrap_err();
        tokio::time::advance(Duration::from_secs(7200)).await;
        quotas.take("alice", [rule("none", 0)]).unwrap_err();
        quotas.plain("alice", 60).unwrap();
    }
}
