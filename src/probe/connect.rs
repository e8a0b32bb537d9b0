//! The one place that opens a TCP connection to a server. It asks [`address`] about the very address it is
//! about to connect to, and tells the server's refusals from this machine's own inability.

use super::record::Record;
use super::{Network, address};
use crate::observe::{Cause, Seen, Stage, Unseen};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Connects to `target`, unless it is off the public Internet and not allowed by name.
pub(super) async fn open(target: SocketAddr, network: &Network, record: &mut Record) -> Seen<TcpStream> {
    let target = allowed(Stage::Connect, target, network)?;
    let at = record.clock.elapsed();
    let connecting = connect(target, source(target.ip(), &network.source_addresses));
    let stream = record
        .clock
        .within(Stage::Connect, connecting)
        .await?
        .map_err(|error| Unseen::failed(Stage::Connect, cause(&error, target), error.to_string()))?;
    record.note(Stage::Connect, at, None, None);
    Ok(stream)
}

/// The same for another server than one for mail, which has no session to be told in.
pub(super) async fn within(
    limit: Duration,
    stage: Stage,
    target: SocketAddr,
    network: &Network,
) -> Seen<TcpStream> {
    let target = allowed(stage, target, network)?;
    let connecting = connect(target, source(target.ip(), &network.source_addresses));
    let (cause, why) = match timeout(limit, connecting).await {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => (cause(&error, target), error.to_string()),
        Err(_) => (Cause::NoAnswer, format!("not done within {limit:?}")),
    };
    Err(Unseen::failed(stage, cause, format!("{target}: {why}")))
}

/// The target, if it may be contacted.
fn allowed(stage: Stage, target: SocketAddr, network: &Network) -> Seen<SocketAddr> {
    let target = SocketAddr::new(target.ip().to_canonical(), target.port());
    if !address::is_allowed(target.ip(), &network.allow_targets) {
        let detail = format!("{} is not globally routable and not in network.allow_targets", target.ip());
        return Err(Unseen::failed(stage, Cause::NotPublic, detail));
    }
    Ok(target)
}

async fn connect(target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match target {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(target).await?;
    stream.set_nodelay(true)?; // one command, one segment
    Ok(stream)
}

/// The address to speak from: of the target's family, and always the same for the same target, because greylisting
/// remembers it.
fn source(target: IpAddr, sources: &[IpAddr]) -> Option<IpAddr> {
    let fitting: Vec<_> = sources.iter().filter(|source| source.is_ipv4() == target.is_ipv4()).collect();
    let sum: usize = match target {
        IpAddr::V4(v4) => v4.octets().into_iter().map(usize::from).sum(),
        IpAddr::V6(v6) => v6.octets().into_iter().map(usize::from).sum(),
    };
    fitting.get(sum.checked_rem(fitting.len())?).map(|source| **source)
}

fn cause(error: &io::Error, target: SocketAddr) -> Cause {
    match error.kind() {
        ErrorKind::ConnectionRefused => Cause::Refused,
        ErrorKind::ConnectionReset => Cause::Reset,
        ErrorKind::HostUnreachable => Cause::Unreachable,
        ErrorKind::TimedOut => Cause::NoAnswer,
        ErrorKind::PermissionDenied => Cause::VantageBlocked, // a packet filter on this machine
        _ if has_no_route(target) => Cause::VantageBlocked,
        ErrorKind::NetworkUnreachable => Cause::Unreachable,
        // Descriptors, ports or memory ran out, or a source address is not ours.
        _ => Cause::ProberError,
    }
}

/// Whether this machine itself does not know the way: connecting a UDP socket looks the route up and sends nothing.
fn has_no_route(target: SocketAddr) -> bool {
    let any: IpAddr = match target {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    match UdpSocket::bind((any, 0)) {
        Ok(socket) => socket.connect(target).is_err(),
        // No socket of this family, while another can be had: the family is missing, not the descriptors.
        Err(_) => target.is_ipv6() && UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::deadline::Clock;
    use super::*;
    use tokio::net::TcpListener;
    use tokio::sync::watch;

    fn record() -> Record {
        Record::new(Clock::start(Duration::from_secs(5), watch::channel(false).1))
    }

    fn loopback() -> Network {
        Network { allow_targets: vec!["127.0.0.0/8".parse().unwrap()], source_addresses: vec![] }
    }

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn a_private_address_is_not_even_tried() {
        let (_listener, address) = listener().await;
        let nowhere = Network { allow_targets: vec![], source_addresses: vec![] };
        for target in [address, SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), address.port())] {
            let unseen = open(target, &nowhere, &mut record()).await.unwrap_err();
            assert_eq!(unseen.cause(), Cause::NotPublic, "{target}");
        }
    }

    #[tokio::test]
    async fn a_connection_speaks_from_the_address_it_was_given() {
        let (listener, address) = listener().await;
        let network = Network { source_addresses: vec!["127.0.0.9".parse().unwrap()], ..loopback() };
        let _stream = open(address, &network, &mut record()).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip().to_string(), "127.0.0.9");
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let (listener, address) = listener().await;
        drop(listener);
        let unseen = open(address, &loopback(), &mut record()).await.unwrap_err();
        assert_eq!(unseen.cause(), Cause::Refused);
    }

    #[tokio::test]
    async fn a_source_address_that_is_not_ours_is_our_fault() {
        let (_listener, address) = listener().await;
        let network = Network { source_addresses: vec!["192.0.2.77".parse().unwrap()], ..loopback() };
        let unseen = open(address, &network, &mut record()).await.unwrap_err();
        assert_eq!(unseen.cause(), Cause::ProberError);
    }

    #[test]
    fn every_error_is_theirs_or_ours() {
        let target = "127.0.0.1:25".parse().unwrap(); // the way there is known
        for (error, want) in [
            (ErrorKind::ConnectionRefused.into(), Cause::Refused),
            (ErrorKind::ConnectionReset.into(), Cause::Reset),
            (ErrorKind::HostUnreachable.into(), Cause::Unreachable),
            (ErrorKind::NetworkUnreachable.into(), Cause::Unreachable),
            (ErrorKind::TimedOut.into(), Cause::NoAnswer),
            (ErrorKind::PermissionDenied.into(), Cause::VantageBlocked),
            (ErrorKind::AddrNotAvailable.into(), Cause::ProberError),
            (io::Error::other("descriptors ran out"), Cause::ProberError),
        ] {
            assert_eq!(cause(&error, target), want, "{error}");
        }
    }

    #[test]
    fn one_target_always_meets_one_source() {
        let sources = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|address| address.parse().unwrap());
        for (target, want) in [
            ("198.51.100.0", "192.0.2.2"),
            ("198.51.100.1", "192.0.2.1"),
            ("2001:db8::2", "2001:db8::1"),
            ("2001:db8::3", "2001:db8::1"),
        ] {
            assert_eq!(source(target.parse().unwrap(), &sources), want.parse().ok(), "{target}");
        }
        assert_eq!(source("198.51.100.1".parse().unwrap(), &[]), None);
    }
}
