//! Sessions with peers of every kind, good and bad, under paused time.

mod anchors;
mod authority;
mod certificates;
mod encrypted;
mod peer;
mod plain;
mod transactions;
