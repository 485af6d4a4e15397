//! `/proc/swaps` (mm/swapfile.c, `swap_show`).

use procwire_proto::v1::SwapDevice;

use super::lines;
use crate::procfs::Numbers;

/// The devices, and whether every line could be read.
pub(in crate::system) fn parse(text: &[u8]) -> (Vec<SwapDevice>, bool) {
    let mut devices = Vec::new();
    let mut is_whole = true;
    // The first line names the columns.
    for line in lines(text).skip(1) {
        match device(line) {
            Some(device) => devices.push(device),
            None => is_whole = false,
        }
    }
    (devices, is_whole)
}

/// `/dev/dm-1 partition 8388604 0 -2`: path, kind, size and use in kB, priority. A file that was removed while in use is called
/// "/swap (deleted)", by the kernel and here.
fn device(line: &[u8]) -> Option<SwapDevice> {
    // Other blanks than these two can be in a name.
    let (path, rest) = line.split_at_checked(memchr::memchr2(b' ', b'\t', line).filter(|end| *end > 0)?)?;
    let (path, mut words) = (unescaped(path), Numbers::new(rest));
    let kind = String::from_utf8_lossy(words.token()?).into_owned();
    let mut bytes = || words.unsigned().and_then(|kib| kib.checked_mul(1024));
    let (total_bytes, used_bytes) = (bytes()?, bytes()?);
    let priority = words.signed().and_then(|priority| i32::try_from(priority).ok())?;
    Some(SwapDevice { path, kind, total_bytes, used_bytes, priority })
}

/// Blanks, tabs, newlines and backslashes are written as `\040`, `\011`, `\012` and `\134` (fs/seq_file.c, `mangle_path`).
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'\\').then(|| tail.split_at_checked(3)).flatten();
        match escaped.and_then(|(digits, after)| octal(digits).map(|byte| (byte, after))) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?, 8).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    fn of(rows: &str) -> (Vec<SwapDevice>, bool) {
        parse(format!("{HEAD}{rows}").as_bytes())
    }

    fn device(path: &[u8], kind: &str, [total_kib, used_kib]: [u64; 2], priority: i32) -> SwapDevice {
        let [total_bytes, used_bytes] = [total_kib, used_kib].map(|kib| kib * 1024);
        SwapDevice { path: path.to_vec(), kind: kind.to_owned(), total_bytes, used_bytes, priority }
    }

    #[test]
    fn devices_and_files() {
        let (devices, is_whole) = of("/dev/dm-1                               partition\t8388604\t\t12\t\t-2\n\
            /var/swap\\040file                       file\t\t524284\t\t0\t\t100\n\
            /gone\\040(deleted)                      file\t\t4\t\t4\t\t-3\n\
            none                                    virtual\t\t1024\t0\t0\n");
        let expected = [
            device(b"/dev/dm-1", "partition", [8_388_604, 12], -2),
            device(b"/var/swap file", "file", [524_284, 0], 100),
            device(b"/gone (deleted)", "file", [4, 4], -3),
            device(b"none", "virtual", [1024, 0], 0),
        ];
        assert_eq!((devices.as_slice(), is_whole), (expected.as_slice(), true));
    }

    #[test]
    fn no_swap_is_no_device() {
        assert_eq!(of(""), (vec![], true));
        assert_eq!(parse(b""), (vec![], true));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let (devices, is_whole) =
            of("/a file 4 0 -2\n/b file 4 x -2\n/c file 4\n/d file 18446744073709551615 0 1\n/e file 4 0");
        assert_eq!((devices.len(), is_whole), (1, false));
    }

    #[test]
    fn names_may_be_any_bytes() {
        let (devices, _) = of("/a\\134\\011\\012\\08\\ file 4 0 1\n");
        assert_eq!(devices.first().map(|device| device.path.as_slice()), Some(b"/a\\\t\n\\08\\".as_slice()));
        let text = [HEAD.as_bytes(), b"/\xff\\+12 file 4 0 1\n"].concat();
        assert_eq!(parse(&text).0.first().map(|device| device.path.clone()), Some(b"/\xff\\+12".to_vec()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            parse(&[HEAD.as_bytes(), text.as_slice()].concat());
        }

        #[test]
        fn any_name_reads_back(name in proptest::collection::vec(1_u8..=255, 1..40)) {
            let mangled = name.iter().fold(Vec::new(), |mut text, byte| {
                match byte {
                    b' ' | b'\t' | b'\n' | b'\\' => text.extend(format!("\\{byte:03o}").into_bytes()),
                    _ => text.push(*byte),
                }
                text
            });
            let text = [HEAD.as_bytes(), &mangled, b" file 4 0 1\n"].concat();
            prop_assert_eq!(parse(&text).0.into_iter().map(|device| device.path).collect::<Vec<_>>(), [name]);
        }
    }
}
