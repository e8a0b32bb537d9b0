//! Which session when: due times, spacing between connections to one address, global limits, and sessions that all
//! domains of an endpoint share. It decides nothing about what was seen, and takes its time as an argument.

mod backoff;
mod contacts;
mod demand;
mod manners;
mod pace;
mod pools;
mod queue;
mod remembered;
mod sessions;
mod tally;
mod timetable;
mod turn;
mod vantage;

pub use contacts::{Errand, RelayRecipients, Served, Want};
pub use demand::{Demand, Intervals};
pub use manners::Rest;
pub use pools::{Members, Pooled, Sighting};
pub use queue::{Queue, Waiting};
pub use remembered::{Remembered, RestUntil, Visit};
pub use sessions::{Clock, Limits, Sessions};
pub use tally::Tally;
pub use timetable::{Timetable, due_again, next_due};
pub use vantage::{Answered, Outage, Reach, Vantage};
