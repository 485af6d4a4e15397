//! The image of deploy/Dockerfile without a registry and without compiling: the programs under test, on the C library of this machine.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use procwire_tests::{programs, workspace};

use crate::engine::{build, docker, said, tried};

/// Images made for one run. They go with this value.
pub(crate) struct Images {
    base: String,
    programs: String,
    stage: String,
    /// The image that is shipped.
    pub(crate) shipped: String,
}

impl Images {
    pub(crate) fn make(run: &str) -> Self {
        let name = |part: &str| format!("procwire-test-{part}:{run}");
        let images =
            Self { base: name("base"), programs: name("programs"), stage: name("stage"), shipped: name("image") };
        let folder = tempfile::tempdir().unwrap();
        for (name, program) in [("procwired", programs::procwired()), ("procwire", programs::procwire())] {
            stripped(&program, &folder.path().join(name));
        }
        images.make_base(&folder.path().join("procwire"));
        let dockerfile = format!("FROM {}\nCOPY procwired procwire /out/\n", images.base);
        fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        build(folder.path(), &["--tag", &images.programs]);

        let tree = workspace();
        let file = tree.join("deploy/Dockerfile").display().to_string();
        let with_programs = format!("BUILD_IMAGE={}", images.programs);
        let on_base = format!("RUNTIME_IMAGE={}", images.base);
        let arguments = ["--file", &file, "--build-arg", &with_programs, "--build-arg", &on_base, "--tag"];
        build(&tree, &[&arguments[..], &[&images.stage, "--target", "build"]].concat());
        build(&tree, &[&arguments[..], &[&images.shipped]].concat());
        images
    }

    /// A shell and the libraries that the programs need, packed on this machine: at least as new as those they were linked with.
    fn make_base(&self, program: &Path) {
        let mut files = BTreeSet::from([PathBuf::from("/bin/sh")]);
        files.extend(libraries(program));
        files.extend(libraries(Path::new("/bin/sh")));
        let mut list = String::new();
        for file in &files {
            list.push_str(file.to_str().unwrap().trim_start_matches('/'));
            list.push('\n');
        }
        // Links are followed: the base has plain files where this machine has links.
        let archive = ["--create", "--dereference", "--directory=/", "--files-from=-"];
        let mut pack = Command::new("tar").args(archive).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        pack.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
        let packed = pack.stdout.take().unwrap();
        let imported = docker(["import", "-", &self.base]).stdin(packed).output().unwrap();
        assert!(pack.wait().unwrap().success());
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        for image in [&self.shipped, &self.stage, &self.programs, &self.base] {
            tried(&mut docker(["rmi", "--force", image]));
        }
    }
}

/// Without what only a debugger reads, where there is a program that takes it out.
fn stripped(program: &Path, copy: &Path) {
    let done = Command::new("strip").arg("-o").arg(copy).arg(program).stderr(Stdio::null()).status();
    if !done.is_ok_and(|status| status.success()) {
        programs::copy(program, copy);
    }
}

/// What ldd(1) names: "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7f...)", and the loader without an arrow.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let told = said(Command::new("ldd").arg(program));
    let paths = told.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    paths.collect()
}
