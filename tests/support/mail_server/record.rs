//! What a mail server remembers of its clients, within bounds.
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// The latest sessions that are remembered line by line.
const SESSIONS: usize = 200;
/// Lines remembered of each.
const LINES: usize = 100;
/// The latest of everything else.
const OTHERS: usize = 10_000;

#[derive(Default)]
pub(super) struct Record(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    arrivals: VecDeque<Instant>,
    transcripts: VecDeque<(usize, Vec<String>)>,
    sessions: usize,
    open: usize,
    most_at_once: usize,
    data_seen: usize,
    breaches: VecDeque<String>,
    greylist: HashMap<(String, String), Instant>,
}

/// A session's number.
#[derive(Clone, Copy)]
pub(super) struct Id(usize);

impl Record {
    /// A client has come. Gives the number of sessions that are open now, too.
    pub(super) fn arrival(&self) -> (Id, usize) {
        let memory = &mut *self.0.lock().unwrap();
        memory.sessions += 1;
        memory.open += 1;
        memory.most_at_once = memory.most_at_once.max(memory.open);
        push(&mut memory.arrivals, Instant::now(), OTHERS);
        push(&mut memory.transcripts, (memory.sessions, Vec::new()), SESSIONS);
        (Id(memory.sessions), memory.open)
    }

    pub(super) fn departure(&self) {
        self.0.lock().unwrap().open -= 1;
    }

    pub(super) fn line(&self, Id(session): Id, line: String) {
        let mut memory = self.0.lock().unwrap();
        let mut transcripts = memory.transcripts.iter_mut();
        let Some((_, lines)) = transcripts.find(|(id, _)| *id == session) else { return };
        if lines.len() < LINES {
            lines.push(line);
        }
    }

    pub(super) fn breach(&self, breach: String) {
        push(&mut self.0.lock().unwrap().breaches, breach, OTHERS);
    }

    pub(super) fn data(&self) {
        self.0.lock().unwrap().data_seen += 1;
    }

    /// Whether this pair came first so long ago that it may pass.
    pub(super) fn is_known(&self, sender: &str, recipient: &str, period: Duration) -> bool {
        let memory = &mut *self.0.lock().unwrap();
        if memory.greylist.len() >= OTHERS {
            memory.greylist.clear();
        }
        let pair = (sender.to_owned(), recipient.to_owned());
        memory.greylist.entry(pair).or_insert_with(Instant::now).elapsed() >= period
    }

    pub(super) fn connections(&self) -> usize {
        self.0.lock().unwrap().sessions
    }

    pub(super) fn arrivals(&self) -> Vec<Instant> {
        self.0.lock().unwrap().arrivals.iter().copied().collect()
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.0.lock().unwrap().most_at_once
    }

    pub(super) fn transcripts(&self) -> Vec<Vec<String>> {
        self.0.lock().unwrap().transcripts.iter().map(|(_, lines)| lines.clone()).collect()
    }

    pub(super) fn data_seen(&self) -> usize {
        self.0.lock().unwrap().data_seen
    }

    pub(super) fn breaches(&self) -> Vec<String> {
        self.0.lock().unwrap().breaches.iter().cloned().collect()
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, limit: usize) {
    if queue.len() == limit {
        queue.pop_front();
    }
    queue.push_back(item);
}
