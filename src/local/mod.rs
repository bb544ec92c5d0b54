//! The operator's local tool: stand-ins for AWS and for the Node, and the demonstration which joins them.
//!
//! Nothing in here is part of the Lambda build, and nothing in here talks to anything but loopback
//! unless the operator gives another address to listen on.
//!
//! ```text
//! lines ──> event ──> runtime_api ──> bootstrap (child process) ──> node ──> inventory
//!   ^ sample                              │ report lines                        │
//!                                         └────────────> summary <──────────────┘
//! ```

pub mod decode;
pub mod error;
pub mod event;
pub mod http;
pub mod inventory;
pub mod lines;
pub mod node;
pub mod properties;
pub mod runtime_api;
pub mod sample;
pub mod server;

pub mod child;
pub mod demo;
pub mod summary;
pub mod watch;
