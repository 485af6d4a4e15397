//! A program of 32 bits on a kernel of 64.

use std::{
    fs::{self, Permissions},
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::Path,
    process::Command,
};

use procwire_tests::{Agent, Role, Victim, programs, reference_of};

use super::{expected, reasons};

const BASE: u32 = 0x0804_8000;
const ENOEXEC: i32 = 8;

/// Says "ready", and reads until there is nothing more. i386, numbers from arch/x86/entry/syscalls/syscall_32.tbl.
fn program() -> Vec<u8> {
    const HEADERS_BYTES: u32 = 52 + 32;
    const MESSAGE: &[u8] = b"ready\n";
    let code_at = BASE + HEADERS_BYTES;
    let assemble = |message_at: u32| {
        let mut code = Vec::new();
        let load = |code: &mut Vec<u8>, register: u8, value: u32| {
            code.push(0xb8 + register);
            code.extend(value.to_le_bytes());
        };
        let (eax, ecx, edx, ebx) = (0, 1, 2, 3);
        // write(1, message, 6)
        for (register, value) in [(eax, 4), (ebx, 1), (ecx, message_at), (edx, 6)] {
            load(&mut code, register, value);
        }
        code.extend([0xcd, 0x80]);
        // do read(0, stack, 1) while (eax > 0)
        let again = code.len();
        for (register, value) in [(eax, 3), (ebx, 0), (edx, 1)] {
            load(&mut code, register, value);
        }
        code.extend([0x89, 0xe1, 0xcd, 0x80, 0x85, 0xc0, 0x7f]);
        let back = i8::try_from(again).unwrap() - i8::try_from(code.len() + 1).unwrap();
        code.extend(back.to_le_bytes());
        // exit(0)
        load(&mut code, eax, 1);
        load(&mut code, ebx, 0);
        code.extend([0xcd, 0x80]);
        code
    };
    let code_bytes = u32::try_from(assemble(0).len()).unwrap();
    let code = [assemble(code_at + code_bytes), MESSAGE.to_vec()].concat();
    let length = HEADERS_BYTES + u32::try_from(code.len()).unwrap();
    // ELFCLASS32, little endian, version 1
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
    // ET_EXEC, EM_386
    half(&mut file, 2);
    half(&mut file, 3);
    // version, entry, program headers, no section headers, no flags
    for value in [1, code_at, 52, 0, 0] {
        word(&mut file, value);
    }
    // sizes: this header, a program header and how many, a section header and how many, their names
    for value in [52, 32, 1, 0, 0, 0] {
        half(&mut file, value);
    }
    // PT_LOAD of the whole file, readable and executable
    for value in [1, 0, BASE, BASE, length, length, 5, 0x1000] {
        word(&mut file, value);
    }
    [file, code].concat()
}

/// Written by another process (`cp`), for a program that is open to write cannot be run.
fn install(folder: &Path) -> std::path::PathBuf {
    let (written, program_path) = (folder.join("written"), folder.join("of-32-bits"));
    fs::write(&written, program()).unwrap();
    fs::set_permissions(&written, Permissions::from_mode(0o755)).unwrap();
    programs::copy(&written, &program_path);
    program_path
}

#[tokio::test]
async fn it_is_a_process_like_any_other_with_low_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let path = install(folder.path());
    let mut command = Command::new(&path);
    command.arg("an argument").env("MARK", "x").current_dir(&folder);
    if let Err(error) =
        Command::new(&path).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).status()
    {
        // A kernel without CONFIG_IA32_EMULATION, or of another family of processors. Then there are no such processes.
        assert_eq!(error.raw_os_error(), Some(ENOEXEC), "{error}");
        return;
    }
    let victim = Victim::start_command(command).asleep();
    let agent = Agent::start();
    let row = agent.client(Role::Admin).processes().get(victim.pid()).fields(["*"]).await.unwrap().process.unwrap();
    assert_eq!(reasons(&row), expected([]));
    assert_eq!(row.r#ref.unwrap().start_ticks, reference_of(victim.pid()).start_ticks);
    assert!(row.start_time.unwrap().seconds > 0);
    assert_eq!(row.name.as_deref(), Some(&b"of-32-bits"[..]));
    assert_eq!(row.cmdline, [path.as_os_str().as_bytes(), b"an argument"]);
    assert_eq!(row.exe.as_deref(), Some(path.canonicalize().unwrap().as_os_str().as_bytes()));
    assert!(row.environ.iter().any(|variable| variable.name == b"MARK" && variable.value.as_deref() == Some(b"x")));
    let memory = row.memory.unwrap();
    let (resident, all) = (memory.resident_bytes.unwrap(), memory.virtual_bytes.unwrap());
    assert!(resident > 0 && all >= resident && all < 1 << 32, "{memory:?}");
    let program_maps: Vec<_> = row.memory_maps.iter().filter(|map| map.path == row.exe).collect();
    let [map] = program_maps.as_slice() else { panic!("{program_maps:?}") };
    assert_eq!(
        (map.start_address, map.end_address, map.permissions.as_str()),
        (BASE.into(), u64::from(BASE) + 0x1000, "r-xp")
    );
    assert!(row.memory_maps.iter().any(|map| map.path.as_deref() == Some(b"[stack]")));
    assert!(row.memory_maps.iter().all(|map| map.end_address <= 1 << 32), "{:?}", row.memory_maps.last());
    let sum: u64 = row.memory_maps.iter().map(|map| map.size_bytes.unwrap()).sum();
    assert!(sum >= all && row.memory_footprint.unwrap().unique_bytes.unwrap() > 0);
    assert_eq!((row.threads.len(), row.resource_limits.len()), (1, 16));
}
