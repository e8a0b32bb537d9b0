//! Log lines on their way out: a bounded queue and a thread of its own, so that a pipe that nobody reads holds up the
//! log and nothing else. Lines that find the queue full are lost, and counted.

use super::escape;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait.
const QUEUE: usize = 4096;
/// How often and how many times [`drain`] looks whether they are all written: half a second in all.
const TICK: Duration = Duration::from_millis(5);
const TICKS: usize = 100;

/// A process has one log.
static LOG: Tally = Tally::new();

/// Takes one line at a time and never blocks.
#[derive(Clone)]
pub(super) struct Lines {
    queue: SyncSender<Box<[u8]>>,
    tally: &'static Tally,
}

/// Writes the last lines when it is dropped, as far as that can be done within half a second.
#[derive(Debug)]
pub struct Drain;

struct Tally {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

/// Starts the thread that writes the log to `out`. Where the system refuses one, every line is lost.
pub(super) fn start(out: impl Write + Send + 'static) -> Lines {
    start_counting(out, &LOG)
}

/// Waits until every line is written, or half a second where they cannot be.
pub fn drain() {
    LOG.drain();
}

fn start_counting(out: impl Write + Send + 'static, tally: &'static Tally) -> Lines {
    let (queue, lines) = sync_channel(QUEUE);
    thread::Builder::new().name("log".to_owned()).spawn(move || write(out, &lines, tally)).ok();
    Lines { queue, tally }
}

fn write(mut out: impl Write, lines: &Receiver<Box<[u8]>>, tally: &Tally) {
    for line in lines {
        let written = out.write_all(&line);
        tally.waiting.fetch_sub(1, Ordering::AcqRel);
        if written.is_err() {
            continue; // a full disk may have room again
        }
        match tally.lost.swap(0, Ordering::Relaxed) {
            0 => {}
            lines => tracing::warn!(lines, "the log was not read, and these lines of it are lost"),
        }
    }
}

impl Tally {
    const fn new() -> Self {
        Self { waiting: AtomicUsize::new(0), lost: AtomicU64::new(0) }
    }

    fn drain(&self) {
        for _ in 0..TICKS {
            if self.waiting.load(Ordering::Acquire) == 0 {
                return;
            }
            thread::sleep(TICK);
        }
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        drain();
    }
}

impl Write for Lines {
    /// The subscriber hands over a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.tally.waiting.fetch_add(1, Ordering::AcqRel);
        if self.queue.try_send(escape::as_json_does(line)).is_err() {
            self.tally.waiting.fetch_sub(1, Ordering::AcqRel);
            self.tally.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Standard error with a lock on it: whoever holds the lock is the pipe that nobody reads.
    #[derive(Clone, Default)]
    struct Pipe(Arc<Mutex<Vec<u8>>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines_to(pipe: &Pipe) -> Lines {
        start_counting(pipe.clone(), Box::leak(Box::new(Tally::new())))
    }

    #[test]
    fn lines_come_out_in_order() {
        let pipe = Pipe::default();
        let mut lines = lines_to(&pipe);
        for line in ["one\n", "two\n", "three\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        lines.tally.drain();
        assert_eq!(*pipe.0.lock().unwrap(), b"one\ntwo\nthree\n");
    }

    #[test]
    fn a_pipe_that_nobody_reads_costs_lines_and_no_time() {
        let pipe = Pipe::default();
        let mut lines = lines_to(&pipe);
        let unread = pipe.0.lock().unwrap();
        for _ in 0..2 * QUEUE {
            lines.write_all(b"line\n").unwrap();
        }
        let lost = lines.tally.lost.load(Ordering::Relaxed);
        drop(unread);
        lines.tally.drain();
        let written = pipe.0.lock().unwrap().len() / b"line\n".len();
        assert!(lost > 0 && written + usize::try_from(lost).unwrap() == 2 * QUEUE, "{lost} {written}");
    }
}
