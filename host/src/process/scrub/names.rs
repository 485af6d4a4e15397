//! Names that say that their value is a secret.

/// Parts of names that mark a secret and begin with this letter, compared without case, `-`, `_` and `.` taken for each other.
fn secret_parts(first: u8) -> &'static [&'static [u8]] {
    match first.to_ascii_lowercase() {
        b'p' => &[b"password", b"passwd", b"passphrase", b"private-key"],
        b's' => &[b"secret"],
        b't' => &[b"token"],
        b'a' => &[b"api-key", b"apikey", b"access-key", b"auth-key"],
        b'c' => &[b"credential"],
        b'b' => &[b"bearer"],
        _ => &[],
    }
}

/// Last words of names of several words that mark a secret: `DB_PASS`, `MYSQL_PWD`. Alone they are too common: `-pass 1`, `PWD`.
const SECRET_LAST_WORDS: [&[u8]; 2] = [b"pass", b"pwd"];

/// The same for variables, where over-masking costs little: `STRIPE_KEY`, `REDIS_AUTH`.
const SECRET_LAST_WORDS_OF_VARIABLES: [&[u8]; 4] = [b"key", b"auth", b"cookie", b"dsn"];

/// Headers of HTTP that carry credentials (RFC 9110, 6265).
const SECRET_HEADERS: [&[u8]; 4] = [b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"];

/// A name longer than this is looked at from its end only.
pub(super) const LONGEST: usize = 128;

/// True for the name of an option, of a variable in a command line, of a property, of a member.
pub(super) fn is_secret(name: &[u8]) -> bool {
    let name = name.get(name.len().saturating_sub(LONGEST)..).unwrap_or(name);
    has_secret_part(name) || ends_in(name, &SECRET_LAST_WORDS)
}

/// True for the name of an environment variable.
pub(super) fn is_secret_variable(name: &[u8]) -> bool {
    is_secret(name) || ends_in(name, &SECRET_LAST_WORDS_OF_VARIABLES)
}

/// True for the name of a header.
pub(super) fn is_secret_header(name: &[u8]) -> bool {
    SECRET_HEADERS.iter().any(|header| is_same(name, header))
        || (name.starts_with(b"x-") || name.starts_with(b"X-")) && is_secret(name)
}

fn has_secret_part(name: &[u8]) -> bool {
    name.iter().enumerate().any(|(start, first)| {
        let begins = |part: &&[u8]| name.get(start..start + part.len()).is_some_and(|begin| is_same(begin, part));
        secret_parts(*first).iter().any(begins)
    })
}

fn ends_in(name: &[u8], words: &[&[u8]]) -> bool {
    let Some(separator) = name.iter().rposition(|byte| folded(*byte) == b'-') else { return false };
    let (before, last) = name.split_at(separator);
    // `-pass` and `--key` are of one word.
    let is_of_several = before.iter().any(|byte| folded(*byte) != b'-');
    is_of_several && words.iter().any(|word| is_same(last.get(1..).unwrap_or_default(), word))
}

fn is_same(name: &[u8], word: &[u8]) -> bool {
    name.len() == word.len() && name.iter().zip(word).all(|(left, right)| folded(*left) == *right)
}

fn folded(byte: u8) -> u8 {
    match byte {
        b'_' | b'.' => b'-',
        byte => byte.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_looked_for_in_any_case() {
        let parts: Vec<_> = (0..=255).flat_map(secret_parts).collect();
        assert_eq!(parts.len(), 2 * 12, "small and capital letters");
        for part in parts {
            assert!(is_secret(part) && is_secret(&part.to_ascii_uppercase()), "{}", String::from_utf8_lossy(part));
        }
    }

    #[test]
    fn names_are_told_by_their_parts_and_by_their_last_word() {
        for name in ["--password", "DB_PASSWD", "Api.Key", "x-auth-token", "clientSecret", "db-pass", "MYSQL_PWD"] {
            assert!(is_secret(name.as_bytes()), "{name}");
        }
        for name in ["", "-pass", "--pwd", "PWD", "OLDPWD", "compass", "pass-through", "key", "STRIPE_KEY", "_", "--"] {
            assert!(!is_secret(name.as_bytes()), "{name}");
        }
        for name in ["STRIPE_KEY", "REDIS_AUTH", "ERLANG_COOKIE", "SENTRY_DSN", "token"] {
            assert!(is_secret_variable(name.as_bytes()), "{name}");
        }
        for name in ["KEY", "KEYBOARD", "XAUTHORITY", "AUTHOR", "_KEY"] {
            assert!(!is_secret_variable(name.as_bytes()), "{name}");
        }
        for name in ["Authorization", "COOKIE", "X-Api-Key"] {
            assert!(is_secret_header(name.as_bytes()), "{name}");
        }
        assert!(!is_secret_header(b"X-Request-Id") && !is_secret_header(b"Accept"));
    }
}
