//! What every request that acts can be told, written once for all builders.

/// Reason, name, rehearsal and deadline of an action: of a builder with `request` and `timeout`.
macro_rules! action_setters {
    () => {
        /// Why, for the audit record; at most 1024 bytes.
        pub fn reason(mut self, reason: impl Into<String>) -> Self {
            self.request.reason = reason.into();
            self
        }

        /// Names this action: a repetition with the same id within ten minutes gets the first one's answer, and nothing is done a
        /// second time; with the same id and other contents it is refused. At most 128 bytes. Default: a random one, see
        /// [A connection that breaks](crate::ControlCalls#a-connection-that-breaks).
        pub fn request_id(mut self, id: impl Into<String>) -> Self {
            self.request.request_id = id.into();
            self
        }

        /// Resolve and check everything, do nothing.
        pub fn dry_run(mut self, yes: bool) -> Self {
            self.request.dry_run = yes;
            self
        }

        /// The deadline, after which this side gives up listening.
        pub fn timeout(mut self, time: std::time::Duration) -> Self {
            self.timeout = Some(time);
            self
        }
    };
}

/// What belongs to a target, and how many processes may be hit: of a builder for several.
macro_rules! many_setters {
    () => {
        /// What belongs to a target: the process alone (the default), it and its descendants, or its control group. For a wider
        /// one say with [`at_most`](Self::at_most) how many processes there may be: without it, no more than targets.
        pub fn scope(mut self, scope: procwire_proto::v1::ControlScope) -> Self {
            self.request.scope = scope.into();
            self
        }

        /// How many targets there are, as whoever answers for it knows: needed for more than one. Another number than that of the
        /// targets: nothing is done.
        pub fn expect_count(mut self, count: u32) -> Self {
            self.request.confirm_count = Some(count);
            self
        }

        /// With a wider [`scope`](Self::scope): the most processes that it may resolve to. If there are more, nothing is done; a
        /// [`dry_run`](Self::dry_run) says how many there are now. A termination ends those that are forked meanwhile as well.
        pub fn at_most(mut self, count: u32) -> Self {
            self.request.confirm_at_most = Some(count);
            self
        }
    };
}

/// How to end: of a builder for one process or several.
macro_rules! ending_setters {
    () => {
        /// The first signal, or a real-time signal by its number. Default: SIGTERM.
        pub fn signal(mut self, signal: impl Into<i32>) -> Self {
            self.request.signal = signal.into();
            self
        }

        /// Time to comply with it, at most an hour. Default: 10 s. Zero, with
        /// [`Escalation::Kill`](crate::Escalation::Kill), means SIGKILL at once.
        pub fn grace(mut self, grace: std::time::Duration) -> Self {
            self.request.grace = Some(crate::call::wire_duration(grace));
            self
        }

        /// What to do when the grace period is over. Default: [`Escalation::Kill`](crate::Escalation::Kill).
        pub fn then(mut self, escalation: crate::Escalation) -> Self {
            self.request.then = escalation.into();
            self
        }

        /// What the agent does when this caller hangs up. Default:
        /// [`DisconnectAction::Continue`](crate::v1::DisconnectAction::Continue).
        pub fn on_disconnect(mut self, action: procwire_proto::v1::DisconnectAction) -> Self {
            self.request.on_disconnect = action.into();
            self
        }
    };
}
