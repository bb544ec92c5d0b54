//! The whole binary, between stand-ins for AWS and for the Node.

#![allow(
    clippy::unwrap_used,
    reason = "in a test's helper, too, it is an assertion"
)]

mod batches;
mod bombs;
mod check;
mod cost;
mod delivery;
mod demo;
mod diff;
mod events;
mod field;
mod golden;
mod harness;
mod html;
mod input;
mod inventory;
mod invoke;
mod manners;
mod memory;
mod metrics;
mod node;
mod openapi;
mod output;
mod own_log;
mod paths;
mod port;
mod probe;
mod readme;
mod records;
mod restart;
mod rules;
mod runtime_api;
mod sampling;
mod scripted;
mod send;
mod structure;
mod tls;
mod tool;
mod tool_memory;
mod truth;
mod wait;
