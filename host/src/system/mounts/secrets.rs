//! Secrets in what is mounted and how: some programs behind FUSE put the address that they were given there, user and password with it.

use procwire_proto::v1::{FieldError, FieldErrorReason, Mount};

use crate::process::scrub_command;

/// Options of mounts whose value is a password, beside those that any program names so: mount.cifs(8), mount.davfs(8), curlftpfs(1).
const SECRET_OPTIONS: [&[u8]; 4] = [b"pass", b"pass2", b"pw", b"pwd"];

/// Masks them in place, and says in the row where there were some.
pub(super) fn mask(mount: &mut Mount) {
    let source = mount.source.as_mut().is_some_and(|source| scrub_command(std::slice::from_mut(source)));
    let mut options = false;
    for option in &mut mount.options {
        options |= mask_option(option);
    }
    for (path, _) in [("source", source), ("options", options)].into_iter().filter(|(_, found)| *found) {
        mount.errors.push(FieldError {
            path: path.to_owned(),
            reason: FieldErrorReason::Redacted.into(),
            detail: "a secret in it is masked".to_owned(),
        });
    }
}

fn mask_option(option: &mut Vec<u8>) -> bool {
    let equals = option.iter().position(|byte| *byte == b'=');
    let Some((name, value)) = equals.and_then(|equals| option.split_at_checked(equals)) else { return false };
    if value.len() > 1 && SECRET_OPTIONS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
        option.truncate(name.len() + 1);
        option.extend_from_slice(b"***");
        return true;
    }
    scrub_command(std::slice::from_mut(option))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(source: &str, options: &[&str]) -> (String, Vec<String>, Vec<String>) {
        let options = options.iter().map(|option| option.as_bytes().to_vec()).collect();
        let mut mount = Mount { source: Some(source.into()), options, ..Mount::default() };
        mask(&mut mount);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let told = mount.errors.iter().map(|error| format!("{} {:?}", error.path, error.reason())).collect();
        (text(&mount.source.unwrap_or_default()), mount.options.iter().map(|option| text(option)).collect(), told)
    }

    #[test]
    fn passwords_in_sources_and_options_are_masked_and_that_is_told() {
        let (source, options, told) = masked(
            "curlftpfs#ftp://bob:hunter2@host/",
            &["rw", "username=bob", "password=hunter2", "password2=x", "pass=a", "url=https://u:p@h/", "pwd="],
        );
        assert_eq!(source, "curlftpfs#ftp://bob:***@host/");
        let expected =
            ["rw", "username=bob", "password=***", "password2=***", "pass=***", "url=https://u:***@h/", "pwd="];
        assert_eq!(options, expected);
        assert_eq!(told, ["source Redacted", "options Redacted"]);
        assert_eq!(masked("https://a:b@host/dav", &["rw"]).2, ["source Redacted"]);
    }

    #[test]
    fn sources_and_options_without_secrets_stay() {
        let options = [
            "rw",
            "relatime",
            "user_id=0",
            "passno",
            "lowerdir=/var/lib/docker/overlay2/l/6Y5IM2XC7TSNIJZZFLJCS6I4I4:/var/lib/docker/overlay2/l/AB",
            "context=\"system_u:object_r:tmp_t:s0:c1,c2\"",
            "x-systemd.automount",
            "clientaddr=10.0.0.1",
            "sec=krb5",
            "ecryptfs_sig=c7fed37c0a341e19",
        ];
        for source in
            ["bob@host:/srv", "host:/a@b", "[fe80::1%eth0]:/x", "//host/share", "/dev/mapper/vg-lv", "pool/a@b"]
        {
            let expected = options.map(str::to_owned).to_vec();
            assert_eq!(masked(source, &options), (source.to_owned(), expected, Vec::new()));
        }
    }
}
