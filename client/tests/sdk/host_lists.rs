//! Control groups, systemd units and the room of a path: what is asked for, what is put together, deadlines, ends.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use procwire_client::ErrorKind;
use procwire_client::v1::{
    Cgroup, DiskUsage, GetDiskUsageResponse, ListCgroupsHeader, ListCgroupsRequest, ListCgroupsResponse,
    ListCgroupsSummary, ListUnitsHeader, ListUnitsRequest, ListUnitsResponse, ListUnitsSummary, Unit,
};
use tonic::Status;

use crate::fake_agent::FakeAgent;
use crate::script::Step;

fn groups(paths: &[&str]) -> ListCgroupsResponse {
    let group = |path: &&str| Cgroup { path: Some(path.as_bytes().to_vec()), ..Cgroup::default() };
    ListCgroupsResponse { cgroups: paths.iter().map(group).collect(), ..Default::default() }
}

fn first_groups(paths: &[&str]) -> ListCgroupsResponse {
    ListCgroupsResponse { header: Some(ListCgroupsHeader::default()), ..groups(paths) }
}

fn last_groups(returned: u32) -> ListCgroupsResponse {
    let summary = ListCgroupsSummary { returned, ..Default::default() };
    ListCgroupsResponse { summary: Some(summary), ..Default::default() }
}

fn units(names: &[&str]) -> ListUnitsResponse {
    let unit = |name: &&str| Unit { name: (*name).to_owned(), ..Unit::default() };
    ListUnitsResponse { units: names.iter().map(unit).collect(), ..Default::default() }
}

fn first_units(names: &[&str]) -> ListUnitsResponse {
    ListUnitsResponse { header: Some(ListUnitsHeader::default()), ..units(names) }
}

fn last_units(returned: u32) -> ListUnitsResponse {
    let summary = ListUnitsSummary { returned, ..Default::default() };
    ListUnitsResponse { summary: Some(summary), ..Default::default() }
}

#[tokio::test]
async fn what_is_set_of_a_list_of_groups_reaches_the_agent() {
    let agent = FakeAgent::default();
    agent.cgroups.then([Step::Send(first_groups(&["/a"])), Step::Send(groups(&["/a/b"])), Step::Send(last_groups(2))]);
    agent.cgroups.then([Step::Send(first_groups(&[])), Step::Send(last_groups(0))]);
    let client = agent.client();
    let call = client.system().cgroups().path(OsStr::from_bytes(b"/\xff")).paths(["/a", "/b"]).descendants();
    let list = call.fields(["path", "cpu"]).usage_window(Duration::from_secs(2)).limit(7).await.unwrap();
    assert_eq!(list.cgroups.iter().map(Cgroup::path).collect::<Vec<_>>(), [b"/a".as_slice(), b"/a/b"]);
    assert_eq!(list.summary.returned, 2);
    assert!(client.system().cgroups().await.unwrap().cgroups.is_empty());

    let asked = agent.cgroups.asked();
    let first = &asked[0].message;
    assert_eq!(first.paths, [b"/\xff".as_slice(), b"/a", b"/b"]);
    assert_eq!(first.read_mask.as_ref().unwrap().paths, ["path", "cpu"]);
    assert_eq!((first.descendants, first.limit), (true, 7));
    assert_eq!(first.usage_window.as_ref().map(|window| window.seconds), Some(2));
    assert_eq!(asked[1].message, ListCgroupsRequest::default());
}

#[tokio::test]
async fn what_is_set_of_a_list_of_units_reaches_the_agent() {
    let agent = FakeAgent::default();
    agent.units.then([Step::Send(first_units(&["a.service", "b.timer"])), Step::Send(last_units(2))]);
    agent.units.then([Step::Send(first_units(&[])), Step::Send(last_units(0))]);
    let client = agent.client();
    let call = client.system().units().pattern("*.service").patterns(["a*", "b*"]);
    let list = call.active_state("failed").active_states(["active", "reloading"]).await.unwrap();
    assert_eq!(list.units.iter().map(|unit| unit.name.as_str()).collect::<Vec<_>>(), ["a.service", "b.timer"]);
    assert_eq!(list.summary.returned, 2);
    assert!(client.system().units().await.unwrap().units.is_empty());

    let asked = agent.units.asked();
    assert_eq!(asked[0].message.patterns, ["*.service", "a*", "b*"]);
    assert_eq!(asked[0].message.active_states, ["failed", "active", "reloading"]);
    assert_eq!(asked[1].message, ListUnitsRequest::default());
}

#[tokio::test]
async fn both_hand_out_rows_as_they_come_and_say_when_they_are_cut_short() {
    let agent = FakeAgent::default();
    let client = agent.client();
    agent.cgroups.then([Step::Send(first_groups(&["/a"])), Step::Send(groups(&["/b"]))]);
    let mut stream = client.system().cgroups().stream().await.unwrap();
    assert_eq!(stream.header(), &ListCgroupsHeader::default());
    assert_eq!(stream.next().await.unwrap().unwrap()[0].path(), b"/a");
    assert_eq!(stream.next().await.unwrap().unwrap()[0].path(), b"/b");
    assert_eq!(stream.next().await.unwrap_err().kind(), ErrorKind::CutShort);
    assert!(stream.summary().is_none());

    agent.units.then([Step::Send(first_units(&["a"])), Step::Send(last_units(1))]);
    let mut stream = client.system().units().stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap()[0].name, "a");
    assert_eq!(stream.next().await.unwrap(), None);
    assert_eq!(stream.summary().unwrap().returned, 1);
    agent.units.then([Step::Send(first_units(&["a"]))]);
    assert_eq!(client.system().units().await.unwrap_err().kind(), ErrorKind::CutShort);
}

#[tokio::test]
async fn dropping_them_ends_them_at_the_agent() {
    let agent = FakeAgent::default();
    agent.cgroups.then([Step::Send(first_groups(&["/a"])), Step::Hang]);
    agent.units.then([Step::Send(first_units(&["a"])), Step::Hang]);
    agent.disk_usage.then([Step::Hang]);
    let client = agent.client();
    drop(client.system().cgroups().stream().await.unwrap());
    drop(client.system().units().stream().await.unwrap());
    let call = tokio::spawn(client.system().disk_usage("/mnt").into_future());
    while agent.disk_usage.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    call.abort();
    agent.cgroups.hung_up(1).await;
    agent.units.hung_up(1).await;
    agent.disk_usage.hung_up(1).await;
}

#[tokio::test]
async fn the_room_of_a_path_is_asked_for_by_its_bytes_and_again_when_the_agent_is_starting() {
    let agent = FakeAgent::default();
    let usage = DiskUsage { total_bytes: 100, available_bytes: 40, ..DiskUsage::default() };
    agent.disk_usage.then([Step::Fail(Status::unavailable("starting"))]);
    agent.disk_usage.then([Step::Send(GetDiskUsageResponse { usage: Some(usage), sampled: None })]);
    let response = agent.client().system().disk_usage(OsStr::from_bytes(b"/mnt/\xff")).await.unwrap();
    assert_eq!(response.usage.unwrap().available_bytes, 40);
    let asked = agent.disk_usage.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|call| call.message.path == b"/mnt/\xff"));
}

#[tokio::test(start_paused = true)]
async fn each_has_its_own_deadline_unless_the_client_has_one_for_all() {
    let agent = FakeAgent::default();
    let slow_groups =
        || [Step::Send(first_groups(&[])), Step::Pause(Duration::from_secs(40)), Step::Send(last_groups(0))];
    let slow_units = || [Step::Send(first_units(&[])), Step::Pause(Duration::from_secs(40)), Step::Send(last_units(0))];
    let slow_usage = || [Step::Pause(Duration::from_secs(12)), Step::Send(GetDiskUsageResponse::default())];
    for _ in 0..3 {
        agent.cgroups.then(slow_groups());
        agent.units.then(slow_units());
        agent.disk_usage.then(slow_usage());
    }
    let client = agent.client();
    let timed_out = |error: procwire_client::Error| (error.kind(), error.operation().to_owned());
    let error = client.system().cgroups().await.unwrap_err();
    assert_eq!(timed_out(error), (ErrorKind::Timeout, "list control groups".to_owned()));
    let error = client.system().units().await.unwrap_err();
    assert_eq!(timed_out(error), (ErrorKind::Timeout, "list units".to_owned()));
    let error = client.system().disk_usage("/").await.unwrap_err();
    assert_eq!(timed_out(error), (ErrorKind::Timeout, "get disk usage".to_owned()));

    let minute = Duration::from_secs(60);
    client.system().cgroups().timeout(minute).await.unwrap();
    client.system().units().timeout(minute).await.unwrap();
    client.system().disk_usage("/").timeout(minute).await.unwrap();

    let patient = client.with_default_timeout(minute);
    patient.system().cgroups().await.unwrap();
    patient.system().units().await.unwrap();
    patient.system().disk_usage("/").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_call_is_told_to_measure_comes_on_top_of_the_time_for_all() {
    let agent = FakeAgent::default();
    let slow = || [Step::Send(first_groups(&[])), Step::Pause(Duration::from_secs(40)), Step::Send(last_groups(0))];
    agent.cgroups.then(slow()).then(slow()).then(slow());
    let hasty = agent.client().with_default_timeout(Duration::from_secs(20));
    assert_eq!(hasty.system().cgroups().await.unwrap_err().kind(), ErrorKind::Timeout);
    hasty.system().cgroups().usage_window(Duration::from_secs(30)).await.unwrap();
    let told = hasty.system().cgroups().usage_window(Duration::from_secs(30)).timeout(Duration::from_secs(30));
    assert_eq!(told.await.unwrap_err().kind(), ErrorKind::Timeout, "what a call was told itself counts alone");
}
