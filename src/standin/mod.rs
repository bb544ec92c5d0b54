//! Stand-ins for what is around the function: API Gateway's log, CloudWatch Logs, the Runtime API, and the
//! Native Node.
//!
//! Nothing in here uses the function's code. A stand-in that shared that code would share its mistakes, and
//! could not find them. So each format is written and read here once more, from its specification.
//! `tests/it/structure.rs` holds this folder to that. The tests, the benchmark and the operator's tool use it; the
//! Lambda build leaves it out.
//!
//! ```text
//! sample ──────> cloudwatch ─────> runtime_api ─────> bootstrap ──────> node ────────> inventory
//! log lines      subscription      events, results    under test        rules, ids     endpoints
//!                documents                                              and faults
//!                                      └──────── server, http ─────────────┘
//! ```

pub mod cloudwatch;
pub mod http;
pub mod inventory;
pub mod node;
pub mod runtime_api;
pub mod sample;
pub mod server;

#[cfg(test)]
#[path = "../../tests/it/port.rs"]
#[allow(dead_code, reason = "these tests need only a part of it")]
mod port;
