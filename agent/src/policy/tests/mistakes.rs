//! Policies with mistakes: each is refused when it is loaded, with rule and line.

use super::*;

/// What is wrong with a policy of one rule of this condition.
fn problem(when: &str) -> String {
    match Policy::parse(&rule("x", "deny", when), None) {
        Ok(_) => "nothing".to_owned(),
        Err(error) => {
            assert_eq!(error.problems().len(), 1, "{error}");
            error.to_string()
        }
    }
}

#[test]
fn mistakes_in_conditions_are_named() {
    for (when, wanted) in [
        ("", "the condition"),
        ("role_allows &&", "the condition"),
        ("principal.name = \"bob\"", "the condition"),
        ("principle.name == \"bob\"", "\"principle\" is no variable; principal, method,"),
        ("principal.nam == \"bob\"", "principal has no field \"nam\""),
        ("acts && target.usr == \"bob\"", "target has no field \"usr\""),
        ("principal.name", "is a text; a condition is true or false"),
        ("principal == principal", "compares the principal as a whole"),
        ("principal.name == 7", "compares a text with a number"),
        ("acts && target.pid == \"7\"", "compares a number with a text"),
        ("acts && target.uid == 1.5", "has a fraction"),
        ("principal.serial == null", "compares with null"),
        ("principal.name in \"bob\"", "in takes a list"),
        ("principal.name in [\"a\", 7]", "has a list of a text and a number"),
        ("7 in principal.groups", "looks for a number in a list of which each is a text"),
        ("method == \"KillProcess\"", "\"KillProcess\" is no method"),
        ("method in [\"GetSystem\", \"GetSystems\"]", "\"GetSystems\" is no method"),
        ("\"root\" in principal.roles", "\"root\" is no role"),
        ("data_class == \"env\"", "\"env\" is no data class; basic, cmdline,"),
        ("signal == \"SIGKILL\"", "\"SIGKILL\" is no signal; signals are named without SIG"),
        ("signal == 9", "compares a text with a number"),
        ("\"niceness\" in settings", "\"niceness\" is no setting"),
        ("settings.exists(s, s == \"niceness\")", "\"niceness\" is no setting"),
        ("principal.name.matches(\"(\")", "has a pattern \"(\" that is none"),
        ("principal.name.matches(principal.serial)", "not written out"),
        ("principal.name.matches(\"(a{1000}){1000}\")", "has a pattern"),
        ("principal.name.startsWith(7)", "has a number where a text is wanted"),
        ("principal.name.lower() == \"bob\"", "uses lower(), which rules do not have"),
        ("principal.groups[0] == \"a\"", "uses"),
        ("acts && target.pid + 1 == 7", "uses"),
        ("acts && target.pid / 0 == 7", "uses"),
        ("{\"a\": 1}.a == 1", "makes a map"),
        ("[1, 2].map(x, x * 2) == [2, 4]", "only exists() and all()"),
        ("principal.groups.filter(g, g == \"a\") == [\"a\"]", "only exists() and all()"),
        ("principal.groups.exists_one(g, g == \"a\")", "only exists() and all()"),
        ("principal.groups.exists(g, principal.roles.exists(r, r == g))", "within another one"),
        ("principal.name.exists(c, c == \"a\")", "goes over a text"),
        ("principal.groups.exists(g, g)", "has a text where a condition is wanted"),
        ("role_allows && \"true\"", "has a text where a condition is wanted"),
        ("role_allows ? 1 : 2", "has a number where a condition is wanted"),
        ("target.user == \"root\"", "speaks of target, and reads have none"),
        ("role_allows && target.user == \"root\"", "speaks of target, and reads have none"),
        ("method != \"GetSystem\" && target.user == \"root\"", "speaks of target"),
    ] {
        let said = problem(when);
        assert!(said.contains(wanted), "{when}: {said}");
        assert!(said.starts_with("default policy: line ") && said.contains("rule \"x\": "), "{when}: {said}");
    }
}

#[test]
fn rules_about_targets_say_that_they_are_about_actions() {
    for when in [
        "acts && target.user == \"root\"",
        "target.user == \"root\" && acts",
        "method == \"SignalProcesses\" && target.user == \"root\"",
        "method in [\"SignalProcesses\", \"TerminateProcesses\"] && (target.user == \"root\" || target.pid == 7)",
        "signal == \"KILL\" && target.user == \"root\"",
        "\"nice\" in settings && target.user == \"root\"",
        "!dry_run && target.user == \"root\"",
        "acts ? target.user == \"root\" : false",
    ] {
        assert_eq!(problem(when), "nothing", "{when}");
    }
}

#[test]
fn conditions_have_a_size() {
    let long = format!("principal.name == \"{}\"", "x".repeat(5000));
    assert!(problem(&long).contains("at most 4096 are taken"));
    let many = vec!["acts"; 400].join(" && ");
    assert!(problem(&many).contains("is too large"), "{}", problem(&many));
    for (open, close) in [("(", ")"), ("!(", ")"), ("[", "]"), ("(true || ", ")")] {
        let deep = format!("{}true{}", open.repeat(300), close.repeat(300));
        assert!(problem(&deep).contains("the condition"), "{}", problem(&deep));
    }
    // What once took the parser gigabytes: https://github.com/cel-rust/cel-rust/issues/306.
    let motif = "!!(!!!!!!(!!!!(((((!!(!!(!!!!((".repeat(8);
    assert!(problem(&motif).contains("the condition"));
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let text = format!(
        "{}{}{}",
        rule("one", "allow", "role_alows"),
        rule("one", "deny", "true").replace("effect", "quota = \"5/1m\"\neffect"),
        rule("t\\u0007wo", "allow", "acts").replace("effect", "quota = \"ten\"\neffect"),
    );
    let error = Policy::parse(&text, None).unwrap_err();
    let told: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 5, "{told:#?}");
    assert!(told[0].starts_with("line 4: rule \"one\": the condition"), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("line 1 has a rule of this name already")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("a rule that denies has no quota")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("is no name")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("\"ten\" is no quota")), "{told:#?}");
    assert!(!error.to_string().contains('\u{7}'), "{error:?}");
}

#[test]
fn what_is_no_policy_at_all_says_where() {
    for (text, wanted) in [
        ("", "has no [[rule]]"),
        ("[[rule]\n", "line 1: "),
        ("[[rules]]\nname = \"x\"\n", "unknown field `rules`"),
        ("[[rule]]\nname = \"x\"\neffect = \"permit\"\nwhen = \"true\"\n", "line 3: unknown variant `permit`"),
        ("[[rule]]\nname = \"x\"\nwhen = \"true\"\n", "missing field `effect`"),
        ("[[rule]]\nname = \"x\"\neffect = \"allow\"\nwhen = true\n", "line 4: "),
        ("[[rule]]\nname = \"x\"\neffect = \"allow\"\nwhen = \"true\"\nprority = 1\n", "unknown field `prority`"),
    ] {
        let said = Policy::parse(text, None).unwrap_err().to_string();
        assert!(said.contains(wanted), "{text:?}: {said}");
    }
    let quota = "[[rule]]\nname = \"x\"\neffect = \"allow\"\nwhen = \"role_allows\"\nquota = \"5/1m\"\n";
    assert!(Policy::parse(quota, None).unwrap_err().to_string().contains("has a quota, which counts actions"));
}

#[test]
fn files_have_a_size_and_are_text() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.toml");
    std::fs::write(&path, vec![b'#'; 300 << 10]).unwrap();
    assert!(Policy::read(&path).unwrap_err().to_string().contains("is larger than 262144 bytes"));
    assert!(Policy::read(Path::new("/dev/zero")).unwrap_err().to_string().contains("is larger than"));
    std::fs::write(&path, b"\xff").unwrap();
    assert!(Policy::read(&path).unwrap_err().to_string().contains("is not UTF-8"));
    let many: String = (0..300).map(|index| rule(&format!("r{index}"), "allow", "true")).collect();
    assert!(Policy::parse(&many, None).unwrap_err().to_string().contains("more than 256 rules"));
}

#[test]
fn cases_that_make_no_sense_are_refused() {
    let with = |case: &str| {
        let text = format!("{DEFAULT_POLICY}\n[[case]]\nname = \"c\"\nexpect = \"allow\"\n{case}\n");
        Policy::parse(&text, None).map(|policy| policy.cases().len()).map_err(|error| error.to_string())
    };
    assert_eq!(with("method = \"GetSystem\"").unwrap(), 1);
    for (case, wanted) in [
        ("method = \"GetSystm\"", "case \"c\": method: \"GetSystm\" is no method"),
        ("method = \"GetSystem\"\nroles = [\"boss\"]", "roles: \"boss\" is no role"),
        ("method = \"GetSystem\"\nsignal = \"TERM\"", "signal: GetSystem has none"),
        ("method = \"GetSystem\"\ntarget = { user = \"x\" }", "target: GetSystem has none"),
        ("method = \"TerminateProcesses\"\ndata_class = \"maps\"", "data_class: TerminateProcesses has none"),
        ("method = \"SignalProcesses\"", "signal: SignalProcesses has one; say which"),
        ("method = \"SignalProcesses\"\nsignal = \"SIGTERM\"", "signal: \"SIGTERM\" is no signal"),
        ("method = \"UpdateProcess\"", "settings: UpdateProcess changes some"),
        ("method = \"UpdateProcess\"\nsettings = [\"x\"]", "settings: \"x\" is no setting"),
        ("method = \"GetProcess\"\ndata_class = \"env\"", "data_class: \"env\" is no data class"),
        ("method = \"GetSystem\"\npeer = \"here\"", "line"),
        ("method = \"SignalProcesses\"\nsignal = \"TERM\"\ntarget = { usr = \"x\" }", "unknown field `usr`"),
    ] {
        let said = with(case).unwrap_err();
        assert!(said.contains(wanted), "{case}: {said}");
    }
}
