//! A port of loopback that is a test's own, whether somebody listens there or not.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// As long as it lives, Linux gives its port to nobody who asks for a free one: not to another test, and not to a
/// connection. Who names the port may listen there.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    _bound: Option<Socket>,
}

impl Port {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are free sockets");
        // Two sockets may then be bound to one port, as long as only one of them listens. std sets it too.
        socket
            .set_reuse_address(true)
            .expect("a socket has this option");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&any.into()).expect("loopback has free ports");
        let address = socket.local_addr().expect("a bound socket has an address");
        Self {
            address: address.as_socket().expect("it is one of IPv4"),
            // Other systems let nobody listen beside it.
            _bound: cfg!(target_os = "linux").then_some(socket),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
