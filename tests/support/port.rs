//! Ports that are ours: bound, so that no other test gets them, whether anybody listens or not.
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A TCP port that refuses connections for as long as this lives.
pub struct ClosedPort {
    pub addr: SocketAddr,
    _socket: TcpSocket,
}

impl ClosedPort {
    /// Some port of 127.0.0.1.
    pub fn somewhere() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// This port; 0 is a free one. Whoever listened on it must have left.
    pub fn at(addr: SocketAddr) -> Self {
        Self::of(bind(addr))
    }

    pub(super) fn of(socket: TcpSocket) -> Self {
        Self { addr: socket.local_addr().unwrap(), _socket: socket }
    }
}

/// A socket that is bound and does not listen yet.
pub(super) fn bind(addr: SocketAddr) -> TcpSocket {
    try_bind(addr).unwrap()
}

pub(super) fn try_bind(addr: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}
