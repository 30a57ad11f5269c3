//! Listening sockets, and the connections that come in by them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::net::{SocketFlags, accept_with};
use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    unix: bool,
}

/// A connection that has just come in.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: OwnedFd,
    pub(crate) unix: bool,
    /// The client's address, or the Unix socket's path with `:0`.
    pub(crate) address: String,
    /// The server's address.
    pub(crate) local_address: String,
    /// Whether the client is on this machine.
    pub(crate) local: bool,
}

/// Listens on a TCP address. IPv6 sockets take IPv6 clients only, as the IPv4 address has its own.
///
/// # Errors
/// What the system says: the address is in use, not ours, …
pub(crate) fn listen_tcp(address: IpAddr, port: u16, backlog: i32) -> io::Result<Listener> {
    let address = SocketAddr::new(address, port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(Listener { socket, unix: false })
}

/// Listens on a Unix socket, replacing a file that is in the way.
///
/// # Errors
/// What the system says.
pub(crate) fn listen_unix(path: &Path, permissions: u32, backlog: i32) -> io::Result<Listener> {
    use std::os::unix::fs::PermissionsExt;
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    if permissions != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(permissions))?;
    }
    socket.listen(backlog)?;
    Ok(Listener { socket, unix: true })
}

impl Listener {
    /// Takes the next connection, `None` when there is none at the moment.
    ///
    /// # Errors
    /// What the system says, such as having no more file descriptors.
    pub(crate) fn accept(&self) -> io::Result<Option<Accepted>> {
        let socket = match accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(socket) => socket,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::CONNABORTED | rustix::io::Errno::INTR) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let accepted = {
            let socket = SockRef::from(&socket);
            if self.unix {
                let path = socket.local_addr()?.as_pathname().map(|path| path.display().to_string());
                let path = path.unwrap_or_default();
                (format!("{path}:0"), format!("{path}:0"), true)
            } else {
                // A failure here means that the client has gone already; reading will tell.
                let _ = socket.set_tcp_nodelay(true);
                let peer = socket.peer_addr().ok().and_then(|address| address.as_socket());
                let own = socket.local_addr().ok().and_then(|address| address.as_socket());
                let text = |address: Option<SocketAddr>| {
                    address.map_or_else(|| "?:0".to_owned(), |address| address.to_string())
                };
                let local = peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
                (text(peer), text(own), local)
            }
        };
        let (address, local_address, local) = accepted;
        Ok(Some(Accepted { socket, unix: self.unix, address, local_address, local }))
    }
}

impl Accepted {
    /// Has the system look for dead peers after `seconds` of silence; 0: never.
    pub(crate) fn keep_alive(&self, seconds: u64) {
        /// Probes before the peer is given up.
        const PROBES: u32 = 3;
        if self.unix || seconds == 0 {
            return;
        }
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(seconds))
            .with_interval(Duration::from_secs((seconds / u64::from(PROBES)).max(1)))
            .with_retries(PROBES);
        // Without it a dead peer is noticed later: no reason to refuse the client.
        let _ = SockRef::from(&self.socket).set_tcp_keepalive(&keepalive);
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
