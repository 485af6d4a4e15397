//! deploy/kubernetes.yaml and deploy/Dockerfile, as far as they can be judged without a cluster.

use std::fs;

use clap::Parser as _;
use procwire_agent::config::Flags;
use procwire_tests::workspace;
use yaml_rust2::{Yaml, YamlLoader};

use crate::HEALTH;

fn documents() -> Vec<Yaml> {
    let text = fs::read_to_string(workspace().join("deploy/kubernetes.yaml")).unwrap();
    YamlLoader::load_from_str(&text).unwrap()
}

fn daemon_set() -> Yaml {
    let found = documents().into_iter().find(|document| document["kind"].as_str() == Some("DaemonSet"));
    found.expect("a DaemonSet")
}

fn pod() -> Yaml {
    daemon_set()["spec"]["template"]["spec"].clone()
}

fn container() -> Yaml {
    pod()["containers"][0].clone()
}

fn texts(list: &Yaml) -> Vec<String> {
    list.as_vec().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn named<'a>(list: &'a Yaml, name: &str) -> &'a Yaml {
    list.as_vec()
        .unwrap()
        .iter()
        .find(|item| item["name"].as_str() == Some(name))
        .unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn every_object_is_in_a_namespace_that_lets_the_pods_in() {
    let documents = documents();
    let kinds: Vec<_> = documents.iter().map(|document| document["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Namespace", "ServiceAccount", "DaemonSet"]);
    let namespace = documents[0]["metadata"]["name"].as_str().unwrap();
    let level = &documents[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
    assert_eq!(level.as_str(), Some("privileged"));
    for document in &documents[1..] {
        assert_eq!(document["metadata"]["namespace"].as_str(), Some(namespace));
    }
    let labels = &daemon_set()["spec"]["selector"]["matchLabels"];
    assert_eq!(labels, &daemon_set()["spec"]["template"]["metadata"]["labels"]);
}

#[test]
fn the_agent_shares_what_it_must_and_has_no_right_beyond() {
    let (pod, container) = (pod(), container());
    for shared in ["hostPID", "hostNetwork"] {
        assert_eq!(pod[shared].as_bool(), Some(true), "{shared}");
    }
    assert_eq!(pod["automountServiceAccountToken"].as_bool(), Some(false));
    let user = &pod["securityContext"];
    assert_eq!(user["runAsNonRoot"].as_bool(), Some(true));
    assert!(user["runAsUser"].as_i64().unwrap() > 0);
    assert_eq!(user["fsGroup"], user["runAsGroup"], "the key is readable by the agent's group");
    assert_eq!(user["seccompProfile"]["type"].as_str(), Some("RuntimeDefault"));
    let locked = &container["securityContext"];
    assert_eq!(locked["allowPrivilegeEscalation"].as_bool(), Some(false));
    assert_eq!(locked["readOnlyRootFilesystem"].as_bool(), Some(true));
    assert_eq!(locked["privileged"].as_bool(), Some(false));
    assert_eq!(texts(&locked["capabilities"]["drop"]), ["ALL"]);
    assert!(locked["capabilities"]["add"].is_badvalue());
    assert!(container["resources"]["limits"]["memory"].as_str().is_some());
}

#[test]
fn every_root_that_the_agent_is_told_is_that_of_the_node_and_read_only() {
    let container = container();
    let arguments = texts(&container["args"]);
    // As procwired itself understands them.
    let flags = Flags::try_parse_from(std::iter::once("procwired".to_owned()).chain(arguments)).unwrap();
    for (root, of_node) in [
        (flags.proc_root, "/proc"),
        (flags.sys_root, "/sys"),
        (flags.etc_root, "/etc"),
        (flags.run_root, "/run"),
        (flags.dev_root, "/dev"),
    ] {
        let root = root.unwrap_or_else(|| panic!("no root for {of_node}"));
        let mounts = container["volumeMounts"].as_vec().unwrap();
        let mount = mounts.iter().find(|mount| mount["mountPath"].as_str() == Some(&root)).unwrap();
        assert_eq!(mount["readOnly"].as_bool(), Some(true), "{root}");
        let volume = named(&pod()["volumes"], mount["name"].as_str().unwrap()).clone();
        assert_eq!(volume["hostPath"]["path"].as_str(), Some(of_node));
    }
}

#[test]
fn the_secret_is_mounted_where_the_image_looks_for_it_and_not_for_everybody() {
    let (pod, container) = (pod(), container());
    let identity = named(&pod["volumes"], "identity");
    assert_eq!(identity["secret"]["secretName"].as_str(), Some("procwire-agent"));
    // YAML 1.1, which Kubernetes reads, takes a leading zero for octal; this parser does not.
    assert_eq!(identity["secret"]["defaultMode"].as_i64(), Some(440));
    let mount = named(&container["volumeMounts"], "identity");
    assert_eq!((mount["mountPath"].as_str(), mount["readOnly"].as_bool()), (Some("/identity"), Some(true)));
    assert!(image().contains("PROCWIRE_TLS_KEY=/identity/tls.key"));
}

#[test]
fn probes_ask_as_the_health_check_of_the_image_does() {
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let probe = &container()[probe];
        assert_eq!(texts(&probe["exec"]["command"]), HEALTH);
        assert!(probe["timeoutSeconds"].as_i64().unwrap() > 4, "the command gives up first and says why");
    }
    let command: Vec<String> = HEALTH.iter().map(|word| format!("{word:?}")).collect();
    let check = image().replace("\\\n", "").split_once("HEALTHCHECK").unwrap().1.lines().next().unwrap().to_owned();
    let words: Vec<_> = check.split_once('[').unwrap().1.trim_end_matches(']').split(',').map(str::trim).collect();
    assert_eq!(words, command);
}

#[test]
fn the_image_has_no_shell_in_what_it_starts_no_root_and_nothing_secret() {
    let image = image();
    let stage = image.rsplit("\nFROM ").next().unwrap();
    assert!(stage.contains("\nUSER 65532:65532\n"));
    assert!(stage.contains("\nENTRYPOINT [\"procwired\"]\n"));
    let copied: Vec<_> = stage.lines().filter(|line| line.starts_with("COPY") || line.starts_with("ADD")).collect();
    assert_eq!(copied, ["COPY --from=build /out/procwired /out/procwire /usr/local/bin/"]);
    assert!(!stage.contains("\nRUN "), "an image without a shell cannot run anything while it is made");
    let ignored = fs::read_to_string(workspace().join(".dockerignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "*"), "what is not named does not go to the builder");
}

fn image() -> String {
    fs::read_to_string(workspace().join("deploy/Dockerfile")).unwrap()
}
