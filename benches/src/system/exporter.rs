//! Debian's prometheus-node-exporter with its default collectors, scraped over loopback.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::agent_cost::cpu_seconds;

pub struct Exporter {
    child: Child,
    address: SocketAddr,
}

impl Exporter {
    /// `None`: it is not installed.
    pub fn start() -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("prometheus-node-exporter");
        command.arg(format!("--web.listen-address={address}")).stdout(Stdio::null()).stderr(Stdio::null());
        let exporter = Self { child: command.spawn().ok()?, address };
        for _ in 0..100 {
            if TcpStream::connect(address).is_ok() {
                return Some(exporter);
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("prometheus-node-exporter does not listen on {address}");
    }

    /// Processor seconds that so many scrapes cost it, one after the other on connections of their own.
    pub fn spend(&mut self, scrapes: u32) -> f64 {
        let before = cpu_seconds(self.child.id());
        for _ in 0..scrapes {
            let mut stream = TcpStream::connect(self.address).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() > 10_000, "{} bytes", answer.len());
        }
        cpu_seconds(self.child.id()) - before
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
