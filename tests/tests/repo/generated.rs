//! The Rust code of the wire is checked in, so that building needs neither protoc nor a generator.
//! `PROCWIRE_BLESS=1 cargo test -p procwire-tests --test repo` writes it anew (`just generate`).

use std::{fs, path::Path, path::PathBuf};

use prost::Message as _;

fn proto_room() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("proto")
}

pub(crate) fn descriptor_set() -> prost_types::FileDescriptorSet {
    let room = proto_room();
    let mut files: Vec<_> =
        fs::read_dir(room.join("procwire/v1")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut compiler = protox::Compiler::new([&room]).unwrap();
    compiler.include_source_info(true).include_imports(true).open_files(&files).unwrap();
    compiler.file_descriptor_set()
}

/// Compares, or with PROCWIRE_BLESS writes.
fn assert_fresh(path: &Path, wanted: &[u8]) {
    if std::env::var_os("PROCWIRE_BLESS").is_some() {
        fs::write(path, wanted).unwrap();
    }
    let found = fs::read(path).unwrap_or_default();
    assert!(found == wanted, "{} is stale: run `just generate`", path.display());
}

#[test]
fn generated_code_matches_the_proto_files() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated");
    fs::create_dir_all(&out).unwrap();
    let mut config = tonic_prost_build::Config::new();
    // What few callers ask for stays out of line, so that a row of a table is half as wide in memory.
    let rare = [
        "capabilities",
        "cgroup",
        "exit_status",
        "io_priority",
        "memory_footprint",
        "namespaces",
        "oom",
        "scheduling",
        "signals",
        "syscall_filter",
    ];
    for field in rare {
        config.boxed(format!(".procwire.v1.Process.{field}"));
    }
    config.enable_type_names();
    tonic_prost_build::configure()
        .out_dir(&out)
        .bytes(".procwire.v1.ProcessRef.boot_id")
        .bytes(".procwire.v1.SampleTime.boot_id")
        .client_mod_attribute(".", "#[cfg(feature = \"client\")]")
        .server_mod_attribute(".", "#[cfg(feature = \"server\")]")
        .build_transport(false)
        .compile_fds_with_config(descriptor_set(), config)
        .unwrap();
    let code = fs::read(out.join("procwire.v1.rs")).unwrap();
    assert_fresh(&proto_room().join("src/generated/procwire.v1.rs"), &code);
}

#[test]
fn descriptor_set_matches_the_proto_files() {
    let mut set = descriptor_set();
    for file in &mut set.file {
        file.source_code_info = None;
    }
    assert_fresh(&proto_room().join("src/generated/procwire.v1.fds"), &set.encode_to_vec());
}
