//! The Python that psutil and grpcio, the judges, are installed in: `.venv` of the workspace, made when it is not there.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::workspace;

/// The interpreter. The variable PROCWIRE_PYTHON names another one, which must have what tests/python/requirements.txt asks for.
pub fn python() -> PathBuf {
    if let Some(path) = env::var_os("PROCWIRE_PYTHON") {
        return PathBuf::from(path);
    }
    static READY: OnceLock<PathBuf> = OnceLock::new();
    READY.get_or_init(|| install(&workspace().join(".venv"))).clone()
}

/// A script of tests/python.
pub fn script(name: &str) -> PathBuf {
    workspace().join("tests/python").join(name)
}

/// One at a time: tests run in several processes at once.
fn install(folder: &Path) -> PathBuf {
    let requirements = script("requirements.txt");
    let wanted = fs::read(&requirements).unwrap();
    let stamp = folder.join("requirements.installed");
    let python = folder.join("bin/python");
    fs::create_dir_all(folder).unwrap();
    let lock = File::create(folder.join("install.lock")).unwrap();
    lock.lock().unwrap();
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) && python.exists() {
        return python;
    }
    run(
        Command::new("python3").args(["-m", "venv"]).arg(folder),
        "the differential tests need python3 with the module venv (Debian: apt-get install python3-venv)",
    );
    run(
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements),
        "psutil and grpcio, the judges, could not be installed",
    );
    fs::write(&stamp, wanted).unwrap();
    python
}

fn run(command: &mut Command, what_it_means: &str) {
    match command.output() {
        Err(error) => panic!("{what_it_means}: {command:?}: {error}"),
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "{what_it_means}: {command:?}:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}
