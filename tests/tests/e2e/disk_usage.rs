//! The room in the filesystem of a path.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::Command,
};

use procwire_client::{Client, ErrorKind};
use procwire_proto::v1::{DiskUsage, ErrorReason};
use procwire_tests::{Agent, Role};

async fn room(client: &Client, path: &str) -> DiskUsage {
    client.system().disk_usage(path).await.unwrap().usage.unwrap()
}

/// Size, used and available of df(1), in bytes.
fn df(path: &str, unit: &[&str]) -> Vec<u64> {
    let output = Command::new("df").args(unit).arg(path).env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().nth(1).unwrap().split_whitespace().map(|word| word.parse().unwrap_or(0)).collect()
}

#[tokio::test]
async fn the_room_at_a_path_is_what_df_says() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let response = client.system().disk_usage("/").await.unwrap();
    assert!(response.sampled.is_some());
    let usage = response.usage.unwrap();
    let bytes = df("/", &["-B1", "--output=size,used,avail"]);
    assert_eq!(usage.total_bytes, bytes[0]);
    // Others write meanwhile.
    let near = |ours: u64, theirs: u64| assert!(ours.abs_diff(theirs) < 1 << 30, "{ours} and {theirs}");
    near(usage.used_bytes, bytes[1]);
    near(usage.available_bytes, bytes[2]);
    assert!(usage.free_bytes >= usage.available_bytes);
    let inodes = df("/", &["--output=itotal"]);
    assert_eq!(usage.total_inodes.unwrap_or(0), inodes[0]);
    let ratio = usage.used_ratio.unwrap();
    assert_eq!(ratio, usage.used_bytes as f64 / (usage.used_bytes + usage.available_bytes) as f64);
}

#[tokio::test]
async fn links_are_followed_and_files_are_as_good_as_folders() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("file"), "text").unwrap();
    symlink("/proc", at("to proc")).unwrap();
    assert_eq!(room(&client, &at("file")).await.total_bytes, df(&at(""), &["-B1", "--output=size"])[0]);
    let proc = room(&client, &at("to proc")).await;
    assert_eq!((proc.total_bytes, proc.used_ratio, proc.total_inodes), (0, None, None));
}

#[tokio::test]
async fn a_path_that_cannot_be_answered_says_why() {
    let agent = Agent::options().unprivileged().start();
    let client = agent.client(Role::Reader);
    for path in ["", "relative", "./x", "/nul\0", "/tmp/../etc"] {
        let error = client.system().disk_usage(path).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidRequest, Some("path")), "{path:?}: {error}");
    }
    let error = client.system().disk_usage("/does/not\x1bexist").await.unwrap_err();
    assert_eq!(error.reason(), Some(ErrorReason::NotFound), "{error}");
    assert!(error.to_string().contains("/does/not\\x1bexist"), "{error}");
    // Of the tests' own user, and no other user's way.
    let closed = tempfile::tempdir().unwrap();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    if procwire_tests::programs::is_root() {
        let error = client.system().disk_usage(closed.path().join("below")).await.unwrap_err();
        assert_eq!(error.reason(), Some(ErrorReason::AgentLacksPrivilege), "{error}");
        assert!(error.to_string().contains("below"), "{error}");
    } else {
        skip("without root the agent is the owner of every folder of the tests");
    }
}

#[tokio::test]
async fn a_path_that_would_tell_of_processes_is_refused() {
    let agent = Agent::start();
    let client = agent.client(Role::Reader);
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link").to_str().unwrap().to_owned();
    symlink(format!("/proc/{}/fd/0", std::process::id()), &link).unwrap();
    let own = format!("/proc/{}", std::process::id());
    // What there is and what there is not are told alike.
    let below = ["/fd/0", "/fd/99999", "/root/etc", "/cwd", "/root/none"].map(|name| format!("{own}{name}"));
    for path in below.iter().map(String::as_str).chain([link.as_str(), "/dev/fd/0", "/dev/fd/9999", "/proc/self"]) {
        let error = client.system().disk_usage(path).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidRequest, Some("path")), "{path:?}: {error}");
        assert!(error.to_string().contains("leads below /proc"), "{error}");
    }
    assert_eq!(room(&client, "/proc").await.total_bytes, 0);
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
