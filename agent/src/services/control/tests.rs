#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod signal;
mod terminate;
mod update;
mod wait;
mod wait_many;

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use procwire_proto::v1::{ProcessRef, ProcessState};

use super::*;
use crate::{
    services::testing::{context, pool, reference, row},
    shutdown::ShutdownTrigger,
};

struct Fixture {
    service: ControlService,
    context: Context,
    trigger: ShutdownTrigger,
}

fn fixture() -> Fixture {
    fixture_with(|_| {})
}

fn fixture_with(change: impl FnOnce(&mut Context)) -> Fixture {
    let (mut context, trigger) = context();
    change(&mut context);
    let pool = pool(&context);
    Fixture { service: ControlService::new(context.clone(), pool), context, trigger }
}

/// A child of this test that has said that it is ready; killed at the end.
struct Target {
    child: Child,
    reference: ProcessRef,
}

impl Target {
    /// Runs a shell script that must say "ready".
    fn script(context: &Context, script: &str) -> Self {
        let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let reference = reference(context, child.id());
        Self { child, reference }
    }

    /// Does not react to SIGTERM.
    fn stubborn(context: &Context) -> Self {
        Self::script(context, "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    }

    /// Ends with code 7 at SIGTERM.
    fn obedient(context: &Context) -> Self {
        Self::script(context, "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done")
    }

    fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn state(&self, context: &Context) -> ProcessState {
        row(context, self.child.id()).state()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
