//! An agent that is asked to stop says goodbye first.

use std::time::Duration;

use procwire_client::{ErrorKind, SystemEvent};
use procwire_proto::v1::GoodbyeReason;
use procwire_tests::{
    Agent, Role, Victim, signal,
    waiting::{eventually, within_patience},
};

#[tokio::test]
async fn streams_end_with_a_goodbye_and_the_agent_with_success() {
    for name in ["TERM", "INT"] {
        let mut agent = Agent::start();
        let client = agent.client(Role::Reader);
        let mut watch = client.system().watch().interval(Duration::from_secs(3600)).reconnect(false).await.unwrap();
        let first = watch.next().await.unwrap();
        assert!(matches!(first, Some(SystemEvent::Header(_))), "{first:?}");
        signal(agent.pid(), name);
        let goodbye = within_patience("the goodbye", async {
            loop {
                match watch.next().await.unwrap() {
                    Some(SystemEvent::Goodbye(goodbye)) => return goodbye,
                    Some(_) => {}
                    None => panic!("the stream ended without a goodbye"),
                }
            }
        })
        .await;
        assert_eq!(goodbye.reason(), GoodbyeReason::ShuttingDown);
        assert!(goodbye.retry_after.is_some());
        assert_eq!(watch.next().await.unwrap().map(|event| format!("{event:?}")), None);
        assert_eq!(agent.ended().await.code(), Some(0), "SIG{name}:\n{}", agent.log());
        let error = client.agent().info().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::Unavailable), "{error}");
    }
}

#[tokio::test]
async fn a_termination_under_way_is_finished_or_its_state_is_audited() {
    let mut agent = Agent::start();
    let victim = Victim::start(&["ignore-term"]);
    let client = agent.client(Role::Operator);
    let request = client
        .control()
        .terminate(&victim.reference())
        .grace(Duration::from_secs(1))
        .reason("test")
        .request_id("at-the-end");
    let mut termination = request.await.unwrap();
    termination.next().await.unwrap().unwrap();
    agent.terminate();
    agent.ended().await;
    let outcome =
        agent.audit().into_iter().find(|line| line["event"] == "outcome" && line["request_id"] == "at-the-end");
    assert!(outcome.is_some(), "{:?}\n{}", agent.audit(), agent.log());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut agent = Agent::options().set("limits.shutdown_grace", "5m").start();
    let victim = Victim::start(&["sleep"]);
    let client = agent.client(Role::Reader);
    let reference = victim.reference();
    let _termination = {
        let operator = agent.client(Role::Operator);
        let stubborn = Victim::start(&["ignore-term"]);
        let mut termination = operator
            .control()
            .terminate(&stubborn.reference())
            .grace(Duration::from_secs(600))
            .reason("test")
            .await
            .unwrap();
        termination.next().await.unwrap().unwrap();
        (operator, stubborn, termination)
    };
    let _waiting = tokio::spawn(async move { client.control().wait(&reference).await });
    agent.terminate();
    eventually("the agent to notice", || agent.log().contains("asked to stop").then_some(()));
    if agent.is_running() {
        agent.terminate();
    }
    agent.ended().await;
}
