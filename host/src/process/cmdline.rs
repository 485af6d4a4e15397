//! `/proc/PID/cmdline` and the name that is completed from it.

use super::scrub;

/// The length at which the kernel has cut a name: `TASK_COMM_LEN` less its NUL.
pub(super) const COMM_CUT: usize = 15;

/// Command lines are cut here. The kernel keeps up to 6 MiB, and a row must stay far below the 4 MiB that gRPC clients accept, or any
/// user of the host could make its table unreadable.
pub(super) const LONGEST_BYTES: usize = 64 * 1024;

/// A command line, and what separates its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CommandLine<'a> {
    /// As it was read, as far as it is kept.
    pub(super) kept: &'a [u8],
    /// The same without what ends it; `None`: it is empty, and has no arguments.
    text: Option<&'a [u8]>,
    /// NUL; a blank where a program wrote a title over its arguments.
    separator: u8,
    /// More than [`LONGEST_BYTES`] was read.
    pub(super) is_cut: bool,
}

impl<'a> CommandLine<'a> {
    /// Finds what separates the arguments as psutil does: NULs, or spaces where the program rewrote its title and left no NUL at the end
    /// (psutil #1179), or where a single NUL-ended argument holds spaces, as setproctitle leaves it.
    pub(super) fn of(data: &'a [u8]) -> Self {
        match data.get(..LONGEST_BYTES) {
            // Its end is not known; a NUL tells as much.
            Some(kept) if data.len() > LONGEST_BYTES => {
                let separator = if kept.contains(&0) { 0 } else { b' ' };
                Self { kept, text: Some(kept), separator, is_cut: true }
            }
            _ => {
                let (text, separator) = match data.split_last() {
                    None => (None, 0),
                    Some((0, body)) => (Some(body), if body.contains(&0) { 0 } else { b' ' }),
                    Some((b' ', body)) => (Some(body), b' '),
                    Some(_) => (Some(data), b' '),
                };
                Self { kept: data, text, separator, is_cut: false }
            }
        }
    }

    pub(super) fn split(&self) -> Vec<Vec<u8>> {
        self.text.map(|text| split_at(text, self.separator)).unwrap_or_default()
    }

    /// The arguments with their secrets masked, and whether there were any. What was written as one text is looked through as one: what
    /// says that a word is secret may stand some words before it.
    pub(super) fn split_masked(&self) -> (Vec<Vec<u8>>, bool) {
        let title = self.text.filter(|_| self.separator == b' ');
        let masked = title.and_then(scrub::scrub_line);
        let mut arguments = masked.as_deref().map_or_else(|| self.split(), |text| split_at(text, b' '));
        let found = scrub::scrub_arguments(&mut arguments);
        (arguments, found || masked.is_some())
    }

    /// True if there is a secret in it, whatever separates its words.
    pub(super) fn has_secrets(&self) -> bool {
        scrub::scrub_line(self.kept).is_some()
    }
}

fn split_at(text: &[u8], separator: u8) -> Vec<Vec<u8>> {
    text.split(|byte| *byte == separator).map(<[u8]>::to_vec).collect()
}

/// The whole of a name that the kernel has cut: the last component of the program's path in the first argument, if the name
/// begins it. Lengths are bytes, as the kernel cuts by bytes. Renamed processes keep their name.
///
/// The first word goes first: a title goes on behind it with whatever its program writes there. The whole argument is tried for programs
/// whose path has blanks. `is_scrubbed`: a name in which there are secrets stays cut.
pub(super) fn completed_name<'a>(comm: &[u8], data: &'a [u8], is_scrubbed: bool) -> Option<&'a [u8]> {
    let data = data.get(..LONGEST_BYTES).unwrap_or(data);
    let argument = data.split(|byte| *byte == 0).next().unwrap_or_default();
    let word = argument.split(|byte| *byte == b' ').next().unwrap_or_default();
    let completes = |path: &&[u8]| comm.len() >= COMM_CUT && last_component(path).starts_with(comm);
    let path = [word, argument].into_iter().find(completes)?;
    let is_shown = !is_scrubbed || scrub::scrub_line(path).is_none();
    is_shown.then(|| last_component(path))
}

fn last_component(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(data: &[u8]) -> Vec<Vec<u8>> {
        CommandLine::of(data).split()
    }

    fn split_cut(data: &[u8]) -> (Vec<Vec<u8>>, bool) {
        (split(data), CommandLine::of(data).is_cut)
    }

    fn split_text(data: &str) -> Vec<String> {
        split(data.as_bytes()).into_iter().map(|argument| String::from_utf8_lossy(&argument).into_owned()).collect()
    }

    /// Vector V19 of psutil's tests.
    #[test]
    fn arguments_are_split_as_psutil_does() {
        assert_eq!(split_text("foo\0bar\0"), ["foo", "bar"]);
        assert_eq!(split_text("foo\0bar\0\0"), ["foo", "bar", ""]);
        assert_eq!(split_text("foo bar "), ["foo", "bar"]);
        assert_eq!(split_text("foo bar  "), ["foo", "bar", ""]);
        assert_eq!(split_text("foo bar\0"), ["foo", "bar"]);
        assert_eq!(split_text(""), Vec::<String>::new());
        assert_eq!(split_text("foo"), ["foo"]);
        assert_eq!(split_text("foo bar"), ["foo", "bar"]);
        assert_eq!(split_text("\0"), [""]);
        assert_eq!(split_text("a b\0c\0"), ["a b", "c"]);
    }

    #[test]
    fn a_command_line_that_is_cut_is_split_where_it_would_be_whole() {
        let whole = [vec![b'a'; 10], b"b c".to_vec(), vec![b'd'; LONGEST_BYTES]];
        let data = whole.join(&0);
        let (arguments, is_cut) = split_cut(&data);
        assert!(is_cut);
        assert_eq!(arguments.get(..2), whole.get(..2), "not at the blank");
        assert_eq!(arguments.join(&0), data.get(..LONGEST_BYTES).unwrap_or_default());
        let title = "a b ".repeat(LONGEST_BYTES);
        assert_eq!(split_cut(title.as_bytes()).0.first().map(Vec::as_slice), Some(&b"a"[..]));
        let fits = [vec![b'd'; LONGEST_BYTES - 1], vec![0]].concat();
        assert_eq!(split_cut(&fits), (split(&fits), false));
        assert_eq!(split_cut(b""), (Vec::new(), false));
    }

    #[test]
    fn names_that_were_cut_are_completed_by_bytes() {
        assert_eq!(
            completed_name(b"systemd-journal", b"/lib/systemd/systemd-journald", true),
            Some(&b"systemd-journald"[..])
        );
        assert_eq!(
            completed_name(b"systemd-journa", b"/lib/systemd/systemd-journald", true),
            None,
            "14 bytes were not cut"
        );
        assert_eq!(completed_name(b"renamed-by-self", b"/lib/systemd/systemd-journald", true), None);
        assert_eq!(completed_name(b"systemd-journal", b"", true), None);
        // Cut inside the second byte of a character, which a comparison of characters can never match.
        let long = "ééééééééé".as_bytes();
        assert_eq!(completed_name(long.get(..15).unwrap_or_default(), long, true), Some(long));
    }

    #[test]
    fn the_first_argument_is_found_as_psutil_finds_it() {
        let completed = |comm: &str, data: &str| {
            completed_name(comm.as_bytes(), data.as_bytes(), true)
                .map(|name| String::from_utf8_lossy(name).into_owned())
        };
        assert_eq!(
            completed("postgres-server", "/usr/bin/postgres-server: writer\0").as_deref(),
            Some("postgres-server:")
        );
        assert_eq!(
            completed("some-long-daemo", "/usr/sbin/some-long-daemon /var/x\0").as_deref(),
            Some("some-long-daemon")
        );
        assert_eq!(
            completed("name with blank", "/opt/name with blanks here\0-v\0").as_deref(),
            Some("name with blanks here")
        );
        assert_eq!(
            completed("long-in-a-folde", "/opt/My Folder/long-in-a-folder\0").as_deref(),
            Some("long-in-a-folder")
        );
    }

    #[test]
    fn a_title_behind_the_name_is_none_of_it() {
        let completed = |comm: &str, data: &str, is_scrubbed| {
            let name = completed_name(comm.as_bytes(), data.as_bytes(), is_scrubbed);
            name.map(|name| String::from_utf8_lossy(name).into_owned())
        };
        for title in ["backup-scheduler --password hunter2\0\0\0", "/opt/backup-scheduler --token=x\0serve\0"] {
            assert_eq!(completed("backup-schedule", title, false).as_deref(), Some("backup-scheduler"), "{title}");
        }
        // Where a blank belongs to the name it cannot be told where the name ends.
        let title = "backup daemon 12 --password hunter2\0\0";
        assert_eq!(completed("backup daemon 1", title, true), None);
        assert_eq!(completed("backup daemon 1", title, false).as_deref(), Some("backup daemon 12 --password hunter2"));
        assert_eq!(completed("--password=hunt", "--password=hunter2\0", true), None);
    }

    #[test]
    fn secrets_of_a_title_are_found_though_it_is_split_into_words() {
        for (data, masked) in [
            ("fetcher Authorization: Bearer s3cr3t\0", "fetcher|Authorization:|***"),
            ("fetcher Authorization: Bearer s3cr3t", "fetcher|Authorization:|***"),
            ("fetcher Authorization: Bearer s3cr3t ", "fetcher|Authorization:|***"),
            ("job password: hunter2\0", "job|password:|***"),
            ("job --password\0hunter2 x", "job|--password|***|x"),
            (
                "-----BEGIN PRIVATE KEY----- MII Evg -----END PRIVATE KEY-----\0",
                "-----BEGIN|PRIVATE|KEY-----***-----END|PRIVATE|KEY-----",
            ),
            ("app\0--password\0two words\0", "app|--password|***"),
        ] {
            let line = CommandLine::of(data.as_bytes());
            let (arguments, found) = line.split_masked();
            assert_eq!((String::from_utf8_lossy(&arguments.join(&b'|')).as_ref(), found), (masked, true), "{data}");
            assert!(line.has_secrets(), "{data}");
        }
        assert!(CommandLine::of(b"curl\0-H\0Authorization:\0Bearer\0s3cr3t\0").has_secrets(), "split at its blanks");
        let harmless = CommandLine::of(b"postgres: writer process  ");
        assert_eq!((harmless.split_masked(), harmless.has_secrets()), ((harmless.split(), false), false));
    }

    proptest::proptest! {
        #[test]
        fn arguments_joined_by_nul_come_back(arguments in proptest::collection::vec(proptest::collection::vec(1..=255_u8, 0..20), 2..6)) {
            let mut data = arguments.join(&0);
            data.push(0);
            proptest::prop_assert_eq!(split(&data), arguments);
        }
    }
}
