//! A DNS server on a loopback port, UDP and TCP, serving zones written as text, and misbehaving where asked.
//!
//! ```ignore
//! let dns = Dns::serving("example.test.", "@ IN MX 10 mx\nmx IN A 127.0.0.1")
//!     .and_ptr("127.0.0.1", "mx.example.test.")
//!     .servfail("broken.test.")
//!     .unanswered(("mx.example.test.", RecordType::AAAA))
//!     .await;
//! assert_eq!(dns.asked("example.test.", RecordType::MX), 1);
//! ```
//! What no zone has does not exist (NXDOMAIN), as a resolver of the whole world would say.
mod traps;
mod zones;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use hickory_proto::dnssec::TrustAnchors;
use hickory_proto::op::{Header, HeaderCounts, MessageType, Metadata, ResponseCode};
use hickory_proto::rr::{LowerName, Name, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::{Time, TokioRuntimeProvider};
use hickory_server::Server;
use hickory_server::net::xfer::Protocol;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpSocket, UdpSocket};

use super::port::{self, ClosedPort};
pub use hickory_server::dnssec::NxProofKind;
pub use zones::Flaw;
use zones::{Catalogs, Zone};

/// What happens to a question that is in trouble.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// This code and nothing else.
    Code(ResponseCode),
    /// The right answer, late.
    Delay(Duration),
    /// No answer at all.
    NoAnswer,
    /// TC over UDP; the right answer over TCP.
    Truncated,
}

/// A name with all its types, a subtree (`*.example.test.`, its top included), or a name with one type.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    name: Name,
    subtree: bool,
    kind: Option<RecordType>,
}

impl From<&str> for Question {
    fn from(name: &str) -> Self {
        let (name, subtree) = match name.strip_prefix("*.") {
            Some("") => (".", true),
            Some(top) => (top, true),
            None => (name, false),
        };
        Self { name: Name::from_str(name).unwrap(), subtree, kind: None }
    }
}

impl From<(&str, RecordType)> for Question {
    fn from((name, kind): (&str, RecordType)) -> Self {
        Self { kind: Some(kind), ..Self::from(name) }
    }
}

impl Question {
    fn covers(&self, name: &Name, kind: RecordType) -> bool {
        let is_named = if self.subtree { self.name.zone_of(name) } else { self.name == *name };
        is_named && self.kind.is_none_or(|only| only == kind)
    }
}

/// A question that the server was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// As it came, with its trailing dot.
    pub name: String,
    pub kind: RecordType,
    pub over_tcp: bool,
}

/// A server that is still being described. Awaiting it starts it.
#[must_use]
pub struct Plan {
    zones: Vec<Zone>,
    troubles: Vec<(Question, Trouble)>,
    at: IpAddr,
    udp_only: bool,
}

impl Plan {
    /// One more zone.
    pub fn and_zone(mut self, origin: &str, records: &str) -> Self {
        self.zones.push(Zone::unsigned(origin, records));
        self
    }

    /// One more zone, with its chain of trust.
    pub fn and_signed_zone(mut self, origin: &str, records: &str) -> Self {
        self.zones.push(Zone::signed(origin, records));
        self
    }

    /// One more zone, with a chain of trust and broken signatures.
    pub fn and_bogus_zone(self, origin: &str, records: &str) -> Self {
        self.and_flawed_zone(origin, records, Flaw::Spoilt)
    }

    /// One more zone, with a chain of trust and signatures that do not hold.
    pub fn and_flawed_zone(mut self, origin: &str, records: &str, flaw: Flaw) -> Self {
        self.zones.push(Zone::flawed(origin, records, flaw));
        self
    }

    /// One more signed zone, with denials of that kind.
    pub fn and_zone_denied_by(mut self, origin: &str, records: &str, proof: NxProofKind) -> Self {
        self.zones.push(Zone::denied_by(origin, records, proof));
        self
    }

    /// One more zone, signed with keys of two algorithms.
    pub fn and_zone_signed_twice(mut self, origin: &str, records: &str) -> Self {
        self.zones.push(Zone::signed_twice(origin, records));
        self
    }

    /// The address maps to this name. (Mind that hickory's resolver never asks about 127.0.0.0/8 and ::1: to it, they
    /// are `localhost.`.)
    pub fn and_ptr(self, address: &str, name: &str) -> Self {
        let reverse = Name::from(address.parse::<IpAddr>().unwrap()).to_ascii();
        self.and_zone(&reverse, &format!("@ IN PTR {name}"))
    }

    /// Answers SERVFAIL.
    pub fn servfail(self, question: impl Into<Question>) -> Self {
        self.trouble(question, Trouble::Code(ResponseCode::ServFail))
    }

    /// Answers REFUSED.
    pub fn refused(self, question: impl Into<Question>) -> Self {
        self.trouble(question, Trouble::Code(ResponseCode::Refused))
    }

    /// Does not answer.
    pub fn unanswered(self, question: impl Into<Question>) -> Self {
        self.trouble(question, Trouble::NoAnswer)
    }

    /// Answers over TCP only.
    pub fn truncated(self, question: impl Into<Question>) -> Self {
        self.trouble(question, Trouble::Truncated)
    }

    /// Any trouble.
    pub fn trouble(mut self, question: impl Into<Question>, trouble: Trouble) -> Self {
        self.troubles.push((question.into(), trouble));
        self
    }

    /// TCP is refused.
    pub fn over_udp_only(mut self) -> Self {
        self.udp_only = true;
        self
    }

    /// Listens on a free port of this address instead of 127.0.0.1.
    pub fn on(mut self, ip: impl Into<IpAddr>) -> Self {
        self.at = ip.into();
        self
    }

    async fn start(mut self) -> Dns {
        zones::complete(&mut self.zones);
        let trust_anchor = zones::trust_anchor(&self.zones);
        let world = Arc::new(World {
            catalogs: RwLock::new(Arc::new(Catalogs::of(&self.zones))),
            zones: Mutex::new(self.zones),
            troubles: RwLock::new(self.troubles),
            lookups: Mutex::default(),
        });
        let (udp, tcp) = bind_twice(self.at);
        let addr = udp.local_addr().unwrap();
        let mut server = Server::new(Front(Arc::clone(&world)));
        server.register_socket(udp);
        let closed = if self.udp_only {
            Some(ClosedPort::of(tcp))
        } else {
            server.register_listener(tcp.listen(64).unwrap(), Duration::from_secs(5), 64);
            None
        };
        Dns { addr, trust_anchor, world, server, closed }
    }
}

impl IntoFuture for Plan {
    type Output = Dns;
    type IntoFuture = Pin<Box<dyn Future<Output = Dns> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

/// A server that answers. Dropping it ends it.
pub struct Dns {
    pub addr: SocketAddr,
    trust_anchor: Option<String>,
    world: Arc<World>,
    server: Server<Front>,
    closed: Option<ClosedPort>,
}

impl Dns {
    /// A server of this zone. SOA and NS are added, and a TTL of 60 s, which a line `$TTL 1` changes.
    pub fn serving(origin: &str, records: &str) -> Plan {
        Self::of(Zone::unsigned(origin, records))
    }

    /// A server of this zone, signed, under a signed root.
    pub fn serving_signed(origin: &str, records: &str) -> Plan {
        Self::of(Zone::signed(origin, records))
    }

    /// The root's key as a line of a trust-anchor file. Only where a zone is signed.
    pub fn trust_anchor(&self) -> &str {
        self.trust_anchor.as_deref().unwrap_or_else(|| panic!("no zone is signed"))
    }

    /// Everything that was asked, in order.
    pub fn lookups(&self) -> Vec<Lookup> {
        self.world.lookups.lock().unwrap().clone()
    }

    /// How often this was asked, over UDP and TCP.
    pub fn asked(&self, name: &str, kind: RecordType) -> usize {
        self.lookups().iter().filter(|lookup| lookup.name == name && lookup.kind == kind).count()
    }

    /// From now on the zone has these records instead. Its key stays. Mind the client's cache: see `$TTL` above.
    pub fn change_zone(&self, origin: &str, records: &str) {
        let mut zones = self.world.zones.lock().unwrap();
        zones::change(&mut zones, origin, records);
        *self.world.catalogs.write().unwrap() = Arc::new(Catalogs::of(&zones));
    }

    /// From now on this question is in trouble.
    pub fn trouble(&self, question: impl Into<Question>, trouble: Trouble) {
        self.world.troubles.write().unwrap().push((question.into(), trouble));
    }

    /// From now on this question is in no trouble any more.
    pub fn recover(&self, question: impl Into<Question>) {
        let question = question.into();
        self.world.troubles.write().unwrap().retain(|(troubled, _)| *troubled != question);
    }

    /// A resolver that asks this server.
    pub fn resolver(&self) -> TokioResolver {
        TokioResolver::builder_with_config(self.resolver_config(), TokioRuntimeProvider::default())
            .build()
            .unwrap()
    }

    /// The same, validating from [`Dns::trust_anchor`].
    pub fn validating_resolver(&self) -> TokioResolver {
        let anchors = TrustAnchors::from_str(self.trust_anchor()).unwrap();
        TokioResolver::builder_with_config(self.resolver_config(), TokioRuntimeProvider::default())
            .with_trust_anchor(Arc::new(anchors))
            .build()
            .unwrap()
    }

    /// Ends the server: its port refuses from now on.
    pub async fn stop(&mut self) {
        self.server.shutdown_gracefully().await.unwrap();
        self.closed.get_or_insert_with(|| ClosedPort::at(self.addr));
    }

    fn of(zone: Zone) -> Plan {
        let at = Ipv4Addr::LOCALHOST.into();
        Plan { zones: vec![zone], troubles: Vec::new(), at, udp_only: false }
    }

    fn resolver_config(&self) -> ResolverConfig {
        let mut protocols = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
        for protocol in &mut protocols {
            protocol.port = self.addr.port();
        }
        ResolverConfig::from_name_servers(vec![NameServerConfig::new(self.addr.ip(), true, protocols.into())])
    }
}

/// What the server knows, how it misbehaves, and what it was asked.
struct World {
    zones: Mutex<Vec<Zone>>,
    catalogs: RwLock<Arc<Catalogs>>,
    troubles: RwLock<Vec<(Question, Trouble)>>,
    lookups: Mutex<Vec<Lookup>>,
}

struct Front(Arc<World>);

impl Front {
    fn trouble_with(&self, name: &Name, kind: RecordType) -> Option<Trouble> {
        let troubles = self.0.troubles.read().unwrap();
        troubles.iter().rev().find(|(question, _)| question.covers(name, kind)).map(|(_, trouble)| *trouble)
    }

    fn write_down(&self, name: &Name, kind: RecordType, over_tcp: bool) {
        self.0.lookups.lock().unwrap().push(Lookup { name: name.to_ascii(), kind, over_tcp });
    }
}

#[async_trait::async_trait]
impl RequestHandler for Front {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, out: R) -> ResponseInfo {
        let Ok(info) = request.request_info() else {
            return refuse(request, ResponseCode::FormErr, false, out).await;
        };
        let (name, kind) = (Name::from(info.query.name()), info.query.query_type());
        let over_tcp = info.protocol == Protocol::Tcp;
        self.write_down(info.query.original().name(), kind, over_tcp);
        match self.trouble_with(&name, kind) {
            Some(Trouble::Code(code)) => return refuse(request, code, false, out).await,
            Some(Trouble::Truncated) if !over_tcp => {
                return refuse(request, ResponseCode::NoError, true, out).await;
            }
            Some(Trouble::NoAnswer) => return nothing(request),
            Some(Trouble::Delay(pause)) => tokio::time::sleep(pause).await,
            Some(Trouble::Truncated) | None => {}
        }
        let catalogs = Arc::clone(&self.0.catalogs.read().unwrap());
        catalogs.for_question(&LowerName::from(name), kind).handle_request::<R, T>(request, out).await
    }
}

async fn refuse<R: ResponseHandler>(
    request: &Request,
    code: ResponseCode,
    truncated: bool,
    mut out: R,
) -> ResponseInfo {
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.response_code = code;
    metadata.truncation = truncated;
    let response = MessageResponseBuilder::from_message_request(request).build_no_records(metadata);
    out.send_response(response).await.unwrap_or_else(|_| nothing(request))
}

fn nothing(request: &Request) -> ResponseInfo {
    let metadata = Metadata::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
    Header { metadata, counts: HeaderCounts::default() }.into()
}

/// One port number for both protocols. UDP's free port may be taken in TCP: then another.
fn bind_twice(ip: IpAddr) -> (UdpSocket, TcpSocket) {
    for _ in 0..100 {
        let udp = std::net::UdpSocket::bind((ip, 0)).unwrap();
        if let Ok(tcp) = port::try_bind(udp.local_addr().unwrap()) {
            udp.set_nonblocking(true).unwrap();
            return (UdpSocket::from_std(udp).unwrap(), tcp);
        }
    }
    panic!("no port is free in UDP and TCP");
}
