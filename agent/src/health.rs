//! `grpc.health.v1`: serving from the first call to the word that the agent stops.

use procwire_proto::v1::{agent_service_server, control_service_server, process_service_server, system_service_server};
use tokio::{select, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server,
    health_server::HealthServer,
};

use crate::shutdown::{Ending, Shutdown};

/// The empty name is the agent as a whole.
const NAMES: [&str; 5] = [
    "",
    process_service_server::SERVICE_NAME,
    control_service_server::SERVICE_NAME,
    system_service_server::SERVICE_NAME,
    agent_service_server::SERVICE_NAME,
];

/// Answers health checks. All services come and go together with the agent.
#[derive(Debug)]
pub(crate) struct Health {
    agent: Shutdown,
}

impl Health {
    pub(crate) fn server(agent: Shutdown, request_bytes: usize) -> HealthServer<Health> {
        HealthServer::new(Health { agent }).max_decoding_message_size(request_bytes)
    }

    fn status(&self, service: &str) -> Option<ServingStatus> {
        let stopping = self.agent.ending().is_some();
        let status = if stopping { ServingStatus::NotServing } else { ServingStatus::Serving };
        NAMES.contains(&service).then_some(status)
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let status = self.status(&request.get_ref().service);
        status.map(answer).map(Response::new).ok_or_else(|| Status::not_found("no such service"))
    }

    type WatchStream = ReceiverStream<Result<HealthCheckResponse, Status>>;

    /// health.proto: the status at once, SERVICE_UNKNOWN for a name that may come to be known, then each change.
    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let status = self.status(&request.get_ref().service);
        let connection = request.extensions().get::<Shutdown>().cloned().unwrap_or_else(|| self.agent.clone());
        // Room for everything there is to say: the status now and the last one.
        let (sender, receiver) = mpsc::channel(2);
        // The receiver is in our hand: this cannot fail.
        let _ = sender.try_send(Ok(answer(status.unwrap_or(ServingStatus::ServiceUnknown))));
        tokio::spawn(async move {
            let ending = select! {
                ending = connection.signalled() => ending,
                () = sender.closed() => return,
            };
            match ending {
                Ending::Agent if status.is_some() => drop(sender.try_send(Ok(answer(ServingStatus::NotServing)))),
                Ending::Agent | Ending::ConnectionAge => {}
                // Whoever ends the connection says why.
                Ending::AccessRevoked => sender.closed().await,
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use tokio_stream::StreamExt as _;
    use tonic::Code;
    use tonic_health::pb::health_server::Health as _;

    use super::*;
    use crate::shutdown::{self, ShutdownTrigger};

    fn health() -> (ShutdownTrigger, Health) {
        let (trigger, agent) = shutdown::channel();
        (trigger, Health { agent })
    }

    fn ask(service: &str) -> Request<HealthCheckRequest> {
        Request::new(HealthCheckRequest { service: service.to_owned() })
    }

    async fn statuses(health: &Health, request: Request<HealthCheckRequest>, end: impl FnOnce()) -> Vec<ServingStatus> {
        let mut watch = health.watch(request).await.unwrap().into_inner();
        let first = watch.next().await.unwrap().unwrap();
        end();
        let rest: Vec<_> = watch.collect().await;
        std::iter::once(first).chain(rest.into_iter().map(Result::unwrap)).map(|answer| answer.status()).collect()
    }

    #[tokio::test]
    async fn every_service_serves_until_the_agent_stops() {
        let (trigger, health) = health();
        for name in NAMES {
            assert_eq!(health.check(ask(name)).await.unwrap().get_ref().status(), ServingStatus::Serving, "{name}");
        }
        trigger.fire(Ending::Agent);
        assert_eq!(health.check(ask("")).await.unwrap().get_ref().status(), ServingStatus::NotServing);
        assert_eq!(health.check(ask("nobody")).await.unwrap_err().code(), Code::NotFound);
    }

    #[tokio::test]
    async fn a_watcher_hears_the_last_word_and_its_stream_ends() {
        let (trigger, health) = health();
        let heard = statuses(&health, ask("procwire.v1.ProcessService"), || trigger.fire(Ending::Agent)).await;
        assert_eq!(heard, [ServingStatus::Serving, ServingStatus::NotServing]);
    }

    #[tokio::test]
    async fn an_old_connection_ends_the_stream_without_alarm() {
        let (_trigger, health) = health();
        let (connection_trigger, connection) = shutdown::channel();
        let mut request = ask("");
        request.extensions_mut().insert(connection);
        let heard = statuses(&health, request, || connection_trigger.fire(Ending::ConnectionAge)).await;
        assert_eq!(heard, [ServingStatus::Serving]);
    }

    #[tokio::test]
    async fn a_watcher_of_an_unknown_service_is_told() {
        let (trigger, health) = health();
        let heard = statuses(&health, ask("nobody"), || trigger.fire(Ending::Agent)).await;
        assert_eq!(heard, [ServingStatus::ServiceUnknown]);
    }
}
