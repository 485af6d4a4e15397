//! Processes that do nothing, so that the table has a known length.

use std::process::{Child, Command, Stdio};

pub struct Sleepers {
    children: Vec<Child>,
}

impl Sleepers {
    pub fn start(count: u32) -> Self {
        let start = |_| Command::new("sleep").arg("3600").stdin(Stdio::null()).spawn().unwrap();
        Self { children: (0..count).map(start).collect() }
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
        }
        for child in &mut self.children {
            let _ = child.wait();
        }
    }
}
