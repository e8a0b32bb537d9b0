//! Time limits: each stage's own and the session's as a whole. They rest on the monotonic clock; wall time has no
//! part here.

use crate::observe::{Cause, Seen, Stage, Unseen};
use std::future::{Future, pending};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// No session may be longer, whatever it was asked for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long one stage may take, its whole reply included, however the peer spreads its octets.
///
/// RFC 5321 §4.5.3.2 lets a *client that has mail to deliver* wait five minutes nearly everywhere. A prober has
/// none, and its session has an end: these are long enough for postscreen's pause before the greeting (up to 20 s in
/// the wild) and for look-ups that servers make about their client.
pub(super) const fn limit(stage: Stage) -> Duration {
    Duration::from_secs(match stage {
        Stage::Lookup | Stage::Fetch | Stage::Connect => 15,
        Stage::Banner | Stage::Ehlo | Stage::EhloTls | Stage::Mail => 30,
        Stage::StartTls | Stage::TlsHandshake => 20,
        Stage::Rcpt => 45,
        Stage::Rset => 10,
        Stage::Quit => 2,
    })
}

/// The clock of one session.
pub(super) struct Clock {
    began: Instant,
    timeout: Duration,
    ends: Instant,
    stop: watch::Receiver<bool>,
}

impl Clock {
    /// Starts now; the session ends when `timeout` is over or `stop` becomes true.
    pub(super) fn start(timeout: Duration, stop: watch::Receiver<bool>) -> Self {
        let (began, timeout) = (Instant::now(), timeout.min(LONGEST));
        Self { began, timeout, ends: began + timeout, stop }
    }

    /// Since the session's start.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Does `work` within the limit of `stage` and of the session, or says why not.
    pub(super) async fn within<T>(&mut self, stage: Stage, work: impl Future<Output = T>) -> Seen<T> {
        let stage_ends = Instant::now() + limit(stage);
        let (ends, timeout) = (stage_ends.min(self.ends), self.timeout);
        let out_of_session = self.ends < stage_ends;
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => Err(Unseen::failed(stage, Cause::ProberError, "stopping")),
            done = timeout_at(ends, work) => done.map_err(|_| match out_of_session {
                true => Unseen::failed(stage, Cause::Timeout, format!("the session's {timeout:?} are over")),
                false => silence(stage),
            }),
        }
    }

    /// Does the farewell `work`, which has its own short limit. It is begun even when the session is over or has to
    /// stop, but where the session is over nobody waits for it.
    pub(super) async fn farewell<T>(&self, work: impl Future<Output = T>) -> Seen<T> {
        let now = Instant::now();
        let ends = (now + limit(Stage::Quit)).min(self.ends.max(now));
        timeout_at(ends, work).await.map_err(|_| silence(Stage::Quit))
    }
}

/// Where a sender would give up as well, silence is an answer; elsewhere it proves nothing.
fn silence(stage: Stage) -> Unseen {
    let cause = match stage {
        Stage::Connect | Stage::Banner | Stage::TlsHandshake => Cause::NoAnswer,
        _ => Cause::Timeout,
    };
    Unseen::failed(stage, cause, format!("not done within {:?}", limit(stage)))
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        pending().await // nobody is left who could stop us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn wait(timeout: u64, stage: Stage) -> (Cause, Duration) {
        let (_stop, stopped) = watch::channel(false);
        let mut clock = Clock::start(Duration::from_secs(timeout), stopped);
        let unseen = clock.within(stage, pending::<()>()).await.unwrap_err();
        (unseen.cause(), clock.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_an_answer_only_where_senders_give_up_too() {
        for (timeout, stage, cause, seconds) in [
            (120, Stage::Connect, Cause::NoAnswer, 15),
            (120, Stage::Banner, Cause::NoAnswer, 30),
            (120, Stage::TlsHandshake, Cause::NoAnswer, 20),
            (120, Stage::Ehlo, Cause::Timeout, 30),
            (120, Stage::Rcpt, Cause::Timeout, 45),
            (12, Stage::Connect, Cause::Timeout, 12),
            (12, Stage::Rcpt, Cause::Timeout, 12),
        ] {
            let (seen, took) = wait(timeout, stage).await;
            assert_eq!(seen, cause, "{stage} of {timeout} s");
            assert_eq!(took.as_secs(), seconds, "{stage} of {timeout} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_every_wait_at_once() {
        let (stop, stopped) = watch::channel(false);
        let mut clock = Clock::start(Duration::MAX, stopped);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            stop.send_replace(true);
        });
        let unseen = clock.within(Stage::Rcpt, pending::<()>()).await.unwrap_err();
        assert_eq!((unseen.cause(), clock.elapsed().as_secs()), (Cause::ProberError, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_farewell_is_begun_when_all_is_over_but_not_waited_for() {
        let (_stop, stopped) = watch::channel(true);
        let clock = Clock::start(Duration::from_secs(10), stopped);
        assert_eq!(clock.farewell(async { "written" }).await, Ok("written"));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(clock.farewell(async { "written" }).await, Ok("written"));
        assert!(clock.farewell(pending::<()>()).await.is_err());
        assert_eq!(clock.elapsed().as_secs(), 20);
    }
}
