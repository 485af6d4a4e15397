//! `/proc/PID/cmdline` and the name that is completed from it.

/// The length at which the kernel has cut a name: `TASK_COMM_LEN` less its NUL.
pub(super) const COMM_CUT: usize = 15;

/// Command lines are cut here. The kernel keeps up to 6 MiB, and a row must stay far below the 4 MiB that gRPC clients accept, or any
/// user of the host could make its table unreadable.
pub(super) const LONGEST_BYTES: usize = 64 * 1024;

/// Splits a command line of which more than [`LONGEST_BYTES`] was read, and says if it is cut. Its end, by which psutil tells what separates
/// the arguments, is not known then; a NUL tells as much.
pub(super) fn split_cut(data: &[u8]) -> (Vec<Vec<u8>>, bool) {
    match data.get(..LONGEST_BYTES) {
        Some(start) if data.len() > LONGEST_BYTES => {
            let separator = if start.contains(&0) { 0 } else { b' ' };
            (split_at(start, separator), true)
        }
        _ => (split(data), false),
    }
}

/// Splits arguments as psutil does: at NULs, or at spaces where the program rewrote its title and left no NUL at the end
/// (psutil #1179), or where a single NUL-ended argument holds spaces, as setproctitle leaves it.
pub(super) fn split(data: &[u8]) -> Vec<Vec<u8>> {
    let Some((last, body)) = data.split_last() else { return Vec::new() };
    let (separator, body) = match last {
        0 => (0, body),
        b' ' => (b' ', body),
        _ => (b' ', data),
    };
    if separator == 0 && !body.contains(&0) {
        return split_at(body, b' ');
    }
    split_at(body, separator)
}

fn split_at(text: &[u8], separator: u8) -> Vec<Vec<u8>> {
    text.split(|byte| *byte == separator).map(<[u8]>::to_vec).collect()
}

/// The whole of a name that the kernel has cut: the last component of the program's path in the first argument, if the name
/// begins it. Lengths are bytes, as the kernel cuts by bytes. Renamed processes keep their name.
pub(super) fn completed_name<'a>(comm: &[u8], data: &'a [u8]) -> Option<&'a [u8]> {
    let data = data.get(..LONGEST_BYTES).unwrap_or(data);
    let argument = data.split(|byte| *byte == 0).next().unwrap_or_default();
    let word = argument.split(|byte| *byte == b' ').next().unwrap_or_default();
    // As psutil splits, the first element is the word where there is one argument only; the other is tried after it.
    let is_only_argument = data.len() <= argument.len() + 1;
    let candidates = if is_only_argument { [word, argument] } else { [argument, word] };
    candidates.map(last_component).into_iter().find(|name| comm.len() >= COMM_CUT && name.starts_with(comm))
}

fn last_component(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            completed_name(b"systemd-journal", b"/lib/systemd/systemd-journald"),
            Some(&b"systemd-journald"[..])
        );
        assert_eq!(completed_name(b"systemd-journa", b"/lib/systemd/systemd-journald"), None, "14 bytes were not cut");
        assert_eq!(completed_name(b"renamed-by-self", b"/lib/systemd/systemd-journald"), None);
        assert_eq!(completed_name(b"systemd-journal", b""), None);
        // Cut inside the second byte of a character, which a comparison of characters can never match.
        let long = "ééééééééé".as_bytes();
        assert_eq!(completed_name(long.get(..15).unwrap_or_default(), long), Some(long));
    }

    #[test]
    fn the_first_argument_is_found_as_psutil_finds_it() {
        let completed = |comm: &str, data: &str| {
            completed_name(comm.as_bytes(), data.as_bytes()).map(|name| String::from_utf8_lossy(name).into_owned())
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
            completed("name-with-blank", "/opt/name-with-blank here\0-v\0").as_deref(),
            Some("name-with-blank here")
        );
        assert_eq!(
            completed("long-in-a-folde", "/opt/My Folder/long-in-a-folder\0").as_deref(),
            Some("long-in-a-folder")
        );
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
