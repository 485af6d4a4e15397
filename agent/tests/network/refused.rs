//! Those who do not get in, and how they learn of it.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    harness::{PATIENCE, Running, client_config, client_config_of_chain},
    pki::Pki,
};
use rcgen::ExtendedKeyUsagePurpose;

/// Sends bytes as they are and gives what comes back until the agent closes.
async fn answer_to(agent: &Running, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(agent.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the agent cuts it off");
    answer
}

#[tokio::test]
async fn without_a_certificate() {
    let agent = Running::start(&[]).await;
    let heard = agent.hears(client_config(&agent.pki, None)).await;
    assert!(heard.contains("CertificateRequired"), "{heard}");
    agent.assert_serves().await;
}

#[tokio::test]
async fn with_a_certificate_of_another_authority() {
    let agent = Running::start(&[]).await;
    let stranger = Pki::new().client("stranger", &["admin"]);
    let heard = agent.hears(client_config(&agent.pki, Some(&stranger))).await;
    assert!(heard.contains("UnknownCA") || heard.contains("DecryptError"), "{heard}");
    agent.assert_serves().await;
}

#[tokio::test]
async fn with_an_expired_certificate() {
    let agent = Running::start(&[]).await;
    let heard = agent.hears(client_config(&agent.pki, Some(&agent.pki.expired_client()))).await;
    assert!(heard.contains("CertificateExpired"), "{heard}");
}

#[tokio::test]
async fn with_an_agents_certificate() {
    let agent = Running::start(&[]).await;
    let heard = agent.hears(client_config(&agent.pki, Some(&agent.pki.agent()))).await;
    assert!(heard.contains("UnsupportedCertificate") || heard.contains("BadCertificate"), "{heard}");
}

#[tokio::test]
async fn with_a_certificate_for_any_purpose() {
    let agent = Running::start(&[]).await;
    let anything = agent.pki.issue(|params| params.extended_key_usages = vec![]);
    let heard = agent.hears(client_config(&agent.pki, Some(&anything))).await;
    assert!(heard.contains("UnsupportedCertificate"), "{heard}");
    let both = [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let workload = agent.pki.issue(|params| params.extended_key_usages = both.to_vec());
    agent.get_info(&workload).await.unwrap();
}

#[tokio::test]
async fn with_tls_1_2() {
    // A ClientHello of TLS 1.2: version 0x0303, one cipher suite (ECDHE-RSA-AES128-GCM-SHA256), no supported_versions.
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    let extensions = [0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0, 2, 4, 1];
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    hello.extend([0, length(&extensions)]);
    hello.extend(extensions);
    let mut record = vec![22, 3, 1, 0, length(&hello) + 4, 1, 0, 0, length(&hello)];
    record.extend(hello);

    let agent = Running::start(&[]).await;
    // An alert (21), fatal (2), protocol_version (70).
    assert_eq!(answer_to(&agent, &record).await, [21, 3, 3, 0, 2, 2, 70]);
    agent.assert_serves().await;
}

#[tokio::test]
async fn with_garbage() {
    let agent = Running::start(&[]).await;
    for garbage in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), &[0; 4096], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[22, 3, 1]]
    {
        let mut stream = TcpStream::connect(agent.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the agent cuts it off");
        assert!(answer.is_empty() || answer.starts_with(&[21]), "an alert at most: {answer:?}");
    }
    agent.assert_serves().await;
}

#[tokio::test]
async fn with_another_protocol_within_tls() {
    let agent = Running::start(&[]).await;
    let reader = agent.pki.client("reader", &["reader"]);
    let mut http1 = client_config(&agent.pki, Some(&reader));
    http1.alpn_protocols = vec![b"http/1.1".to_vec()];
    let heard = agent.hears(http1).await;
    assert!(heard.contains("NoApplicationProtocol"), "{heard}");

    let mut nothing = client_config(&agent.pki, Some(&reader));
    nothing.alpn_protocols = vec![];
    assert_eq!(agent.hears(nothing).await, "end");

    let mut tls = agent.tls(client_config(&agent.pki, Some(&reader))).await.unwrap();
    tls.write_all(b"GET / HTTP/1.1\r\nhost: agent\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, tls.read_to_end(&mut answer)).await.expect("the agent cuts it off");
    assert!(answer.is_empty(), "{answer:?}");
    agent.assert_serves().await;
}

#[tokio::test]
async fn a_session_is_never_resumed() {
    let agent = Running::start(&[]).await;
    let config = client_config(&agent.pki, Some(&agent.pki.client("reader", &["reader"])));
    for _ in 0..3 {
        let mut tls = agent.tls(config.clone()).await.unwrap();
        tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let mut settings = [0; 9];
        tls.read_exact(&mut settings).await.unwrap();
        let (_, session) = tls.get_ref();
        assert_eq!(session.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(session.tls13_tickets_received(), 0);
        let exchange = session.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(exchange, rustls::NamedGroup::X25519MLKEM768);
    }
}

#[tokio::test]
async fn with_a_chain_whose_link_is_missing_and_not_with_a_whole_one() {
    let agent = Running::start(&[]).await;
    let between = agent.pki.authority.intermediate("between");
    let client = between.issue(|params| params.serial_number = Some(7.into()));
    let heard = agent.hears(client_config(&agent.pki, Some(&client))).await;
    assert!(heard.contains("UnknownCA"), "{heard}");

    let mut tls = agent.tls(client_config_of_chain(&agent.pki, &client, &[between.der()])).await.unwrap();
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut settings = [0; 9];
    tls.read_exact(&mut settings).await.unwrap();
}
