//! The phases of a session as bars: where they begin and how long they last, in the units of the drawing. A second
//! session, made for tests in plaintext, is not drawn.

use crate::observe::{Phase, Stage, Step};
use crate::render::time;
use std::time::Duration;

/// The drawing is this wide.
const WIDTH: f64 = 1_000.0;
/// No bar is narrower.
const LEAST: f64 = 4.0;

/// One phase.
pub(super) struct Bar {
    pub(super) name: &'static str,
    pub(super) took: String,
    pub(super) x: String,
    pub(super) width: String,
}

struct Span {
    name: &'static str,
    from: Duration,
    to: Duration,
    took: Duration,
}

impl Bar {
    /// One for each phase that was reached.
    pub(super) fn all(steps: &[Step]) -> Vec<Self> {
        let again = steps.iter().skip(1).position(|step| step.stage == Stage::Connect);
        let steps = again.and_then(|at| steps.get(..=at)).unwrap_or(steps);
        let spans: Vec<Span> = Phase::ALL.into_iter().filter_map(|phase| Span::of(phase, steps)).collect();
        let end = spans.iter().map(|span| span.to).max().unwrap_or_default();
        spans.iter().map(|span| span.bar(end)).collect()
    }
}

impl Span {
    fn of(phase: Phase, steps: &[Step]) -> Option<Self> {
        let within = || steps.iter().filter(|step| step.stage.phase() == Some(phase));
        Some(Self {
            name: name(phase),
            from: within().map(|step| step.at).min()?,
            to: within().map(|step| step.at + step.took).max()?,
            took: within().map(|step| step.took).sum(),
        })
    }

    fn bar(&self, end: Duration) -> Bar {
        let scale = WIDTH / end.as_secs_f64().max(1e-9);
        let place = |at: Duration| at.as_secs_f64() * scale;
        let width = (place(self.to) - place(self.from)).max(LEAST);
        Bar {
            name: self.name,
            took: time::precise(self.took),
            x: format!("{:.1}", place(self.from).min(WIDTH - LEAST)),
            width: format!("{width:.1}"),
        }
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Connect => "connect",
        Phase::Banner => "banner",
        Phase::Ehlo => "EHLO",
        Phase::StartTls => "STARTTLS",
        Phase::TlsHandshake => "handshake",
        Phase::Transaction => "transactions",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(stage: Stage, at: u64, took: u64) -> Step {
        Step {
            stage,
            sent: None,
            reply: None,
            at: Duration::from_millis(at),
            took: Duration::from_millis(took),
        }
    }

    fn drawn(steps: &[Step]) -> Vec<(&'static str, String, String, String)> {
        Bar::all(steps).into_iter().map(|bar| (bar.name, bar.x, bar.width, bar.took)).collect()
    }

    fn bar(name: &'static str, x: &str, width: &str, took: &str) -> (&'static str, String, String, String) {
        (name, x.to_owned(), width.to_owned(), took.to_owned())
    }

    #[test]
    fn bars_stand_where_the_phases_were() {
        let steps = [step(Stage::Connect, 0, 50), step(Stage::Mail, 50, 20), step(Stage::Rcpt, 80, 20)];
        let want = [bar("connect", "0.0", "500.0", "50 ms"), bar("transactions", "500.0", "500.0", "40 ms")];
        assert_eq!(drawn(&steps), want);
    }

    #[test]
    fn a_second_session_is_left_out() {
        let first = [step(Stage::Connect, 0, 50), step(Stage::Banner, 50, 50)];
        let both =
            [first.as_slice(), &[step(Stage::Connect, 60_000, 50), step(Stage::Mail, 60_050, 10)]].concat();
        assert_eq!(drawn(&both), drawn(&first));
    }

    #[test]
    fn what_took_no_time_can_be_drawn() {
        assert!(drawn(&[]).is_empty());
        assert_eq!(drawn(&[step(Stage::Connect, 0, 0)]), [bar("connect", "0.0", "4.0", "0 ms")]);
        let late = drawn(&[step(Stage::Connect, 0, 50), step(Stage::Banner, 50, 0)]);
        assert_eq!(late[1], bar("banner", "996.0", "4.0", "0 ms"));
    }
}
