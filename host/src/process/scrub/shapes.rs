//! Secrets that are told by their shape: keys and tokens whose makers gave them a mark, and passwords in addresses.

use std::ops::Range;

use memchr::memmem;

use super::signs::Signs;

/// A mark at the beginning of a token, and how many bytes must follow it.
const MARKS: [(&[u8], usize); 24] = [
    // GitHub, GitLab
    (b"ghp_", 20),
    (b"gho_", 20),
    (b"ghu_", 20),
    (b"ghs_", 20),
    (b"ghr_", 20),
    (b"github_pat_", 20),
    (b"glpat-", 16),
    // Slack
    (b"xoxa-", 10),
    (b"xoxb-", 10),
    (b"xoxp-", 10),
    (b"xoxr-", 10),
    (b"xoxs-", 10),
    (b"xoxe-", 10),
    (b"xapp-", 10),
    // Google
    (b"AIza", 30),
    (b"ya29.", 20),
    // Stripe
    (b"sk_live_", 10),
    (b"sk_test_", 10),
    (b"rk_live_", 10),
    // package registries, Vault, DigitalOcean, SendGrid
    (b"npm_", 30),
    (b"pypi-", 30),
    (b"hvs.", 20),
    (b"dop_v1_", 20),
    (b"SG.", 40),
];

/// No token that is known is shorter, its mark included.
const SHORTEST_TOKEN: usize = 12;

const AMAZON_SECRET_LENGTH: usize = 40;

/// How far behind an address an `@` is looked for that a slash in a password hides.
const PASSWORD_LONGEST: usize = 256;

/// Words before a colon that are no user: of addresses without slashes.
const SCHEMES: [&[u8]; 6] = [b"mailto", b"sip", b"sips", b"xmpp", b"acct", b"pkg"];

/// Adds where they are.
pub(super) fn find(text: &[u8], signs: Signs, secrets: &mut Vec<Range<usize>>) {
    if signs.has_dashes {
        private_keys(text, secrets);
    }
    if signs.has_assignment && signs.has_at {
        addresses(text, secrets);
        users_and_passwords(text, secrets);
    }
    if signs.longest_run >= SHORTEST_TOKEN {
        runs(text, secrets, is_of_token, is_token);
    }
    if signs.longest_run >= AMAZON_SECRET_LENGTH {
        runs(text, secrets, |byte| is_of_token(byte) || matches!(byte, b'/' | b'+'), is_amazon_secret);
    }
}

/// PEM (RFC 7468): what is between the lines, or to the end if there is no second line.
fn private_keys(text: &[u8], secrets: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(begin) = find_from(text, from, b"-----BEGIN ") {
        let label_start = begin + b"-----BEGIN ".len();
        let Some(label_end) = find_from(text, label_start, b"-----") else { return };
        from = label_end + 5;
        let label = text.get(label_start..label_end).unwrap_or_default();
        if label.len() < 64 && memmem::find(label, b"PRIVATE KEY").is_some() {
            let end = find_from(text, from, b"-----END ").unwrap_or(text.len());
            secrets.push(from..end);
            from = end;
        }
    }
}

/// `scheme://user:password@host`.
fn addresses(text: &[u8], secrets: &mut Vec<Range<usize>>) {
    for scheme_end in memmem::find_iter(text, b"://") {
        let start = scheme_end + 3;
        let rest = text.get(start..).unwrap_or_default();
        let rest = rest.get(..PASSWORD_LONGEST).unwrap_or(rest);
        let is_outside = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
        let word_end = rest.iter().position(is_outside).unwrap_or(rest.len());
        let word = rest.get(..word_end).unwrap_or_default();
        // The next address of a list that no blank separates.
        let word = memmem::find(word, b"://").and_then(|next| word.get(..next)).unwrap_or(word);
        let authority_end = word.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(word.len());
        let authority = word.get(..authority_end).unwrap_or_default();
        let Some(colon) = authority.iter().position(|byte| *byte == b':') else { continue };
        let after_colon = authority.get(colon + 1..).unwrap_or_default();
        let is_port = is_port(after_colon) || authority.starts_with(b"[");
        let at = match authority.iter().rposition(|byte| *byte == b'@') {
            Some(at) => at,
            // A slash in the password: it is one if what is before it is no port.
            None if !is_port => match word.iter().rposition(|byte| *byte == b'@') {
                Some(at) => at,
                None => continue,
            },
            None => continue,
        };
        if at > colon + 1 {
            secrets.push(start + colon + 1..start + at);
        }
    }
}

fn is_port(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Words that are a user, a password and a host.
fn users_and_passwords(text: &[u8], secrets: &mut Vec<Range<usize>>) {
    let mut start = 0;
    for word in text.split(|byte| is_between_words(*byte)) {
        if let Some(secret) = user_and_password(word) {
            secrets.push(start + secret.start..start + secret.end);
        }
        start += word.len() + 1;
    }
}

fn is_between_words(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b',' | b';')
}

/// `user:password@host`, as drivers of databases take it.
fn user_and_password(word: &[u8]) -> Option<Range<usize>> {
    let at = memchr::memrchr(b'@', word)?;
    let colon = memchr::memchr(b':', word.get(..at)?)?;
    let before = word.get(..colon)?;
    let user_start = before.iter().rposition(|byte| !is_name(*byte)).map_or(0, |last| last + 1);
    let user = before.get(user_start..)?;
    let password = word.get(colon + 1..at)?;
    let host = word.get(at + 1..)?;
    let is_user = !user.is_empty() && !before.contains(&b'@') && !SCHEMES.contains(&user);
    let until_slash = password.split(|byte| *byte == b'/').next().unwrap_or_default();
    let is_path = password.starts_with(b"/") || until_slash.len() < password.len() && is_port(until_slash);
    let is_password = !password.is_empty() && !is_path;
    // An image of a container is named by its digest.
    let is_host = !host.is_empty() && !host.starts_with(b"sha256:") && !host.starts_with(b"sha512:");
    (is_user && is_password && is_host).then_some(colon + 1..at)
}

/// Adds the runs of such bytes that are secrets. One pass: what was looked at is not looked at again.
fn runs(text: &[u8], secrets: &mut Vec<Range<usize>>, is_inside: impl Fn(u8) -> bool, is_secret: fn(&[u8]) -> bool) {
    let mut start = 0;
    for run in text.split(|byte| !is_inside(*byte)) {
        let end = start + run.len();
        if is_secret(run) {
            secrets.push(start..end);
        }
        start = end + 1;
    }
}

fn is_token(token: &[u8]) -> bool {
    is_marked(token) || is_web_token(token) || is_amazon_id(token)
}

fn is_marked(token: &[u8]) -> bool {
    // Most words are none, and their first byte tells.
    matches!(token.first(), Some(b'g' | b'x' | b'A' | b'y' | b's' | b'r' | b'n' | b'p' | b'h' | b'd' | b'S'))
        && MARKS.iter().any(|(mark, least)| token.strip_prefix(*mark).is_some_and(|rest| rest.len() >= *least))
}

/// JWT (RFC 7519): three parts, five if encrypted, of which the first is a JSON object: `{"` is `eyJ` in base64.
fn is_web_token(token: &[u8]) -> bool {
    let mut parts = token.split(|byte| *byte == b'.');
    let is_header = parts.next().is_some_and(|header| header.starts_with(b"eyJ") && header.len() >= 10);
    is_header && parts.next().is_some_and(|payload| !payload.is_empty()) && parts.next().is_some()
}

/// Ids of access keys (IAM User Guide, "unique identifiers").
fn is_amazon_id(token: &[u8]) -> bool {
    let rest = token.strip_prefix(b"AKIA").or_else(|| token.strip_prefix(b"ASIA"));
    rest.is_some_and(|rest| {
        rest.len() == 16 && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

/// Secret access keys have no mark, only a length, in base64. A hash of that length has no capitals, a path begins with a slash.
fn is_amazon_secret(token: &[u8]) -> bool {
    token.len() == AMAZON_SECRET_LENGTH
        && token.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+'))
        && !token.starts_with(b"/")
        && token.iter().any(u8::is_ascii_uppercase)
        && token.iter().any(u8::is_ascii_lowercase)
        && token.iter().any(u8::is_ascii_digit)
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'%')
}

fn find_from(text: &[u8], from: usize, needle: &[u8]) -> Option<usize> {
    Some(from + memmem::find(text.get(from..)?, needle)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut secrets = Vec::new();
        find(text.as_bytes(), Signs::of(text.as_bytes()), &mut secrets);
        let text = |secret: Range<usize>| {
            String::from_utf8_lossy(text.as_bytes().get(secret).unwrap_or_default()).into_owned()
        };
        secrets.into_iter().map(text).collect()
    }

    /// Put together here, so that no scanner takes this file for a leak.
    fn token(mark: &str, length: usize) -> String {
        let letters = "aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vW";
        [mark, &letters.repeat(4)[..length]].concat()
    }

    #[test]
    fn tokens_are_told_by_their_marks() {
        let jwt = format!("eyJhbGciOiJIUzI1NiJ9.{}.{}", token("eyJ", 20), token("", 30));
        let amazon_id = ["AKIA", "IOSFODNN7EXAMPLE"].concat();
        for secret in [
            token("ghp_", 36),
            token("gho_", 36),
            token("github_pat_", 60),
            token("glpat-", 20),
            token("xoxb-", 40),
            token("AIza", 35),
            token("sk_live_", 24),
            token("", 40),
            jwt,
            amazon_id,
        ] {
            for text in [
                secret.clone(),
                format!("x={secret}"),
                format!("run '{secret}' y"),
                format!("https://h/?k={secret}"),
                format!("a:{secret};b"),
            ] {
                assert_eq!(found(&text), [secret.as_str()], "{text}");
            }
        }
    }

    #[test]
    fn every_mark_is_looked_for() {
        for (mark, least) in MARKS {
            let secret = token(&String::from_utf8_lossy(mark), least);
            assert!(is_marked(secret.as_bytes()) && secret.len() >= SHORTEST_TOKEN, "{secret}");
            assert_eq!(found(&secret), [secret.as_str()]);
        }
    }

    #[test]
    fn what_only_begins_like_a_token_is_none() {
        for text in [
            "ghp_short",
            "AIzaShort",
            "eyJ.eyJ.x",
            "eyJhbGciOiJIUzI1NiJ9.only",
            "ASIAPACIFIC",
            "AKIAiosfodnn7example1",
            "9d9c1a9a3f9ed2c2b5a1c7c3e9f50d6b8d4a7c0e",
            "/Usr/Lib/x86/abcdefghijklmnopqrstuvwxyz12",
            "-----BEGIN CERTIFICATE-----abc-----END CERTIFICATE-----",
            "https://host:80/a@b",
            "https://user@host/",
            "http://[::1]:80/a@b",
            "localhost:80/a@b",
            "a:/b@c",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_private_key_is_found_to_its_end() {
        let begin = ["-----BEGIN RSA PRIV", "ATE KEY-----"].concat();
        assert_eq!(found(&format!("a {begin}\nMII=\n-----END x-----b")), ["\nMII=\n"]);
        assert_eq!(found(&format!("{begin}\\nMII")), ["\\nMII"]);
    }

    #[test]
    fn passwords_in_addresses_are_found() {
        assert_eq!(found("x://u:p@h y://:q@h"), ["p", "q"]);
        assert_eq!(found("x://u:p/q@h"), ["p/q"]);
        assert_eq!(found("x://u:p@q@h/r@s"), ["p@q"]);
        assert_eq!(found("u:p@h"), ["p"]);
        assert_eq!(found("--dsn=u:p@tcp(h)/d"), ["p"]);
    }
}
