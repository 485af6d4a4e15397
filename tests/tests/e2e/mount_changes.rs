//! What is mounted, remounted and unmounted while the agent keeps its files open, in a mount namespace of the agent's own.

use std::{fs, path::Path, process::Command};

use procwire_client::Client;
use procwire_proto::v1::Mount;
use procwire_tests::{Agent, Role, programs};

#[tokio::test]
#[allow(clippy::print_stderr, reason = "what is skipped says why")]
async fn mounts_that_come_change_and_go_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("place");
    fs::create_dir(&place).unwrap();
    let trial = Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "trial"]).arg(&place).output();
    if !trial.is_ok_and(|trial| trial.status.success()) || !programs::is_root() {
        eprintln!("skipped: nothing can be mounted here in a namespace of one's own");
        return;
    }
    let agent = Agent::options().started_by(["unshare", "--mount"]).start();
    let client = agent.client(Role::Reader);
    // Twice, so that what follows meets a reader that has seen the table.
    for _ in 0..2 {
        assert_eq!(mounts_at(&client, &place).await, []);
    }
    let inside = |command: &[&str]| {
        let mut nsenter = Command::new("nsenter");
        nsenter.args(["--mount", "--target", &agent.pid().to_string()]).args(command).arg(&place);
        let done = nsenter.output().unwrap();
        assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    inside(&["mount", "-t", "tmpfs", "-o", "size=1m", "first"]);
    let [first] = &mounts_at(&client, &place).await[..] else { panic!("it is not there") };
    assert_eq!((first.read_only, total_bytes(first)), (false, Some(1 << 20)));

    inside(&["mount", "-o", "remount,size=2m"]);
    assert_eq!(total_bytes(&mounts_at(&client, &place).await[0]), Some(2 << 20));
    inside(&["mount", "-o", "remount,ro"]);
    let [first] = &mounts_at(&client, &place).await[..] else { panic!("it is not there") };
    assert!(first.read_only && first.options.iter().any(|option| option == b"ro"), "{first:?}");

    inside(&["mount", "-t", "tmpfs", "-o", "size=3m", "second"]);
    let [first, second] = &mounts_at(&client, &place).await[..] else { panic!("two are there") };
    assert_eq!((total_bytes(first), total_bytes(second)), (None, Some(3 << 20)), "no path leads to the first");
    inside(&["umount"]);
    assert_eq!(mounts_at(&client, &place).await.iter().map(total_bytes).collect::<Vec<_>>(), [Some(2 << 20)]);
    inside(&["umount"]);
    assert_eq!(mounts_at(&client, &place).await, []);
}

#[tokio::test]
#[allow(clippy::print_stderr, reason = "what is skipped says why")]
async fn what_stands_at_a_path_whose_folder_was_moved_is_not_taken_for_the_mount() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("above/place");
    fs::create_dir_all(&place).unwrap();
    let script = "mount -t tmpfs -o size=1m moved \"$0\" && exec \"$@\"";
    let trial = Command::new("unshare").args(["--mount", "sh", "-c", script]).arg(&place).arg("true").output();
    if !trial.is_ok_and(|trial| trial.status.success()) || !programs::is_root() {
        eprintln!("skipped: nothing can be mounted here in a namespace of one's own");
        return;
    }
    let place_argument = place.to_string_lossy().into_owned();
    let agent = Agent::options().started_by(["unshare", "--mount", "sh", "-c", script, &place_argument]).start();
    let client = agent.client(Role::Reader);
    for _ in 0..2 {
        let [there] = &mounts_at(&client, &place).await[..] else { panic!("it is not there") };
        assert_eq!(total_bytes(there), Some(1 << 20));
    }
    // Nothing is announced: the same mount is now below another folder.
    fs::rename(folder.path().join("above"), folder.path().join("aside")).unwrap();
    fs::create_dir_all(&place).unwrap();
    for mount in mounts_at(&client, &place).await {
        assert_eq!(mount.usage, None, "that is the room of the filesystem below");
    }
}

async fn mounts_at(client: &Client, place: &Path) -> Vec<Mount> {
    use std::os::unix::ffi::OsStrExt as _;
    let system = client.system().get().fields(["mounts"]).await.unwrap().system.unwrap();
    system.mounts.into_iter().filter(|mount| mount.mount_point == place.as_os_str().as_bytes()).collect()
}

fn total_bytes(mount: &Mount) -> Option<u64> {
    mount.usage.as_ref().map(|usage| usage.total_bytes)
}
