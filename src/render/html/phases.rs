//! The phases of a session as bars: where they begin and how long they last, in the units of the drawing. A second
//! session, made for tests in plaintext, is not drawn.

use crate::observe::{Phase, Stage, Step};
use crate::render::time;
use std::time::Duration;

/// The drawing is this wide and its bars begin here.
const WIDTH: f64 = 800.0;
const LEFT: f64 = 110.0;
/// Room for the last bar's caption.
const RIGHT: f64 = 90.0;
const ROW: usize = 18;

pub(super) struct Phases {
    pub(super) bars: Vec<Bar>,
    pub(super) height: usize,
    /// All of it in one sentence.
    pub(super) label: String,
}

pub(super) struct Bar {
    pub(super) name: &'static str,
    pub(super) took: String,
    pub(super) x: String,
    pub(super) width: String,
    pub(super) end: String,
    pub(super) top: usize,
    pub(super) baseline: usize,
}

struct Span {
    name: &'static str,
    from: Duration,
    to: Duration,
    took: Duration,
}

impl Phases {
    /// None where there is nothing to draw.
    pub(super) fn of(steps: &[Step]) -> Option<Self> {
        let again = steps.iter().skip(1).position(|step| step.stage == Stage::Connect);
        let steps = again.and_then(|at| steps.get(..=at)).unwrap_or(steps);
        let spans: Vec<Span> = Phase::ALL.into_iter().filter_map(|phase| Span::of(phase, steps)).collect();
        let end = spans.iter().map(|span| span.to).max()?;
        let told: Vec<String> =
            spans.iter().map(|span| format!("{} {}", span.name, time::precise(span.took))).collect();
        Some(Self {
            height: spans.len() * ROW + 4,
            label: format!("Phases: {}", told.join(", ")),
            bars: spans.iter().enumerate().map(|(row, span)| span.bar(row, end)).collect(),
        })
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

    fn bar(&self, row: usize, end: Duration) -> Bar {
        let scale = (WIDTH - LEFT - RIGHT) / end.as_secs_f64().max(1e-9);
        let place = |at: Duration| LEFT + at.as_secs_f64() * scale;
        let width = (place(self.to) - place(self.from)).max(1.0);
        Bar {
            name: self.name,
            took: time::precise(self.took),
            x: format!("{:.1}", place(self.from)),
            width: format!("{width:.1}"),
            end: format!("{:.1}", place(self.from) + width + 5.0),
            top: row * ROW + 4,
            baseline: row * ROW + 14,
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

    #[test]
    fn bars_stand_where_the_phases_were() {
        let steps = [step(Stage::Connect, 0, 50), step(Stage::Mail, 50, 20), step(Stage::Rcpt, 80, 20)];
        let phases = Phases::of(&steps).unwrap();
        let bars: Vec<_> = phases.bars.iter().map(|bar| (&*bar.x, &*bar.width, &*bar.took)).collect();
        assert_eq!(bars, [("110.0", "300.0", "50 ms"), ("410.0", "300.0", "40 ms")]);
        assert_eq!(phases.label, "Phases: connect 50 ms, transactions 40 ms");
    }

    #[test]
    fn a_second_session_is_left_out() {
        let first = [step(Stage::Connect, 0, 50), step(Stage::Banner, 50, 50)];
        let both =
            [first.as_slice(), &[step(Stage::Connect, 60_000, 50), step(Stage::Mail, 60_050, 10)]].concat();
        let label = |steps: &[Step]| Phases::of(steps).unwrap().label;
        assert_eq!(label(&both), label(&first));
    }

    #[test]
    fn a_session_that_took_no_time_can_be_drawn() {
        assert!(Phases::of(&[]).is_none());
        let phases = Phases::of(&[step(Stage::Connect, 0, 0)]).unwrap();
        assert_eq!((&*phases.bars[0].x, &*phases.bars[0].width), ("110.0", "1.0"));
    }
}
