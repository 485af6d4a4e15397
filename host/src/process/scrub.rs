//! Secrets in command lines and environments, masked on the host before anything is sent: values of options and variables whose names
//! say that they are secret, and what is recognised as one by its shape, wherever it stands. Better too much is masked than too little;
//! what looks like any other text (`mysql -pword`) cannot be told.

mod names;
mod shapes;
mod signs;
mod text;

use std::ops::Range;

use signs::Signs;

/// What stands for a secret.
const MASK: &[u8] = b"***";

/// Masks secrets of a command line in place; true if there were any.
pub(super) fn scrub_arguments(arguments: &mut [Vec<u8>]) -> bool {
    let mut found = false;
    let mut awaits = text::Awaits::Nothing;
    for argument in arguments.iter_mut() {
        found |= match std::mem::replace(&mut awaits, text::option(argument)).value(argument) {
            // What was masked is no option itself.
            Some(secret) => {
                awaits = text::Awaits::Nothing;
                mask(argument, vec![secret])
            }
            None => scrub_text(argument),
        };
    }
    found
}

/// A command line as one text, NULs taken for blanks, with its secrets masked; `None`: there are none.
pub(super) fn scrub_line(line: &[u8]) -> Option<Vec<u8>> {
    let mut text: Vec<u8> = line.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
    scrub_text(&mut text).then_some(text)
}

/// Masks the value of an environment variable, or what is secret in it, in place; true if there was anything.
pub(super) fn scrub_variable(name: &[u8], value: &mut Vec<u8>) -> bool {
    if names::is_secret_variable(name) && !value.is_empty() {
        *value = MASK.to_vec();
        return true;
    }
    scrub_text(value)
}

fn scrub_text(text: &mut Vec<u8>) -> bool {
    let signs = Signs::of(text);
    let mut secrets = Vec::new();
    text::find(text, signs, &mut secrets);
    shapes::find(text, signs, &mut secrets);
    mask(text, secrets)
}

/// Puts the mask in the place of each of these; what overlaps is one.
fn mask(text: &mut Vec<u8>, mut secrets: Vec<Range<usize>>) -> bool {
    if secrets.is_empty() {
        return false;
    }
    secrets.sort_unstable_by_key(|secret| secret.start);
    let mut masked = Vec::with_capacity(text.len());
    let mut done = 0;
    for secret in secrets {
        if secret.start >= done {
            masked.extend_from_slice(text.get(done..secret.start).unwrap_or_default());
            masked.extend_from_slice(MASK);
        }
        done = done.max(secret.end);
    }
    masked.extend_from_slice(text.get(done..).unwrap_or_default());
    *text = masked;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(command: &[&str]) -> (Vec<String>, bool) {
        let mut arguments: Vec<_> = command.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        let found = scrub_arguments(&mut arguments);
        (arguments.iter().map(|argument| String::from_utf8_lossy(argument).into_owned()).collect(), found)
    }

    #[test]
    fn secrets_are_masked_wherever_people_put_them() {
        for (command, masked) in [
            (&["mysql", "--password", "hunter2", "db"][..], &["mysql", "--password", "***", "db"][..]),
            (&["mysql", "--password=hunter2"], &["mysql", "--password=***"]),
            (&["mysql", "--password=two words"], &["mysql", "--password=***"]),
            (&["env", "AWS_SECRET_ACCESS_KEY=abc"], &["env", "AWS_SECRET_ACCESS_KEY=***"]),
            (
                &["docker", "-e", "DB_PASS=abc", "--env=MYSQL_PWD=x"],
                &["docker", "-e", "DB_PASS=***", "--env=MYSQL_PWD=***"],
            ),
            (&["java", "-Djavax.net.ssl.keyStorePassword=abc"], &["java", "-Djavax.net.ssl.keyStorePassword=***"]),
            (&["app", "--api_key", "k", "-v"], &["app", "--api_key", "***", "-v"]),
            (&["psql", "postgres://bob:p@ss@db/x"], &["psql", "postgres://bob:***@db/x"]),
            (&["psql", "postgres://bob:p/w@db/x"], &["psql", "postgres://bob:***@db/x"]),
            (&["app", "--db=redis://:pw@h:1"], &["app", "--db=redis://:***@h:1"]),
            (&["app", "a://b:c@d", "x,a://b:c@d,e://f:g@h"], &["app", "a://b:***@d", "x,a://b:***@d,e://f:***@h"]),
            (&["app", "https://h/x?a=1&access_token=abc&b=2"], &["app", "https://h/x?a=1&access_token=***&b=2"]),
            (&["app", "Server=db;Uid=x;Password=abc;Port=1"], &["app", "Server=db;Uid=x;Password=***;Port=1"]),
            (&["app", "bob:hunter2@tcp(db:3306)/x"], &["app", "bob:***@tcp(db:3306)/x"]),
            (&["curl", "-H", "Authorization: Bearer abc"], &["curl", "-H", "Authorization: ***"]),
            (&["curl", "X-Auth-Token: abc"], &["curl", "X-Auth-Token: ***"]),
            (
                &["curl", "-u", "bob:hunter2", "--proxy-user", "a:b"],
                &["curl", "-u", "bob:***", "--proxy-user", "a:***"],
            ),
            (
                &["curl", "-d", r#"{"user":"a","password": "b c","n":1}"#],
                &["curl", "-d", r#"{"user":"a","password": "***","n":1}"#],
            ),
            (&["openssl", "rsa", "-passin", "pass:hunter2"], &["openssl", "rsa", "-passin", "pass:***"]),
        ] {
            assert_eq!(scrubbed(command), (masked.iter().map(ToString::to_string).collect(), true));
        }
    }

    #[test]
    fn a_command_within_an_argument_is_looked_through() {
        for (script, masked) in [
            ("X=1 mysql --password=a -u root", "X=1 mysql --password=*** -u root"),
            ("mysql --password a -u root", "mysql --password *** -u root"),
            ("curl -H 'Authorization: Bearer abc' x", "curl -H 'Authorization: ***' x"),
            ("curl -H Authorization:\\ Bearer\\ abcdefgh", "curl -H Authorization:***"),
            ("export TOKEN=abc; run", "export TOKEN=*** run"),
            ("curl -u bob:pw https://h", "curl -u bob:*** https://h"),
            ("echo \"password='a b'\" x", "echo \"password='***'\" x"),
            ("login --with Bearer abcdefgh", "login --with Bearer ***"),
        ] {
            let (arguments, found) = scrubbed(&["sh", "-c", script]);
            assert_eq!((arguments.last().map(String::as_str), found), (Some(masked), true));
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for command in [
            &["ls", "-la", "password"][..],
            &["app", "--password", "--verbose"],
            &["app", "--password="],
            &["curl", "https://example.org:8443/a@b"],
            &["git", "clone", "git@host:repo"],
            &["docker", "run", "--user", "1000:1000", "image:tag@sha256:0a1b"],
            &["scp", "a", "bob@host:/tmp/x@y", "host:/a@b"],
            &["mail", "mailto:bob@example.org"],
            &["sh", "-c", "cd $PWD && PWD=/x OLDPWD=/y ls"],
            &["ffmpeg", "-pass", "1"],
            &["sleep", "10"],
            &["/usr/lib/systemd/systemd", "--switched-root", "--system", "--deserialize=31"],
            &["/usr/bin/dbus-daemon", "--address=systemd:", "--nofork"],
            &["git", "show", "9d9c1a9a3f9ed2c2b5a1c7c3e9f50d6b8d4a7c0e"],
            &[],
        ] {
            assert_eq!(scrubbed(command), (command.iter().map(ToString::to_string).collect(), false));
        }
    }

    #[test]
    fn a_variable_is_masked_by_its_name_or_by_what_is_in_it() {
        for (name, value, masked) in [
            ("DB_PASSWORD", "abc", "***"),
            ("PGPASSWORD", "abc", "***"),
            ("MYSQL_PWD", "abc", "***"),
            ("DB_PASS", "a b", "***"),
            ("GITHUB_TOKEN", "abc", "***"),
            ("ENCRYPTION_KEY", "abc", "***"),
            ("aws_access_key_id", "abc", "***"),
            ("REDIS_AUTH", "abc", "***"),
            ("DATABASE_URL", "mysql://u:p@h/db", "mysql://u:***@h/db"),
            ("JAVA_OPTS", "-Xmx1g -Dx.password=abc -Dy=z", "-Xmx1g -Dx.password=*** -Dy=z"),
            ("CONFIG", r#"{\"secret\":\"abc\",\"a\":1}"#, r#"{\"secret\":\"***",\"a\":1}"#),
        ] {
            let mut bytes = value.as_bytes().to_vec();
            assert!(scrub_variable(name.as_bytes(), &mut bytes), "{name}={value}");
            assert_eq!(String::from_utf8_lossy(&bytes), masked);
        }
        for (name, value) in [
            ("PATH", "/usr/bin:/bin"),
            ("PWD", "/root"),
            ("OLDPWD", "/"),
            ("HOME", "/home/bob"),
            ("XAUTHORITY", "/run/user/1000/x"),
            ("KEYBOARD", "us"),
            ("LS_COLORS", "rs=0:di=01;34:ln=01;36"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus"),
            ("TOKEN", ""),
            ("=", "x"),
        ] {
            let mut bytes = value.as_bytes().to_vec();
            assert!(!scrub_variable(name.as_bytes(), &mut bytes), "{name}={value}");
            assert_eq!(bytes, value.as_bytes());
        }
    }

    #[test]
    fn overlapping_secrets_are_masked_once() {
        let mut text = b"0123456789".to_vec();
        assert!(mask(&mut text, vec![5..8, 1..3, 2..4, 6..7]));
        assert_eq!(text, b"0***4***89");
    }

    /// What a user piles up must not cost more than reading it: each of these would take minutes if a pass were quadratic.
    #[test]
    fn long_hostile_text_is_passed_once() {
        for piece in
            ["a://b:c", "=", ":", "eyJ.", "a:b@", "--password ", "password=", "-----BEGIN PRIVATE KEY", "\"", "a"]
        {
            let mut text = piece.repeat(100_000 / piece.len()).into_bytes();
            scrub_text(&mut text);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut arguments: Vec<Vec<u8>>, name: Vec<u8>) {
            let mut value = arguments.concat();
            scrub_variable(&name, &mut value);
            scrub_arguments(&mut arguments);
        }

        #[test]
        fn a_password_never_comes_through(secret in "[A-Za-z0-9!%^*+./|~]{8,20}", pattern in 0..6_usize) {
            let marked = format!("Zq{secret}qZ");
            let command = match pattern {
                0 => vec![format!("--password={marked}")],
                1 => vec!["--token".to_owned(), marked.clone()],
                2 => vec![format!("mysql://u:{marked}@h")],
                3 => vec![format!("run --api-key {marked} x")],
                4 => vec![format!("{{\"client_secret\": \"{marked}\"}}")],
                _ => vec![format!("Authorization: Bearer {marked}")],
            };
            let mut arguments: Vec<_> = command.iter().map(|argument| argument.as_bytes().to_vec()).collect();
            proptest::prop_assert!(scrub_arguments(&mut arguments));
            proptest::prop_assert!(!String::from_utf8_lossy(&arguments.concat()).contains(&marked));
        }
    }
}
