//! An agent without privileges answers less, and says what is missing and why.

use procwire_client::ErrorKind;
use procwire_proto::v1::ErrorReason;
use procwire_proto::v1::FieldErrorReason;
use procwire_tests::{Agent, Role, Victim, is_root, reference_of};

#[tokio::test]
async fn rows_of_other_users_say_which_fields_are_denied() {
    let agent = Agent::options().unprivileged().start();
    let client = agent.client(Role::Admin);
    // pid 1 is root's wherever the tests run.
    let process = client.processes().get(1).fields(["*"]).await.unwrap().process.unwrap();
    assert!(process.name.is_some() && process.uids.is_some() && process.memory.is_some());
    assert_eq!((&process.exe, &process.cwd), (&None, &None));
    for path in ["exe", "cwd", "io"] {
        let error =
            process.errors.iter().find(|error| error.path == path || error.path.starts_with(&format!("{path}.")));
        let error = error.unwrap_or_else(|| panic!("{path} is absent without a reason: {:?}", process.errors));
        assert_eq!(error.reason(), FieldErrorReason::PermissionDenied, "{error:?}");
    }
}

#[tokio::test]
async fn it_says_beforehand_what_it_cannot_do() {
    let agent = Agent::options().unprivileged().start();
    let capabilities = agent.client(Role::Reader).agent().capabilities().await.unwrap();
    for name in ["read_other_users", "signal_other_users"] {
        let feature =
            capabilities.features.iter().find(|feature| feature.name == name).unwrap_or_else(|| panic!("{name}"));
        assert!(!feature.available && !feature.detail.is_empty(), "{feature:?}");
    }
    let exe = capabilities.process_fields.iter().find(|field| field.path == "exe").unwrap();
    assert!(!exe.available && !exe.detail.is_empty(), "{exe:?}");
}

#[tokio::test]
async fn it_cannot_end_a_process_of_another_user_and_says_so() {
    if !is_root() {
        // Whoever is not root has no process of another user at hand that may be risked.
        return;
    }
    let agent = Agent::options().unprivileged().start();
    let victim = Victim::start(&["sleep"]);
    let client = agent.client(Role::Operator);
    let error =
        client.control().terminate(&victim.reference()).reason("test").await.unwrap().outcome().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert_eq!(error.reason(), Some(ErrorReason::AgentLacksPrivilege), "{error}");
    assert!(victim.is_alive());
    assert_eq!(victim.reference(), reference_of(victim.pid()));
}
