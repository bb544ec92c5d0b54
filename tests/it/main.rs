//! The whole binary, between stand-ins for AWS and for the Node.

#![allow(
    clippy::unwrap_used,
    reason = "in a test's helper, too, it is an assertion"
)]

mod batches;
mod bombs;
mod cost;
mod delivery;
mod demo;
mod events;
mod field;
mod golden;
mod harness;
mod input;
mod memory;
mod metrics;
mod output;
mod readme;
mod records;
mod restart;
mod rules;
mod runtime_api;
mod sampling;
mod scripted;
mod structure;
mod tls;
mod truth;
