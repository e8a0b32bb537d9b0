//! The signals: those that end the program, the first one politely and the second one at once, and the one that reloads.

use super::reload::Answer;
use crate::logging;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

/// A flag that SIGTERM or SIGINT raises. A second signal ends the process at once, with the exit status `cut_short`.
///
/// # Errors
/// When the system refuses to tell of signals.
pub fn on_stop(cut_short: u8) -> std::io::Result<watch::Receiver<bool>> {
    let (raise, stop) = watch::channel(false);
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        let mut next = async || tokio::select! { _ = term.recv() => "SIGTERM", _ = int.recv() => "SIGINT" };
        let first = next().await;
        info!(signal = first, "saying goodbye to open sessions");
        raise.send_replace(true);
        let second = next().await;
        warn!(signal = second, "ending at once");
        logging::drain();
        #[expect(clippy::exit, reason = "the second signal asks for just this")]
        std::process::exit(cut_short.into());
    });
    Ok(stop)
}

/// Passes every SIGHUP on as a request; those that come while one waits are the same request.
///
/// # Errors
/// When the system refuses to tell of signals.
pub fn on_hangup(reload: mpsc::Sender<Answer>) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let (answer, answered) = oneshot::channel();
            if reload.send(answer).await.is_err() {
                return;
            }
            answered.await.ok();
        }
    });
    Ok(())
}
