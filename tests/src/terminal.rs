//! A terminal with a program at it, and a test at its keyboard.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::waiting::eventually;

/// The program ends with this value at the latest.
pub struct Terminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts a program with a terminal of 80 by 24 for its input and both of its outputs.
    pub fn start(mut command: Command) -> Self {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let name = ptsname(&near, Vec::new()).unwrap();
        let far = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let far = || Stdio::from(OpenOptions::new().read(true).write(true).open(far).unwrap());
        command.stdin(far()).stdout(far()).stderr(far());
        command.env("COLUMNS", "80").env("LINES", "24").env("TERM", "xterm").env_remove("NO_COLOR");
        let child = command.spawn().unwrap();
        // The far end shall be open in the program alone, so that reading ends with it.
        drop(command);
        let keyboard = File::from(near);
        let shown = Arc::default();
        watch(keyboard.try_clone().unwrap(), Arc::clone(&shown));
        Self { child, keyboard, shown }
    }

    /// The pid of the program.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything shown so far, with what moves the cursor in it.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until this is shown, and gives everything that is.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> String {
        eventually(text, || Some(self.shown()).filter(|shown| shown.contains(text)))
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").unwrap();
    }

    /// Waits until the program has ended, and gives how, and everything that it has shown.
    #[track_caller]
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = eventually("the end of the program at the terminal", || self.child.try_wait().unwrap());
        // What it wrote last is shown a moment later.
        let mut before = self.shown();
        loop {
            thread::sleep(std::time::Duration::from_millis(20));
            let now = self.shown();
            if now == before {
                return (status, now);
            }
            before = now;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn watch(mut screen: File, shown: Arc<Mutex<Vec<u8>>>) {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        // EIO: nobody has the far end open any more.
        while let Ok(count @ 1..) = screen.read(&mut bytes) {
            shown.lock().unwrap().extend_from_slice(&bytes[..count]);
        }
    });
}
