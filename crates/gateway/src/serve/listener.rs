//! Listening sockets: one for each thread on the same port, so that the kernel spreads connections.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 1_024;

/// Why the port cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("port {} of {} is in use: stop what uses it, or set `gateway.listen` to another port", addr.port(), addr.ip())]
    InUse { addr: SocketAddr },
    #[error("cannot listen on {addr}: {error}; set `gateway.listen` to an address of this machine")]
    Other { addr: SocketAddr, error: io::Error },
}

fn bind(addr: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// `count` sockets on one port; port 0 takes a free one. Another process that shares its port is not joined by mistake:
/// the port is first taken alone.
pub(crate) fn listen(addr: SocketAddr, count: usize) -> Result<(Vec<TcpListener>, SocketAddr), ListenError> {
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { addr },
        _ => ListenError::Other { addr, error },
    };
    let alone = bind(addr, false).map_err(told)?;
    let addr = alone.local_addr().map_err(told)?;
    drop(alone);
    let sockets: io::Result<Vec<TcpListener>> = (0..count).map(|_| bind(addr, true)).collect();
    Ok((sockets.map_err(told)?, addr))
}

#[cfg(test)]
mod tests {
    use super::{ListenError, listen};

    #[test]
    fn one_port_for_all_threads_and_for_nobody_else() {
        let (sockets, addr) = listen("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_eq!(sockets.len(), 3);
        assert!(sockets.iter().all(|s| s.local_addr().unwrap() == addr));
        let error = listen(addr, 1).unwrap_err();
        assert!(matches!(error, ListenError::InUse { .. }));
        let text = error.to_string();
        assert!(text.contains(&addr.port().to_string()) && text.contains("gateway.listen"), "{text}");
    }
}
