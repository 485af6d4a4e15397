//! The snapshot of the host.

use std::{
    fs::Permissions,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::PathBuf,
    process::Command,
};

use procwire_proto::{
    FieldTable as _,
    v1::{FieldError, FieldErrorReason, System},
};
use procwire_tests::{Agent, NOBODY, Role, programs};
use tempfile::TempDir;

use crate::{
    comparison::{Case, Comparison, ROUNDS},
    flatten::{flatten, reasons},
    judge::Judge,
    rules,
};

#[tokio::test]
async fn every_field_of_the_host_agrees_with_psutil_free_and_the_kernel() {
    compare(&Agent::start(), None).await;
}

#[tokio::test]
async fn an_unprivileged_agent_sees_the_same_host() {
    let hidden = HiddenMount::make();
    let uid = programs::is_root().then_some(NOBODY);
    let told = compare(&Agent::options().unprivileged().start(), uid).await;
    if let Some(hidden) = hidden.filter(|_| uid.is_some()) {
        let path = hidden.path();
        let mount = told.mounts.iter().find(|mount| mount.mount_point == path.as_os_str().as_bytes()).unwrap();
        assert!(mount.usage.is_none(), "the agent can look behind a folder that is closed to it: {mount:?}");
        assert_eq!(mount.errors.first().map(FieldError::reason), Some(FieldErrorReason::PermissionDenied));
    }
}

/// A filesystem below a folder that only its owner can enter, as container engines have them.
struct HiddenMount(TempDir);

impl HiddenMount {
    #[allow(clippy::print_stderr, reason = "what is skipped says why")]
    fn make() -> Option<Self> {
        let hidden = Self(tempfile::tempdir().unwrap());
        std::fs::set_permissions(hidden.0.path(), Permissions::from_mode(0o700)).unwrap();
        std::fs::create_dir(hidden.path()).unwrap();
        let done = Command::new("mount").args(["-t", "tmpfs", "hidden"]).arg(hidden.path()).output().unwrap();
        if !done.status.success() {
            eprintln!("skipped in part: nothing can be mounted here: {}", String::from_utf8_lossy(&done.stderr));
            return None;
        }
        Some(hidden)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("mounted")
    }
}

impl Drop for HiddenMount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }
}

/// What the agent said last.
async fn compare(agent: &Agent, uid: Option<u32>) -> System {
    let client = agent.client(Role::Reader);
    let mut judge = Judge::start(uid);
    let mut told = System::default();
    let mut comparison = Comparison::new(rules::SYSTEM);
    for _ in 0..ROUNDS {
        let before = judge.system();
        let system = client.system().get().fields(["*"]).await.unwrap().system.unwrap();
        let after = judge.system();
        let mut reasons = reasons(&system.errors);
        for mount in &system.mounts {
            let row = |error: &FieldError| (format!("mounts[{}].{}", mount.id, error.path), error.reason());
            reasons.extend(mount.errors.iter().map(row));
        }
        let ours = flatten("System", &system);
        told = system;
        comparison.add(&Case { key: "system", ours: &ours, reasons: &reasons, before: &before, after: &after });
        if !comparison.is_open() {
            break;
        }
    }
    comparison.assert_agreed();
    comparison.assert_covers_or_lacks(compared_fields(), MAY_BE_LACKING);
    told
}

/// What a machine may lack, and why; the judges must find it lacking too. The whole machines among the tests of host have it.
const MAY_BE_LACKING: &[(&str, &str)] = &[
    ("cpu.cpus.kind", "only hybrid processors have kinds"),
    ("cpu.cpus.capacity", "kernels that schedule by it"),
    ("cpu.cpus.frequency_hz", "guests on ARM have no cpufreq, and cpuinfo tells none there"),
    ("cpu.frequency_policies", "guests have no cpufreq"),
    ("cpu.models", "cpuinfo of arm64 and s390x names none"),
    ("memory.nodes", "kernels without CONFIG_NUMA"),
    ("memory.huge_pages", "kernels without CONFIG_HUGETLBFS"),
    ("swap.devices", "a machine without swap"),
    ("sensors", "guests have none"),
    ("power", "servers and guests have no batteries, and kernels without CONFIG_POWER_SUPPLY do not say so"),
    ("gpus", "few machines have one"),
    ("users", "nobody is logged in, or nobody keeps a record"),
    ("pressure", "kernels without CONFIG_PSI, or where it is off"),
    ("cpu.quota_cpus", "most groups have no quota; e2e: a group that is made for the test"),
    (
        "network.interfaces.bits_per_second",
        "virtual network cards do not know it; e2e: links that are made for the test",
    ),
    ("network.interfaces.duplex", "virtual network cards do not know it; e2e: links that are made for the test"),
    ("network.interfaces.kind", "hardware has none; e2e: links that are made for the test"),
    ("network.interfaces.controller_index", "a machine without bridges; e2e: links that are made for the test"),
    ("network.interfaces.alias", "somebody must give one; e2e: links that are made for the test"),
];

/// Served fields that one reading can have: rates and usage need two (e2e: a window gives rates).
fn compared_fields() -> impl Iterator<Item = &'static str> {
    let needs_two =
        |path: &str| path != "mounts.usage" && ["usage", "rates", "per_second"].iter().any(|end| path.ends_with(end));
    let named_by_rows = |path: &str| path == "network.interfaces.name";
    let served = System::FIELDS.iter().filter(|field| field.is_served()).map(|field| field.path);
    served.filter(move |path| !needs_two(path) && !named_by_rows(path))
}
