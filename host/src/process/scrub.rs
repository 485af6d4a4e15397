//! Secrets in command lines, masked on the host before anything is sent: values of options and variables whose names say that
//! they are secret, and passwords in URLs.

/// What stands for a secret.
const MASK: &[u8] = b"***";

/// Parts of names that mark a secret, compared without case, `-` and `_` taken for each other.
const SECRET_WORDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api-key",
    "apikey",
    "access-key",
    "private-key",
    "credential",
    "auth-key",
    "bearer",
];

/// Masks secrets in place; true if there were any.
pub(super) fn scrub(arguments: &mut [Vec<u8>]) -> bool {
    let mut found = false;
    let mut value_is_secret = false;
    for argument in arguments.iter_mut() {
        if std::mem::take(&mut value_is_secret) && !argument.starts_with(b"-") {
            *argument = MASK.to_vec();
            found = true;
            continue;
        }
        match argument.iter().position(|byte| *byte == b'=') {
            Some(equals) if is_secret_name(argument.get(..equals).unwrap_or_default()) => {
                argument.truncate(equals + 1);
                argument.extend_from_slice(MASK);
                found = true;
            }
            Some(_) => found |= scrub_url(argument),
            // `--password x`: the value is the next argument. A bare word is no option.
            None if argument.starts_with(b"-") && is_secret_name(argument) => value_is_secret = true,
            None => found |= scrub_url(argument) | scrub_header(argument),
        }
    }
    found
}

fn is_secret_name(name: &[u8]) -> bool {
    let name: String =
        name.iter().map(|byte| if *byte == b'_' { '-' } else { char::from(byte.to_ascii_lowercase()) }).collect();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// `scheme://user:password@host`.
fn scrub_url(argument: &mut Vec<u8>) -> bool {
    let Some(scheme) = find(argument, b"://") else { return false };
    let authority_start = scheme + 3;
    let authority = argument.get(authority_start..).unwrap_or_default();
    let length = authority.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(authority.len());
    let authority = authority.get(..length).unwrap_or_default();
    let Some(at) = authority.iter().rposition(|byte| *byte == b'@') else { return false };
    let Some(colon) = authority.iter().take(at).position(|byte| *byte == b':') else { return false };
    argument.splice(authority_start + colon + 1..authority_start + at, MASK.iter().copied());
    true
}

/// `Authorization: Bearer x`, as curl takes it.
fn scrub_header(argument: &mut Vec<u8>) -> bool {
    let Some(colon) = argument.iter().position(|byte| *byte == b':') else { return false };
    let name = argument.get(..colon).unwrap_or_default();
    let is_secret = name.eq_ignore_ascii_case(b"authorization")
        || name.eq_ignore_ascii_case(b"proxy-authorization")
        || name.eq_ignore_ascii_case(b"cookie")
        || (name.to_ascii_lowercase().starts_with(b"x-") && is_secret_name(name));
    if is_secret {
        argument.truncate(colon + 1);
        argument.push(b' ');
        argument.extend_from_slice(MASK);
    }
    is_secret
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(command: &[&str]) -> (Vec<String>, bool) {
        let mut arguments: Vec<_> = command.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        let found = scrub(&mut arguments);
        (arguments.iter().map(|argument| String::from_utf8_lossy(argument).into_owned()).collect(), found)
    }

    #[test]
    fn secrets_are_masked_wherever_people_put_them() {
        for (command, masked) in [
            (&["mysql", "--password", "hunter2", "db"][..], &["mysql", "--password", "***", "db"][..]),
            (&["mysql", "--password=hunter2"], &["mysql", "--password=***"]),
            (&["env", "AWS_SECRET_ACCESS_KEY=abc"], &["env", "AWS_SECRET_ACCESS_KEY=***"]),
            (&["app", "--api_key", "k", "-v"], &["app", "--api_key", "***", "-v"]),
            (&["psql", "postgres://bob:p@ss@db/x"], &["psql", "postgres://bob:***@db/x"]),
            (&["app", "--db=redis://:pw@h:1"], &["app", "--db=redis://:***@h:1"]),
            (&["curl", "-H", "Authorization: Bearer abc"], &["curl", "-H", "Authorization: ***"]),
            (&["curl", "X-Auth-Token: abc"], &["curl", "X-Auth-Token: ***"]),
        ] {
            let (arguments, found) = scrubbed(command);
            assert_eq!(arguments, masked);
            assert!(found);
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for command in [
            &["ls", "-la", "password"][..],
            &["app", "--password", "--verbose"],
            &["curl", "https://example.org:8443/a@b"],
            &["git", "clone", "git@host:repo"],
            &["sleep", "10"],
            &[],
        ] {
            assert_eq!(scrubbed(command), (command.iter().map(ToString::to_string).collect(), false));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut arguments: Vec<Vec<u8>>) {
            scrub(&mut arguments);
        }
    }
}
