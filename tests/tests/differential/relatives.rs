//! Children, descendants and parents, which are calls in psutil and conditions and a field here.

use procwire_client::Client;
use procwire_tests::{Agent, Role, Victim, reference_of};
use serde_json::{Value, json};

use crate::judge::Judge;

#[tokio::test]
async fn children_descendants_and_parents_are_those_of_psutil() {
    let agent = Agent::start();
    let family = Victim::start(&["spawn", "3"]);
    let client = agent.client(Role::Reader);
    let mut judge = Judge::start(None);
    // The test has what it has started, and children of those.
    for pid in [family.pid(), std::process::id(), agent.pid()] {
        let mut told = (Value::Null, Value::Null);
        for _ in 0..6 {
            let before = judge.relatives(pid);
            told = (ours(&client, pid).await, before);
            if told.0 == told.1 {
                break;
            }
        }
        assert_eq!(told.0, told.1, "{pid}, ours and psutil's");
    }
    let children = judge.relatives(family.pid())["children"].as_array().unwrap().len();
    assert_eq!(children, 3);
}

async fn ours(client: &Client, pid: u32) -> Value {
    let reference = reference_of(pid);
    let pids =
        |list: procwire_client::ProcessList| list.processes.iter().map(|process| process.pid).collect::<Vec<_>>();
    let children = pids(client.processes().children(&reference).fields(["pid"]).await.unwrap());
    let descendants = pids(client.processes().descendants(&reference).fields(["pid"]).await.unwrap());
    let answer = client.processes().get(&reference).fields(["ancestors"]).await.unwrap();
    let parents: Vec<_> = answer.process.unwrap().ancestors.iter().map(|parent| parent.pid).collect();
    json!({"children": children, "descendants": descendants, "parents": parents})
}
