//! The agent without a network, in runtimes of both kinds.

use hyper_util::rt::TokioIo;
use procwire_agent::Embedded;
use procwire_proto::v1::{GetInfoRequest, agent_service_client::AgentServiceClient};
use tonic::transport::{Endpoint, Uri};

async fn caller() -> (String, Vec<String>) {
    let embedded = Embedded::start().unwrap();
    let connector = tower::service_fn(move |_: Uri| {
        let connected = TokioIo::new(embedded.connect());
        async move { Ok::<_, std::io::Error>(connected) }
    });
    let channel = Endpoint::from_static("http://embedded").connect_with_connector(connector).await.unwrap();
    let info = AgentServiceClient::new(channel).get_info(GetInfoRequest {}).await.unwrap().into_inner();
    let caller = info.caller.unwrap();
    (caller.principal, caller.roles)
}

#[tokio::test(flavor = "current_thread")]
async fn in_a_runtime_of_one_thread() {
    assert_eq!(caller().await, ("local".to_owned(), vec!["admin".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_runtime_of_many_threads() {
    assert_eq!(caller().await, ("local".to_owned(), vec!["admin".to_owned()]));
}
