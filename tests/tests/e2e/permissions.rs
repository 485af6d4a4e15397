//! docs/permissions.md against the real agent: every method with every role, and every class of data.

use std::{collections::BTreeMap, time::Duration};

use http::Request;
use procwire_proto::v1::FieldErrorReason;
use procwire_tests::{Agent, Identity, Role, Victim, raw::Connection, workspace};
use tower::Service as _;

const ROLES: [Role; 4] = [Role::Reader, Role::Inspector, Role::Operator, Role::Admin];

/// The cells of a table of the page, by their first one; the columns are the roles.
fn table(heading: &str) -> BTreeMap<String, [String; 4]> {
    let page = std::fs::read_to_string(workspace().join("docs/permissions.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let roles = [cells[1], cells[2], cells[3], cells[4]].map(str::to_owned);
        (cells[0].trim_matches('`').to_owned(), roles)
    };
    rows.map(row).collect()
}

#[tokio::test]
async fn every_method_is_open_to_exactly_the_roles_of_the_table() {
    let agent = Agent::start();
    let documented = table("Methods");
    let mut seen = BTreeMap::new();
    for (index, role) in ROLES.into_iter().enumerate() {
        let identity = agent.pki.client(role);
        let capabilities = agent.client_as(&identity).agent().capabilities().await.unwrap();
        assert_eq!(capabilities.methods.len(), documented.len(), "{:?}", documented.keys());
        for method in &capabilities.methods {
            let name = method.method.trim_start_matches('/').to_owned();
            let wanted = &documented.get(&name).unwrap_or_else(|| panic!("{name} is not on the page"))[index];
            let reason = call(&agent, &identity, &method.method).await;
            let got = if reason == "ROLE_MISSING" { "" } else { "yes" };
            assert_eq!((got, method.allowed), (wanted.as_str(), wanted == "yes"), "{role} {name}: {reason}");
            *seen.entry(name).or_insert(0) += 1;
        }
    }
    assert!(seen.values().all(|count| *count == ROLES.len()), "{seen:?}");
}

/// The reason of the answer to an empty message.
async fn call(agent: &Agent, identity: &Identity, method: &str) -> String {
    use tonic_types::StatusExt as _;
    let mut connection = Connection::open(agent, identity).await;
    let empty_message = tonic::body::Body::new(http_body_util::Full::new(bytes::Bytes::from_static(&[0; 5])));
    let request = Request::post(format!("https://localhost{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(empty_message)
        .unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(30), connection.call(request)).await.unwrap().unwrap();
    let status = tonic::Status::from_header_map(answer.headers());
    status.and_then(|status| status.get_details_error_info()).map(|info| info.reason).unwrap_or_default()
}

#[tokio::test]
async fn every_class_of_data_is_shown_to_exactly_the_roles_of_the_table() {
    const SECRET: &str = "hunter2hunter2";
    // A shell takes any arguments, and keeps them while it waits for the end of its input.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "echo ready; read line", "keeper", &format!("--password={SECRET}")]);
    command.env("API_TOKEN", SECRET).env("PLAIN_WORD", "visible");
    let victim = Victim::start_command(command);
    let agent = Agent::start();
    let documented = table("Classes of data");
    for (index, role) in ROLES.into_iter().enumerate() {
        let client = agent.client(role);
        let row = client
            .processes()
            .get(victim.pid())
            .fields(["name", "cmdline", "environ", "open_files", "sockets", "memory_maps"])
            .await
            .unwrap()
            .process
            .unwrap();
        let withheld = |path: &str| {
            row.errors.iter().any(|error| error.path == path && error.reason() == FieldErrorReason::Redacted)
        };
        let cmdline = row.cmdline.join(&b' ');
        let has_secret = String::from_utf8_lossy(&cmdline).contains(SECRET);
        let got = BTreeMap::from([
            ("basic", row.name.is_some()),
            ("cmdline", !cmdline.is_empty()),
            ("cmdline_secrets", has_secret),
            ("environ", !row.environ.is_empty()),
            ("environ_values", row.environ.iter().any(|variable| variable.value.as_deref() == Some(b"visible"))),
            (
                "environ_secrets",
                row.environ.iter().any(|variable| variable.value.as_deref() == Some(SECRET.as_bytes())),
            ),
            ("files", !withheld("open_files")),
            ("sockets", !withheld("sockets")),
            ("maps", !withheld("memory_maps")),
        ]);
        assert_eq!(got.len(), documented.len());
        for (class, is_shown) in got {
            let wanted = documented[class][index] == "yes";
            assert_eq!(is_shown, wanted, "{role} {class}: {row:?}");
        }
    }
}
