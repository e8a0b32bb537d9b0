//! A limit to the sessions that are under way at once.

use super::{Sessions, State};

/// A session's place among those at once; given back however the session ends.
pub(super) struct Place<'a, P> {
    sessions: &'a Sessions<P>,
    is_proven: bool,
}

impl<P> Drop for Place<'_, P> {
    fn drop(&mut self) {
        let mut state = self.sessions.state();
        state.tally.in_flight -= 1;
        state.unproven -= usize::from(!self.is_proven);
        drop(state);
        self.sessions.freed.notify_waiters();
    }
}

impl<P> Sessions<P> {
    /// Waits until fewer than `max_sessions` are under way; with endpoints that have not proven themselves, fewer than
    /// three quarters of it: those who keep us waiting until the last deadline keep nobody else waiting.
    pub(super) async fn place(&self, is_proven: bool) -> Place<'_, P> {
        loop {
            let freed = self.freed.notified();
            if self.state().take_place(is_proven) {
                return Place { sessions: self, is_proven };
            }
            freed.await;
        }
    }
}

impl State {
    fn take_place(&mut self, is_proven: bool) -> bool {
        let most = self.limits.max_sessions;
        let is_free = self.tally.in_flight < most && (is_proven || self.unproven < (most * 3).div_ceil(4));
        if is_free {
            self.tally.in_flight += 1;
            self.unproven += usize::from(!is_proven);
        }
        is_free
    }
}
