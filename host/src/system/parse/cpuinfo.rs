//! `/proc/cpuinfo`: every architecture writes its own (`show_cpuinfo` in arch/*/kernel). Lines are `key : value`, the blanks before
//! the colon differ, and a processor ends with an empty line.

use std::collections::BTreeMap;

use super::lines;
use crate::procfs::number;

/// Lines that begin with "processor": one for each processor, on s390x too ("processor 0: version = ...").
pub(in crate::system) fn processors(text: &[u8]) -> u32 {
    let count = lines(text).filter(|line| starts_with(line, b"processor")).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Cores of all packages: "cpu cores" of each "physical id". Nothing on architectures that do not tell.
pub(in crate::system) fn physical_count(text: &[u8]) -> Option<u32> {
    let mut packages: BTreeMap<u64, u64> = BTreeMap::new();
    for block in blocks(text) {
        let find = |wanted: &[u8]| {
            fields(block).find(|(key, _)| key.eq_ignore_ascii_case(wanted)).and_then(|(_, value)| number(value))
        };
        if let Some((package, cores)) = find(b"physical id").zip(find(b"cpu cores")) {
            packages.insert(package, cores);
        }
    }
    let cores = packages.values().fold(0_u64, |sum, cores| sum.saturating_add(*cores));
    u32::try_from(cores).ok().filter(|cores| *cores > 0)
}

/// Names of models, each once, in order. The first of these keys that has any is the one that this architecture writes: x86 and most
/// others; PowerPC and SPARC; old ARM, whose "processor" with a small p is a number.
pub(in crate::system) fn models(text: &[u8]) -> Vec<Vec<u8>> {
    let is_key: [fn(&[u8]) -> bool; 4] = [
        |key| key.eq_ignore_ascii_case(b"model name"),
        |key| key == b"cpu",
        |key| key == b"Processor",
        |key| key == b"Hardware",
    ];
    let named = is_key.into_iter().map(|is_key| models_called(text, is_key));
    named.into_iter().find(|models| !models.is_empty()).unwrap_or_default()
}

fn models_called(text: &[u8], is_key: fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
    let mut models: Vec<Vec<u8>> = Vec::new();
    for (_, name) in lines(text).filter_map(field).filter(|(key, name)| is_key(key) && !name.is_empty()) {
        if !models.iter().any(|known| known == name) {
            models.push(name.to_vec());
        }
    }
    models
}

/// Frequencies by number of processor, ascending: "cpu MHz" (x86), "clock" (PowerPC), "cpu MHz dynamic" (s390x, whose "static" is not
/// what it runs at). A processor that is not numbered has the number of its place.
pub(in crate::system) fn frequencies_hz(text: &[u8]) -> Vec<(u32, u64)> {
    let mut found = Vec::new();
    let mut place = 0;
    for block in blocks(text) {
        let mut numbered = None;
        for (key, value) in fields(block) {
            if key.eq_ignore_ascii_case(b"processor") || key.eq_ignore_ascii_case(b"cpu number") {
                numbered = number(value).and_then(|number| u32::try_from(number).ok());
            } else if [b"cpu MHz".as_slice(), b"clock", b"cpu MHz dynamic"]
                .iter()
                .any(|name| key.eq_ignore_ascii_case(name))
            {
                found.extend(hertz(value).map(|hertz| (numbered.unwrap_or(place), hertz)));
                place += 1;
            }
        }
    }
    found.sort_unstable_by_key(|(number, _)| *number);
    found.dedup_by_key(|(number, _)| *number);
    found
}

/// `2899.951` or `2750.000000MHz`. 0 is what a kernel says that does not know.
fn hertz(megahertz: &[u8]) -> Option<u64> {
    let end = megahertz.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(megahertz.len());
    let (digits, unit) = megahertz.split_at_checked(end)?;
    if !unit.is_empty() && !unit.trim_ascii().eq_ignore_ascii_case(b"MHz") {
        return None;
    }
    let point = memchr::memchr(b'.', digits).unwrap_or(digits.len());
    let (whole, fraction) = digits.split_at_checked(point)?;
    let fraction = fraction.get(1..).unwrap_or_default();
    if memchr::memchr(b'.', fraction).is_some() {
        return None;
    }
    let millionths =
        (0..6).fold(0, |sum, place| sum * 10 + u64::from(fraction.get(place).map_or(0, |digit| digit - b'0')));
    number(whole)?.checked_mul(1_000_000)?.checked_add(millionths).filter(|hertz| *hertz > 0)
}

/// The parts between empty lines.
fn blocks(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memmem::find(rest, b"\n\n").map_or(rest.len(), |end| end + 1);
        let (block, tail) = rest.split_at_checked(end)?;
        rest = tail.get(1..).unwrap_or_default();
        Some(block)
    })
}

fn fields(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(block).filter_map(field)
}

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (key, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
    Some((key.trim_ascii(), value.get(1..)?.trim_ascii()))
}

fn starts_with(line: &[u8], word: &[u8]) -> bool {
    line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// arch/x86/kernel/cpu/proc.c
    const X86: &[u8] = b"processor\t: 0\nmodel name\t: Quick  CPU @ 2.00GHz\ncpu MHz\t\t: 2899.951\nphysical id\t: 0\ncpu cores\t: 2\nflags\t\t: fpu\n\n\
        processor\t: 3\nmodel name\t: Quick  CPU @ 2.00GHz\ncpu MHz\t\t: 800.000\nphysical id\t: 1\ncpu cores\t: 6\n\n";
    /// arch/s390/kernel/processor.c
    const S390X: &[u8] = b"vendor_id       : IBM/S390\n# processors    : 2\nbogomips per cpu: 3241.00\n\
        processor 0: version = FF,  identification = 0133E8,  machine = 2964\n\
        processor 1: version = FF,  identification = 0133E8,  machine = 2964\n\n\
        cpu number      : 0\nphysical id     : 1\ncore id         : 0\ncpu cores       : 2\ncpu MHz dynamic : 5200\ncpu MHz static  : 5000\n\n\
        cpu number      : 1\nphysical id     : 2\ncore id         : 0\ncpu cores       : 1\ncpu MHz dynamic : 5100\ncpu MHz static  : 5000\n\n";
    /// arch/powerpc/kernel/setup-common.c
    const PPC: &[u8] =
        b"processor\t: 0\ncpu\t\t: POWER9 (raw), altivec supported\nclock\t\t: 2750.000000MHz\nrevision\t: 2.2\n\n\
        processor\t: 8\ncpu\t\t: POWER9 (raw), altivec supported\nclock\t\t: 2500.500001MHz\n\ntimebase\t: 512000000\n";
    /// arch/arm/kernel/setup.c before kernel 3.8
    const OLD_ARM: &[u8] = b"Processor\t: ARMv7 Processor rev 10 (v7l)\nprocessor\t: 0\nBogoMIPS\t: 1\n\nprocessor\t: 1\nBogoMIPS\t: 1\n\nHardware\t: Freescale i.MX 6\n";
    /// arch/arm64/kernel/cpuinfo.c
    const ARM64: &[u8] = b"processor\t: 0\nBogoMIPS\t: 108.00\nCPU part\t: 0xd08\n\n";

    #[test]
    fn frequencies_have_the_number_of_their_processor() {
        assert_eq!(frequencies_hz(X86), [(0, 2_899_951_000), (3, 800_000_000)]);
        assert_eq!(frequencies_hz(S390X), [(0, 5_200_000_000), (1, 5_100_000_000)]);
        assert_eq!(frequencies_hz(PPC), [(0, 2_750_000_000), (8, 2_500_500_001)]);
        assert_eq!(frequencies_hz(ARM64), []);
    }

    #[test]
    fn frequencies_without_a_number_are_counted() {
        let text = b"clock : 2750.000000MHz\nclock : 2500.000000MHz\n";
        assert_eq!(frequencies_hz(text), [(0, 2_750_000_000), (1, 2_500_000_000)]);
    }

    #[test]
    fn odd_frequencies_are_absent() {
        for odd in ["0.000", "", "unknown", "-1", "1.2.3", "800GHz", "99999999999999999999", "18446744073709551615"] {
            assert_eq!(frequencies_hz(format!("processor : 0\ncpu MHz : {odd}\n").as_bytes()), [], "{odd}");
        }
        assert_eq!(frequencies_hz(b"cpu MHz : 1.5\nprocessor: 1\ncpu MHz: 7\n"), [(0, 1_500_000), (1, 7_000_000)]);
    }

    #[test]
    fn cores_are_those_of_each_package() {
        assert_eq!(physical_count(X86), Some(8));
        assert_eq!(physical_count(S390X), Some(3), "blanks before the colon");
        assert_eq!((physical_count(PPC), physical_count(ARM64), physical_count(b"")), (None, None, None));
        assert_eq!(physical_count(b"physical id : 0\n\ncpu cores : 4\n"), None, "not of one processor");
        let huge = b"physical id : 0\ncpu cores : 18446744073709551615\n\nphysical id : 1\ncpu cores : 9\n";
        assert_eq!(physical_count(huge), None);
    }

    #[test]
    fn processors_are_counted_as_each_architecture_writes_them() {
        assert_eq!(
            [X86, S390X, PPC, OLD_ARM, ARM64].map(processors),
            [2, 2, 2, 3, 1],
            "old ARM counts one too many, as in psutil"
        );
    }

    #[test]
    fn each_model_once() {
        assert_eq!(models(X86), [b"Quick  CPU @ 2.00GHz"]);
        assert_eq!(models(PPC), [b"POWER9 (raw), altivec supported"]);
        assert_eq!(models(OLD_ARM), [b"ARMv7 Processor rev 10 (v7l)"]);
        assert_eq!(models(b"Hardware : BCM2835\n"), [b"BCM2835"]);
        assert_eq!(models(b"Model Name : b\n\nModel Name : a\n\nModel Name : b\n\nModel Name :\n"), [b"b", b"a"]);
        assert_eq!((models(S390X), models(ARM64)), (vec![], vec![]));
        assert_eq!(models(b"model name : \xff\n"), [b"\xff"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            for text in [text.clone(), [b"cpu MHz : ", text.as_slice()].concat(), [b"processor : ", text.as_slice()].concat()] {
                frequencies_hz(&text);
                physical_count(&text);
                models(&text);
                processors(&text);
            }
        }

        #[test]
        fn what_the_kernel_prints_reads_back(kilohertz in 1_u64..100_000_000) {
            let text = format!("cpu MHz\t\t: {}.{:03}\n", kilohertz / 1000, kilohertz % 1000);
            prop_assert_eq!(frequencies_hz(text.as_bytes()), [(0, kilohertz * 1000)]);
        }
    }
}
