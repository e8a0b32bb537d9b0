//! The only place that touches the network: what it sees, it hands on as plain data and never judges.

pub mod dns;
