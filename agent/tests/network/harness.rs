//! A running agent and clients of several characters.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use procwire_agent::{Agent, Config, RunError};
use procwire_proto::v1::{GetInfoRequest, GetInfoResponse, agent_service_client::AgentServiceClient};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, version::TLS13};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::{io::AsyncReadExt as _, net::TcpStream, sync::oneshot, task::JoinHandle, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::{
    Response, Status,
    transport::{Channel, Endpoint, Uri},
};

use crate::pki::{Identity, Pki};

/// Far more than anything here takes: reaching it is a failure, never a decision.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Running {
    pub(crate) pki: Pki,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    run: JoinHandle<Result<(), RunError>>,
}

impl Running {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Running {
        let pki = Pki::new();
        let files = tls_files(&pki);
        let base: Vec<(&str, &str)> = files.iter().map(|(key, path)| (*key, path.as_str())).collect();
        let config = Config::from_pairs(&[&base[..], &[("listen", "127.0.0.1:0")], settings].concat()).unwrap();
        let agent = Agent::bind(config).await.unwrap();
        let address = agent.local_addr();
        let (stop, stopped) = oneshot::channel();
        let run = tokio::spawn(agent.run(async move { drop(stopped.await) }));
        Running { pki, address, stop: Some(stop), run }
    }

    pub(crate) fn ask_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn ended(self) -> Result<(), RunError> {
        timeout(PATIENCE, self.run).await.unwrap().unwrap()
    }

    /// A TLS connection, as far as the client can tell: TLS 1.3 tells it of a refusal only when it reads.
    pub(crate) async fn tls(&self, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// What a client that was let in as far as TLS hears when it reads on.
    pub(crate) async fn hears(&self, config: ClientConfig) -> String {
        let mut tls = match self.tls(config).await {
            Ok(tls) => tls,
            Err(error) => return error.to_string(),
        };
        let mut first = [0; 1];
        match timeout(PATIENCE, tls.read(&mut first)).await.expect("the agent cuts it off") {
            Ok(0) => "end".to_owned(),
            Ok(_) => "bytes".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    pub(crate) async fn channel(&self, identity: &Identity) -> Result<Channel, tonic::transport::Error> {
        let config = client_config(&self.pki, Some(identity));
        let address = self.address;
        let connector = tower::service_fn(move |_: Uri| {
            let connector = TlsConnector::from(Arc::new(config.clone()));
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = ServerName::try_from("localhost").unwrap();
                connector.connect(name, stream).await.map(TokioIo::new)
            }
        });
        Endpoint::from_static("http://agent").connect_with_connector(connector).await
    }

    /// Proves that the agent serves: a whole call on a new connection.
    pub(crate) async fn get_info(&self, identity: &Identity) -> Result<GetInfoResponse, Status> {
        let channel = self.channel(identity).await.map_err(|error| Status::unavailable(error.to_string()))?;
        AgentServiceClient::new(channel).get_info(GetInfoRequest {}).await.map(Response::into_inner)
    }

    pub(crate) async fn assert_serves(&self) {
        self.get_info(&self.pki.client("witness", &["reader"])).await.unwrap();
    }
}

pub(crate) fn tls_files(pki: &Pki) -> [(&'static str, String); 3] {
    let agent = pki.agent();
    [
        ("tls.certificate", pki.write("agent.pem", &agent.certificate.pem(), 0o644)),
        ("tls.key", pki.write("agent.key", &agent.key.serialize_pem(), 0o600)),
        ("tls.client_ca", pki.write("ca.pem", &pki.authority_pem(), 0o644)),
    ]
}

/// As the SDK does it: TLS 1.3, h2, the agent's authority trusted.
pub(crate) fn client_config(pki: &Pki, identity: Option<&Identity>) -> ClientConfig {
    config(pki, identity, &[])
}

/// With the authorities between the client's certificate and the one that the agent knows.
pub(crate) fn client_config_of_chain(
    pki: &Pki,
    identity: &Identity,
    between: &[CertificateDer<'static>],
) -> ClientConfig {
    config(pki, Some(identity), between)
}

fn config(pki: &Pki, identity: Option<&Identity>, between: &[CertificateDer<'static>]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(pki.authority_der()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            let chain = std::iter::once(certificate.der()).chain(between).cloned().collect();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}
