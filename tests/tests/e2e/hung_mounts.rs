//! Filesystems that never answer: FUSE without a program behind it, in a mount namespace of the agent's own.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use procwire_client::{Client, SystemEvent};
use procwire_proto::v1::{ErrorReason, FieldError, FieldErrorReason, Mount, System};
use procwire_tests::{
    Agent, Role,
    waiting::{eventually_async, within_patience},
};
use tempfile::TempDir;

/// Makes a filesystem that answers and two that do not: nobody reads from the descriptor that their requests go to, so that even the first
/// waits (fs/fuse/dev.c, fuse_get_req). It is held open by a `cat` that ends with the test or when the test says so. The last
/// arguments, and only those, go on without it. One more that hangs lies over the folder above a filesystem that would answer.
const SCRIPT: &str = "
    mount -t tmpfs -o size=1m well \"$0/well\" || exit 1
    mount -t tmpfs -o size=1m hidden \"$0/srv/data\" || exit 1
    exec 3<>/dev/fuse 4<>/dev/fuse 5<>/dev/fuse || exit 1
    options=rootmode=40000,user_id=0,group_id=0,allow_other
    mount -i -t fuse -o fd=3,$options hung \"$0/hung\" || exit 1
    mount -i -t fuse -o fd=4,$options hung2 \"$0/hung 2\" || exit 1
    mount -i -t fuse -o fd=5,$options hung3 \"$0/srv\" || exit 1
    (cat <\"$0/hold\" >/dev/null 2>&1 &)
    exec \"$@\" 3<&- 4<&- 5<&-";

/// Mounts whose room cannot be told while filesystems hang.
const HANGING: [&str; 4] = ["hung", "hung 2", "srv", "srv/data"];

/// An agent among filesystems that hang.
struct Stage {
    agent: Agent,
    folder: TempDir,
    /// As long as this is open the filesystems hang; then every request ends with an error.
    hold: Option<File>,
}

impl Stage {
    /// Nothing, with the reason printed, where such filesystems cannot be made.
    fn set() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["well", "hung", "hung 2", "srv/data"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let hold = folder.path().join("hold");
        assert!(Command::new("mkfifo").arg(&hold).status().unwrap().success());
        // Open both ways, it waits for nobody on the other side (fifo(7)).
        let hold = OpenOptions::new().read(true).write(true).open(&hold).unwrap();
        let mut command = ["unshare", "--mount", "sh", "-c", SCRIPT].map(PathBuf::from).to_vec();
        command.push(folder.path().to_path_buf());
        let mut trial = Command::new("unshare");
        trial.args(&command[1..]).arg("true").stdout(Stdio::null());
        let output = trial.output().unwrap();
        if !output.status.success() {
            return skip(String::from_utf8_lossy(&output.stderr).trim());
        }
        let agent = Agent::options().started_by(command).start();
        Some(Self { agent, folder, hold: Some(hold) })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mount<'a>(&self, system: &'a System, name: &str) -> &'a Mount {
        let path = self.path(name);
        let is_it = |mount: &&Mount| mount.mount_point == path.as_os_str().as_bytes();
        system.mounts.iter().find(is_it).unwrap_or_else(|| panic!("no mount at {}", path.display()))
    }

    /// The filesystem that answers does; those that hang are told apart from it, and so is the one that the way to leads through them.
    fn assert_told_apart(&self, system: &System) {
        let well = self.mount(system, "well");
        assert_eq!(well.usage.map(|usage| usage.total_bytes), Some(1 << 20), "{well:?}");
        for name in HANGING {
            assert_eq!(reason(self.mount(system, name)), Some(FieldErrorReason::Timeout), "{name}");
        }
        let hidden = self.path("srv/data");
        let is_behind = |mount: &&Mount| mount.mount_point == hidden.as_os_str().as_bytes();
        let others = system.mounts.iter().filter(|mount| mount.filesystem_type != b"fuse" && !is_behind(mount));
        let timeouts: Vec<_> = others.filter(|mount| reason(mount) == Some(FieldErrorReason::Timeout)).collect();
        assert!(timeouts.is_empty(), "{timeouts:?}");
    }

    /// Threads of the agent that ask filesystems.
    fn asking_threads(&self) -> usize {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.agent.pid())).unwrap().flatten();
        let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.starts_with("mounts-")).count()
    }
}

fn reason(mount: &Mount) -> Option<FieldErrorReason> {
    assert_ne!(mount.usage.is_some(), mount.errors.iter().any(|error| error.path == "usage"), "{mount:?}");
    mount.errors.iter().find(|error| error.path == "usage").map(FieldError::reason)
}

async fn mounts(client: &Client) -> System {
    let call = client.system().get().fields(["mounts.usage", "mounts.filesystem_type"]);
    within_patience("a snapshot of mounts", call.into_future()).await.unwrap().system.unwrap()
}

async fn room(client: &Client, path: &Path) -> Result<u64, ErrorReason> {
    let call = within_patience("the room at a path", client.system().disk_usage(path).into_future());
    call.await.map(|response| response.usage.unwrap().total_bytes).map_err(|error| error.reason().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mount_that_hangs_is_told_as_such_and_delays_nothing_else() {
    let Some(stage) = Stage::set() else { return };
    let client = stage.agent.client(Role::Reader);
    let watch = |fields: &'static [&'static str]| {
        client.system().watch().fields(fields.iter().copied()).interval(Duration::from_millis(100)).into_future()
    };
    let (mut quick, mut slow) = (watch(&["load"]).await.unwrap(), watch(&["mounts.usage"]).await.unwrap());

    let several = tokio::join!(mounts(&client), mounts(&client), mounts(&client));
    for system in [&several.0, &several.1, &several.2] {
        stage.assert_told_apart(system);
    }
    let after_the_first = stage.asking_threads();
    for _ in 0..50 {
        stage.assert_told_apart(&mounts(&client).await);
    }
    let after_fifty = stage.asking_threads();
    assert!(after_fifty <= after_the_first + 2, "{after_the_first} threads after the first calls, now {after_fifty}");

    assert_eq!(room(&client, &stage.path("hung")).await, Err(ErrorReason::HostReadTimeout));
    assert_eq!(room(&client, &stage.path("hung 2/below")).await, Err(ErrorReason::HostReadTimeout));
    assert_eq!(room(&client, &stage.path("well")).await, Ok(1 << 20));
    assert_eq!(room(&client, &stage.path("nothing")).await, Err(ErrorReason::NotFound));

    client.processes().list().fields(["pid", "cmdline", "open_files"]).await.unwrap();
    client.agent().info().await.unwrap();
    for stream in [&mut quick, &mut slow] {
        let mut samples = 0;
        while samples < 5 {
            let event = within_patience("a sample", stream.next()).await.unwrap().unwrap();
            samples += usize::from(matches!(event, SystemEvent::Sample { .. }));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_into_a_mount_that_hangs_holds_up_no_other_path() {
    let Some(stage) = Stage::set() else { return };
    let client = stage.agent.client(Role::Reader);
    let link = stage.path("link");
    std::os::unix::fs::symlink("hung/below", &link).unwrap();
    for _ in 0..20 {
        assert_eq!(room(&client, &link).await, Err(ErrorReason::HostReadTimeout));
        assert_eq!(room(&client, &stage.path("well")).await, Ok(1 << 20));
    }
    assert!(stage.asking_threads() <= 4, "{} threads", stage.asking_threads());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mount_that_hung_is_asked_again_when_it_has_answered() {
    let Some(mut stage) = Stage::set() else { return };
    let client = stage.agent.client(Role::Reader);
    stage.assert_told_apart(&mounts(&client).await);
    stage.hold = None;
    eventually_async("an answer of the mounts that hung", || async {
        let system = mounts(&client).await;
        let reasons = HANGING.map(|name| reason(stage.mount(&system, name)));
        (reasons == [Some(FieldErrorReason::ReadFailed); 4]).then_some(())
    })
    .await;
    assert_eq!(room(&client, &stage.path("hung")).await, Err(ErrorReason::HostReadFailed));
    assert!(stage.agent.is_running());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_a_path_that_hangs_holds_up_other_paths() {
    let Some(stage) = Stage::set() else { return };
    let client = stage.agent.client(Role::Reader);
    let link = stage.path("link");
    std::os::unix::fs::symlink(stage.path("hung"), &link).unwrap();
    for number in 0..12 {
        for place in [stage.path("hung"), stage.path("./hung/."), link.clone(), stage.path("srv/data")] {
            let path = place.join(number.to_string());
            assert_eq!(room(&client, &path).await, Err(ErrorReason::HostReadTimeout), "{}", path.display());
        }
        let parent = format!("/proc/..{}/{number}", stage.path("hung").display());
        assert_eq!(room(&client, Path::new(&parent)).await, Err(ErrorReason::InvalidRequest));
    }
    assert!(room(&client, Path::new("/usr")).await.is_ok());
    assert_eq!(room(&client, &stage.path("well/none")).await, Err(ErrorReason::NotFound));
    assert!(stage.asking_threads() <= 6, "{} threads", stage.asking_threads());
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn skip<T>(why: &str) -> Option<T> {
    eprintln!("skipped: FUSE cannot be mounted here: {why}");
    None
}
