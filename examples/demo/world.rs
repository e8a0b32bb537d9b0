//! A small mail world on loopback: the mail servers of all sites, each on an address of its own, and a name server
//! that knows them.
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::sites::{self, Site};
use crate::support::dns::Dns;
use crate::support::mail_server::Serving;
use crate::support::policy_host::PolicyHost;
use crate::support::tls::Ca;

/// What a domain publishes about TLS.
const POLICIES: &str = "mta-sts IN A 127.0.0.1\n_mta-sts IN TXT \"v=STSv1; id=1\"\n\
                        _smtp._tls IN TXT \"v=TLSRPTv1; rua=mailto:tls@{domain}\"";

/// The world while it turns.
pub(crate) struct World {
    /// Its domains.
    pub(crate) sites: Vec<Site>,
    /// Its mail servers.
    pub(crate) servers: Vec<Serving>,
    names: Dns,
    policies: PolicyHost,
    ca: Ca,
}

impl World {
    /// Starts every server. All mail servers listen on the same port, as they do outside.
    pub(crate) async fn start() -> io::Result<Self> {
        let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok();
        let ca = Ca::new();
        let sites = sites::all(&ca, has_ipv6);
        let names = name_server(&sites).await;
        let servers = mail_servers(&sites).await?;
        let policies = policy_host(&sites, &ca).await;
        Ok(Self { sites, servers, names, policies, ca })
    }

    /// Where all domains serve their MTA-STS policies: port 443 is not to be had.
    pub(crate) fn policy_port(&self) -> u16 {
        self.policies.addr.port()
    }

    /// The certificate of the authority that vouches for the servers, in PEM.
    pub(crate) fn root_certificate(&self) -> String {
        self.ca.pem()
    }

    /// The configuration of a daemon that watches this world.
    pub(crate) fn configuration(&self, ca_file: &Path, interval: Duration) -> String {
        let domains: Vec<_> = self.sites.iter().map(|site| site.domain).collect();
        let nameserver = self.names.addr;
        let port = self.servers[0].addr.port();
        format!(
            r#"
defaults:
  interval: {interval:?}
  transactions_interval: {interval:?}
  helo_name: probe.example
  mail_from: postmaster@probe.example
  test_probe_address: postmaster@elsewhere.example
domains: {domains:?}
dns: {{nameservers: ["{nameserver}"], dnssec: false}}
network: {{port: {port}, allow_targets: [127.0.0.0/8, "::1/128"], min_spacing: 0s}}
tls: {{ca_file: {ca_file:?}}}
"#
        )
    }
}

/// Knows every site, the prober itself, and `elsewhere.example`, whose mail is no business of any of them.
async fn name_server(sites: &[Site]) -> Dns {
    let mut names = Dns::serving("probe.example.", "@ IN A 127.0.0.1")
        .and_ptr("127.0.0.1", "probe.example.")
        .and_zone("elsewhere.example.", "@ IN A 127.0.0.1")
        .and_ptr("127.0.0.250", "old.half-dead.example.");
    for (site, own) in sites.iter().zip(own_addresses()) {
        let mut records = site.records.replace("{own}", &own.to_string());
        if site.has_policies {
            records += &format!("\n{}", POLICIES.replace("{domain}", site.domain));
        }
        names = names.and_zone(&format!("{}.", site.domain), &records);
    }
    for (site, address) in hosts(sites).filter(|(site, _)| site.has_ptr) {
        names = names.and_ptr(&address.to_string(), &format!("mx.{}.", site.domain));
    }
    names.await
}

/// One for all domains: it serves one policy that allows the MX hosts of all of them.
async fn policy_host(sites: &[Site], ca: &Ca) -> PolicyHost {
    let allowed: String = sites.iter().map(|site| format!("mx: mx.{}\r\n", site.domain)).collect();
    let policy = format!(
        "version: STSv1\r\nmode: enforce\r\n{allowed}mx: implicit-mx.example\r\nmx: old.half-dead.example\r\n\
         max_age: 1209600\r\n"
    );
    let leaf = sites.iter().fold(ca.leaf("mta-sts.healthy.example"), |leaf, site| {
        leaf.and_name(&format!("mta-sts.{}", site.domain))
    });
    PolicyHost::serving(&leaf.issue(), &policy).await
}

async fn mail_servers(sites: &[Site]) -> io::Result<Vec<Serving>> {
    let addresses: Vec<_> = hosts(sites).map(|(_, address)| address).collect();
    let listeners = listen(&addresses).await?;
    let serve = |((site, _), listener): ((&Site, _), _)| site.server.clone().serve_on(listener);
    Ok(hosts(sites).zip(listeners).map(serve).collect())
}

/// Every address where a mail server runs.
fn hosts(sites: &[Site]) -> impl Iterator<Item = (&Site, IpAddr)> {
    let v4 = sites.iter().zip(own_addresses()).filter(|(site, _)| site.records.contains("{own}"));
    let v6 = sites.iter().filter(|site| site.records.contains("::1"));
    v4.map(|(site, own)| (site, own.into())).chain(v6.map(|site| (site, Ipv6Addr::LOCALHOST.into())))
}

/// One for each site, in order. 127.0.0.1 is the prober's.
fn own_addresses() -> impl Iterator<Item = Ipv4Addr> {
    (2..250).map(|last| Ipv4Addr::new(127, 0, 0, last))
}

/// Listens at all these addresses, on a port that is free everywhere.
async fn listen(addresses: &[IpAddr]) -> io::Result<Vec<TcpListener>> {
    let mut tries = 0..100;
    loop {
        match listen_on_one_port(addresses).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries.next().is_some() => {}
            listeners => return listeners,
        }
    }
}

async fn listen_on_one_port(addresses: &[IpAddr]) -> io::Result<Vec<TcpListener>> {
    let (mut listeners, mut port) = (Vec::new(), 0);
    for address in addresses {
        let listener = TcpListener::bind((*address, port)).await;
        let listener = listener
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
        port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(listeners)
}
