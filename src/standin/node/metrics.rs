//! The page on which a Node publishes its metrics, in Prometheus' text format. The names are those of Wallarm's
//! documentation.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::Arc,
};

use super::{Snapshot, StandInNode};
use crate::standin::{
    http::Reader,
    server::{Server, Stop, close_gracefully, lock},
};

/// A running page. Dropping it stops it.
#[derive(Debug)]
pub struct MetricsPage(Server);

impl MetricsPage {
    /// Serves the metrics of a Node, whatever path is asked for.
    ///
    /// # Errors
    ///
    /// Returns an error when the address can not be bound or no thread can be started.
    pub fn of(node: &StandInNode, address: impl ToSocketAddrs) -> io::Result<Self> {
        let state = Arc::clone(&node.state);
        Self::start(address, move || page(&lock(&state.ledger).snapshot(0)))
    }

    /// Serves what `text` returns.
    ///
    /// # Errors
    ///
    /// Returns an error when the address can not be bound or no thread can be started.
    pub fn start(
        address: impl ToSocketAddrs,
        text: impl Fn() -> String + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let serve = move |mut socket: TcpStream, _: &Stop| {
            // Whoever asks has gone where one of these fails.
            let Ok(inner) = socket.try_clone() else {
                return;
            };
            let mut reader = Reader::new(inner);
            if let Ok(Some(_)) = reader.message() {
                let text = text();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
                let response = format!("{head}Content-Length: {}\r\n\r\n{text}", text.len());
                if socket.write_all(response.as_bytes()).is_ok() {
                    close_gracefully(&mut socket);
                }
            }
        };
        Server::start(address, Arc::new(serve)).map(Self)
    }

    /// Where the page is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

/// The page of a Node with these counters. A violation is an error of the format.
fn page(snapshot: &Snapshot) -> String {
    let Snapshot {
        requests,
        responses,
        violation_count,
        ..
    } = snapshot;
    let total = snapshot.arrived();
    let prefix = "wallarm_gonode_http_connector_server";
    format!(
        "# HELP {prefix}_messages_seen_total Total amount of messages seen by connector server.\n\
         # TYPE {prefix}_messages_seen_total counter\n\
         {prefix}_messages_seen_total{{type=\"health\"}} 0\n\
         {prefix}_messages_seen_total{{type=\"request\"}} {requests}\n\
         {prefix}_messages_seen_total{{type=\"response\"}} {responses}\n\
         {prefix}_messages_seen_total{{type=\"total\"}} {total}\n\
         # TYPE {prefix}_messages_processed_total counter\n\
         {prefix}_messages_processed_total{{type=\"request\"}} {requests}\n\
         {prefix}_messages_processed_total{{type=\"response\"}} {responses}\n\
         # TYPE {prefix}_messages_rejected_total counter\n\
         {prefix}_messages_rejected_total{{reason=\"connector_info\"}} 0\n\
         {prefix}_messages_rejected_total{{reason=\"host\"}} 0\n\
         {prefix}_messages_rejected_total{{reason=\"remote_address\"}} 0\n\
         # TYPE {prefix}_errors_total counter\n\
         {prefix}_errors_total{{type=\"MsgDataFormat\"}} {violation_count}\n"
    )
}
