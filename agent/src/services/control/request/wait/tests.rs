#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;

const LONGEST: Duration = Duration::from_secs(3600);

fn target() -> ProcessRef {
    ProcessRef { pid: 4242, start_ticks: 7, boot_id: vec![1; 16].into(), pidfd_inode: None }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

#[test]
fn waiting_has_a_target_and_an_end() {
    let parse = |r#ref, timeout| WaitSpec::parse(WaitProcessRequest { r#ref, timeout }, LONGEST);
    assert_eq!(parse(Some(target()), None).unwrap(), WaitSpec { target: target(), timeout: LONGEST });
    assert_eq!(parse(Some(target()), seconds(0)).unwrap().timeout, Duration::ZERO);
    assert_eq!(parse(None, None).unwrap_err().field(), Some("ref"));
    assert_eq!(parse(Some(ProcessRef::default()), None).unwrap_err().field(), Some("ref.pid"));
    for timeout in [seconds(-1), seconds(3601)] {
        assert_eq!(parse(Some(target()), timeout).unwrap_err().field(), Some("timeout"));
    }
}

#[test]
fn waiting_for_many_has_targets_and_an_end() {
    let parse = |refs, timeout| WaitManySpec::parse(&WaitProcessesRequest { refs, timeout }, LONGEST);
    let twice = vec![target(); 2];
    assert_eq!(parse(twice.clone(), None).unwrap(), WaitManySpec { targets: twice, timeout: LONGEST });
    parse(vec![target(); 1024], seconds(0)).unwrap();
    assert_eq!(parse(vec![], None).unwrap_err().field(), Some("refs"));
    assert_eq!(parse(vec![target(); 1025], None).unwrap_err().field(), Some("refs"));
    let bare = ProcessRef { boot_id: vec![].into(), ..target() };
    assert_eq!(parse(vec![target(), bare], None).unwrap_err().field(), Some("refs[1].boot_id"));
    for timeout in [seconds(-1), seconds(3601)] {
        assert_eq!(parse(vec![target()], timeout).unwrap_err().field(), Some("timeout"));
    }
}
