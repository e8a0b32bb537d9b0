//! Asks the world's DNS, as a validating client would: what should chain up to the private root and does not is an error.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::rr::{IntoName, RecordType};
use tokio::runtime::Runtime;

use crate::namespace::HOME;

/// The validating resolver, and behind it the authoritative server.
pub(crate) const UNBOUND: &str = "192.0.2.53";
pub(crate) const KNOT: &str = "192.0.2.54";

pub(crate) struct Dns {
    runtime: Runtime,
    resolver: TokioResolver,
}

impl Dns {
    /// A client of the server at this address.
    pub(crate) fn at(server: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let server = NameServerConfig::udp_and_tcp(server.parse().expect("an address"));
        let anchors = TrustAnchors::from_file(root_key().as_ref()).expect("the root key was written");
        let mut options = ResolverOpts::default();
        options.timeout = Duration::from_secs(2);
        options.attempts = 0;
        let resolver = TokioResolver::builder_with_config(
            ResolverConfig::from_parts(None, vec![], vec![server]),
            TokioRuntimeProvider::default(),
        )
        .with_options(options)
        .with_trust_anchor(Arc::new(anchors))
        .build()
        .expect("a resolver");
        Self { runtime, resolver }
    }

    /// The data of the records of this name and type, sorted, with a remark where they are not signed. None: it is
    /// proven that there are none.
    pub(crate) fn ask(&self, name: impl IntoName, kind: RecordType) -> Result<Vec<String>, String> {
        let answer = match self.runtime.block_on(self.resolver.lookup(name, kind)) {
            Err(error) if error.is_no_records_found() => return Ok(vec![]),
            other => other.map_err(|error| error.to_string())?,
        };
        let records = answer.answers().iter().filter(|record| record.record_type() == kind);
        let mut data = Vec::new();
        for record in records {
            match record.proof {
                Proof::Secure => data.push(record.data.to_string()),
                Proof::Insecure => data.push(format!("{} (insecure)", record.data)),
                proof => return Err(format!("{proof:?}: {record}")),
            }
        }
        data.sort();
        Ok(data)
    }

    /// The names that an address maps to.
    pub(crate) fn ask_reverse(&self, address: &str) -> Result<Vec<String>, String> {
        let address: IpAddr = address.parse().expect("an address");
        self.ask(address, RecordType::PTR)
    }
}

/// A file of one zone-file DNSKEY line, to which all the world's answers chain up.
pub(crate) fn root_key() -> String {
    format!("{HOME}/root.key")
}
