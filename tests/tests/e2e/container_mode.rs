//! An agent in a container that was given its host's procfs: namespaces made by unshare(1) stand in for the container, because no engine
//! is needed for them.

use std::{
    ffi::OsString,
    fs,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
};

use procwire_client::{Error, ErrorKind};
use procwire_proto::v1::{ErrorReason, FieldErrorReason};
use procwire_tests::{Agent, Role, Victim, is_root};
use tempfile::TempDir;

/// Folders that the container mounts its host's at.
struct Container {
    folder: TempDir,
}

/// Whether the container has pids of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pids {
    Own,
    /// docker: --pid=host.
    OfHost,
}

impl Container {
    /// `None`, with the reason printed, where this machine does not let us make namespaces, or mount a procfs in them.
    fn new(pids: Pids) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["proc", "sys", "etc", "run"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("etc/passwd"), "outer-root:x:0:0::/:/bin/sh\n").unwrap();
        fs::write(folder.path().join("etc/hostname"), "# comment\nouter-host\n").unwrap();
        let container = Self { folder };
        let launcher = container.launcher(pids);
        let tried = Command::new(&launcher[0]).args(&launcher[1..]).arg("true").stdin(Stdio::null()).output();
        match tried {
            Ok(output) if output.status.success() => Some(container),
            Ok(output) => skip(&String::from_utf8_lossy(&output.stderr)),
            Err(error) => skip(&error.to_string()),
        }
    }

    /// Becomes the command in its last arguments, in the container.
    fn launcher(&self, pids: Pids) -> Vec<OsString> {
        let mut words = vec!["unshare", "--mount", "--propagation", "private"];
        if !is_root() {
            words.extend(["--user", "--map-root-user"]);
        }
        let script = match pids {
            Pids::Own => {
                words.extend(["--pid", "--fork", "--kill-child"]);
                "mount --rbind /proc \"$1/proc\" && mount --rbind /sys \"$1/sys\" && mount -t proc proc /proc && shift && exec \"$@\""
            }
            Pids::OfHost => "mount --rbind /proc \"$1/proc\" && mount --rbind /sys \"$1/sys\" && shift && exec \"$@\"",
        };
        let mut launcher: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        launcher.extend(["sh", "-c", script, "sh"].map(OsString::from));
        launcher.push(self.folder.path().into());
        launcher
    }

    fn agent(&self, pids: Pids) -> Agent {
        let root = |name: &str| self.folder.path().join(name).display().to_string();
        Agent::options()
            .started_by(self.launcher(pids))
            .set("host.proc", root("proc"))
            .set("host.sys", root("sys"))
            .set("host.etc", root("etc"))
            .set("host.run", root("run"))
            .start()
    }
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn skip(why: &str) -> Option<Container> {
    eprintln!("skipped: this machine makes no container of namespaces: {}", why.trim());
    None
}

fn assert_foreign_pids(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::NotServed, "{error}");
    assert_eq!(error.reason(), Some(ErrorReason::UnsupportedByHost), "{error}");
    assert!(error.to_string().contains("pid namespace"), "{error}");
}

#[tokio::test]
async fn the_processes_of_the_host_are_listed_under_their_numbers_and_users() {
    let Some(container) = Container::new(Pids::Own) else { return };
    let agent = container.agent(Pids::Own);
    let victim = Victim::named(b"outer-victim", "sleep");
    let client = agent.client(Role::Admin);
    let process =
        client.processes().get(victim.pid()).fields(["ref", "name", "username", "cpu_affinity"]).await.unwrap();
    let process = process.process.unwrap();
    assert_eq!(process.name.as_deref(), Some(&b"outer-victim"[..]));
    assert_eq!(process.r#ref.unwrap().start_ticks, victim.reference().start_ticks);
    assert_eq!(process.username.as_deref(), Some(&b"outer-root"[..]), "users are those of the host's passwd");
    let unsupported = process.errors.iter().find(|error| error.path == "cpu_affinity").unwrap();
    assert_eq!(unsupported.reason(), FieldErrorReason::Unsupported);
}

#[tokio::test]
async fn nothing_is_signalled_or_waited_for_by_a_pid_of_the_host() {
    let Some(container) = Container::new(Pids::Own) else { return };
    let agent = container.agent(Pids::Own);
    let victim = Victim::start(&["sleep"]);
    let control = agent.client(Role::Admin).control();
    let error = control.terminate(&victim.reference()).reason("test").await.unwrap().outcome().await.unwrap_err();
    assert_foreign_pids(&error);
    assert_foreign_pids(&control.wait(&victim.reference()).await.unwrap_err());
    assert!(victim.is_alive());
}

#[tokio::test]
async fn it_says_where_it_is_and_what_it_therefore_cannot_do() {
    let Some(container) = Container::new(Pids::Own) else { return };
    let agent = container.agent(Pids::Own);
    let client = agent.client(Role::Reader);
    let info = client.agent().info().await.unwrap();
    assert!(info.container_mode);
    assert_eq!(info.hostname, b"outer-host");
    let own_pid = info.agent.unwrap().pid;
    let name = fs::read_to_string(format!("/proc/{own_pid}/comm")).unwrap();
    assert_eq!(name.trim(), "procwired", "its own process, under the host's number");
    let features = client.agent().capabilities().await.unwrap().features;
    for name in ["own_pid_namespace", "own_namespaces"] {
        let feature = features.iter().find(|feature| feature.name == name).unwrap();
        assert!(!feature.available && !feature.detail.is_empty(), "{feature:?}");
    }
}

#[tokio::test]
async fn with_the_pids_of_its_host_it_ends_processes_there() {
    let Some(container) = Container::new(Pids::OfHost) else { return };
    let agent = container.agent(Pids::OfHost);
    let victim = Victim::start(&["sleep"]);
    let client = agent.client(Role::Operator);
    assert!(client.agent().info().await.unwrap().container_mode);
    client.control().terminate(&victim.reference()).reason("test").await.unwrap().outcome().await.unwrap();
    assert_eq!(victim.ended().signal(), Some(15));
}

#[tokio::test]
async fn mounts_are_those_of_the_host_and_not_those_of_the_container() {
    for pids in [Pids::Own, Pids::OfHost] {
        let Some(container) = Container::new(pids) else { return };
        let agent = container.agent(pids);
        let system = agent.client(Role::Reader).system().get().fields(["mounts"]).await.unwrap().system.unwrap();
        let points: Vec<_> = system.mounts.iter().map(|mount| mount.mount_point.as_slice()).collect();
        let told = fs::read_to_string("/proc/1/mountinfo").unwrap();
        let first = told.lines().next().unwrap().split(' ').nth(4).unwrap();
        assert!(points.contains(&first.as_bytes()), "{first} is not among {points:?}");
        let of_container = container.folder.path().join("proc");
        let of_container = of_container.to_str().unwrap().as_bytes();
        assert!(!points.iter().any(|point| point.starts_with(of_container)), "the container's own mounts are told");
    }
}
