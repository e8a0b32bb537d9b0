//! Listen addresses as Prometheus components write them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use tokio::net::{TcpListener, lookup_host};

/// `:PORT`, `HOST:PORT` or `[V6]:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: Option<String>,
    port: u16,
}

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "wanted `:PORT`, `HOST:PORT` or `[V6]:PORT`";
        let (host, port) = text.rsplit_once(':').ok_or(wanted)?;
        let port = port.parse().map_err(|_| wanted)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(v6) => v6.parse::<Ipv6Addr>().map_err(|_| wanted)?.to_string(),
            None if host.contains([':', '[', ']', '/', ' ']) => return Err(wanted),
            None => host.to_owned(),
        };
        Ok(Self { host: Some(host).filter(|host| !host.is_empty()), port })
    }
}

impl ListenAddress {
    /// Opens the listener; without a host on every address of both families.
    ///
    /// # Errors
    /// When the address is taken, not ours or unknown; the message names it.
    pub async fn bind(&self) -> io::Result<TcpListener> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {self}: {error}"));
        let addresses: Vec<SocketAddr> = match &self.host {
            Some(host) => lookup_host((host.as_str(), self.port)).await.map_err(named)?.collect(),
            None => [IpAddr::from(Ipv6Addr::UNSPECIFIED), Ipv4Addr::UNSPECIFIED.into()]
                .map(|any| SocketAddr::new(any, self.port))
                .to_vec(),
        };
        TcpListener::bind(&*addresses).await.map_err(named)
    }
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.host.as_deref().unwrap_or_default();
        if host.contains(':') {
            write!(f, "[{host}]:{}", self.port)
        } else {
            write!(f, "{host}:{}", self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_written() {
        for good in [":10525", "127.0.0.1:80", "localhost:1", "[::1]:10525"] {
            assert_eq!(good.parse::<ListenAddress>().map(|address| address.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "10525", "::1:10525", "[::g]:1", "a:b", ":70000", "http://x:1"] {
            assert!(bad.parse::<ListenAddress>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = address.parse::<ListenAddress>().unwrap().bind().await.unwrap_err();
        assert!(error.to_string().contains(&address), "{error}");
    }
}
