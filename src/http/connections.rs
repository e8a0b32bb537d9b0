//! The connections there are, so that their number stays bounded: a newcomer takes the place of the one that has been
//! idle longest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

/// A connection whose answer is being read counts as idle after so long: what takes longer may go before what is new.
const READING: Duration = Duration::from_secs(60);

/// All connections, at most `most` of them.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    next: u64,
    places: HashMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    /// None while an answer is being made; still to come while it is being read.
    idle_since: Option<Instant>,
    taken: Arc<Notify>,
}

/// The place of one connection; dropping it makes room.
#[derive(Debug)]
pub(super) struct Seat {
    id: u64,
    taken: Arc<Notify>,
    connections: Arc<Connections>,
}

/// While it lives its connection is not idle.
#[derive(Debug)]
pub(super) struct Answering(Arc<Seat>);

/// While it lives the answer of its connection is being read.
#[derive(Debug)]
pub(super) struct Reading(Arc<Seat>);

impl Connections {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, all: Mutex::default() })
    }

    /// A place for a newcomer; none while all others are being answered.
    pub(super) fn seat(self: &Arc<Self>) -> Option<Arc<Seat>> {
        let mut all = self.all();
        if all.places.len() >= self.most {
            all.close_the_idlest()?;
        }
        let (id, taken) = (all.next, Arc::new(Notify::new()));
        all.next += 1;
        all.places.insert(id, Place { idle_since: Some(Instant::now()), taken: taken.clone() });
        drop(all);
        Some(Arc::new(Seat { id, taken, connections: self.clone() }))
    }

    fn set_idle(&self, id: u64, idle_since: Option<Instant>) {
        if let Some(place) = self.all().places.get_mut(&id) {
            place.idle_since = idle_since;
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    fn close_the_idlest(&mut self) -> Option<()> {
        let now = Instant::now();
        let idle = self.places.iter().filter_map(|(id, place)| Some((place.idle_since?, *id)));
        let (_, id) = idle.filter(|(since, _)| *since <= now).min()?;
        self.places.remove(&id)?.taken.notify_one();
        Some(())
    }
}

impl Seat {
    /// Comes back when the place has been given to a newcomer.
    pub(super) async fn taken(&self) {
        self.taken.notified().await;
    }

    /// A request has come; it is answered when what this returns is dropped.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        self.connections.set_idle(self.id, None);
        Answering(self.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.all().places.remove(&self.id);
    }
}

impl Answering {
    /// The answer is made and has to be read.
    pub(super) fn reading(self) -> Reading {
        let seat = self.0.clone();
        drop(self);
        seat.connections.set_idle(seat.id, Some(Instant::now() + READING));
        Reading(seat)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.connections.set_idle(self.0.id, Some(Instant::now()));
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.connections.set_idle(self.0.id, Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, timeout};

    async fn is_taken(seat: &Seat) -> bool {
        timeout(Duration::ZERO, seat.taken()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_takes_the_place_of_the_idlest() {
        let connections = Connections::new(2);
        let first = connections.seat().unwrap();
        advance(Duration::from_secs(1)).await;
        let second = connections.seat().unwrap();
        advance(Duration::from_secs(1)).await;
        drop(first.answering());
        let third = connections.seat().unwrap();
        assert!(is_taken(&second).await && !is_taken(&first).await && !is_taken(&third).await);
        drop(second);
        assert_eq!(connections.all().places.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_closed_while_being_answered() {
        let connections = Connections::new(1);
        let only = connections.seat().unwrap();
        let answering = only.answering();
        assert!(connections.seat().is_none());
        drop(answering);
        assert!(connections.seat().is_some() && is_taken(&only).await);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_closed_while_reading_the_answer_unless_it_takes_too_long() {
        let connections = Connections::new(1);
        let only = connections.seat().unwrap();
        let reading = only.answering().reading();
        assert!(connections.seat().is_none());
        advance(READING).await;
        assert!(connections.seat().is_some() && is_taken(&only).await);
        drop(reading);
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_connection_ends() {
        let connections = Connections::new(1);
        let only = connections.seat().unwrap();
        let answering = only.answering();
        drop((only, answering));
        assert!(connections.seat().is_some());
        assert!(connections.all().places.is_empty());
    }
}
