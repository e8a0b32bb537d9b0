//! Builders of observations for unit tests: `endpoint()` and `observation()` are healthy, each method breaks one thing.
//!
//! What fails has failed twice, so that it is conclusive; `on_first_look` takes the second look away.

use super::{
    Cause, Certificate, ChainTrouble, Contact, Dialogue, Ehlo, Endpoint, Extensions, Fact, Flaw, NullSender,
    PeerText, Ptr, PublicKey, RelayTest, Reply, Seen, Session, SessionKey, Stage, StartTls, Tls, TlsEhlo,
    TlsScan, TlsVersion, Transaction, Trouble, Unseen,
};
use crate::name::{DomainName, MxName};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

#[cfg(test)]
pub(crate) mod arbitrary;
mod dane;
mod dns;
mod policy;
mod scan;
mod steps;
mod transactions;

pub(crate) use dane::{Of, asked, signed, tlsa};
pub(crate) use dns::{
    HostBuilder, ObservationBuilder, PtrBuilder, host, no_ptr, observation, ptr, ptr_fails,
};
#[cfg(test)]
pub(crate) use dns::{answer, lookup};
pub(crate) use policy::{PolicyBuilder, policies, policy_text, served};
pub(crate) use scan::{
    choice, legacy_scan, obsolete_scan, put_off, refusing_scan, scan, scan_with, sound_scan,
};
pub(crate) use steps::steps;
pub(crate) use transactions::{
    LOCAL, asks_relay, bounce, null_sender, open_relay, ordinary, relay, transaction,
};

/// Every builder's present: 15 January 2027, 08:00 UTC.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// A span of days, from now where it says when.
pub(crate) const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

/// A reply written as the server would send it, lines parted by `\n`.
pub(crate) fn reply(text: &str) -> Reply {
    let lines: Vec<PeerText> = text.split('\n').map(PeerText::from).collect();
    let code = lines.last().and_then(|line| line.as_str().get(..3)?.parse().ok()).expect("a reply code");
    Reply { code, lines, flaws: Vec::<Flaw>::new() }
}

/// A reply with something wrong in its form.
pub(crate) fn flawed(text: &str, flaw: Flaw) -> Reply {
    Reply { flaws: vec![flaw], ..reply(text) }
}

/// Something that failed at a stage.
pub(crate) fn failed<T>(stage: Stage, cause: Cause) -> Seen<T> {
    Err(Unseen::failed(stage, cause, ""))
}

/// Something that was not tried because of a trouble further up.
pub(crate) fn blocked<T>(stage: Stage, cause: Cause) -> Seen<T> {
    Err(Unseen::failed(stage, cause, "").behind())
}

/// One address of one MX; see the module.
#[derive(Clone, Debug)]
pub(crate) struct EndpointBuilder {
    mx: MxName,
    preference: u16,
    address: SocketAddr,
    pooled: bool,
    looks: u32,
    gap: Duration,
    dialogue: Seen<Dialogue>,
    null_sender: Option<Seen<NullSender>>,
    relay: Option<Seen<RelayTest>>,
    postmaster: Option<Seen<Transaction>>,
    scan: Option<Seen<TlsScan>>,
    ptr: PtrBuilder,
}

/// `mx1.example.com` at `192.0.2.10`, with nothing to object to.
pub(crate) fn endpoint() -> EndpointBuilder {
    let offered = reply("250-mx1.example.com\n250-PIPELINING\n250-SIZE 10240000\n250-STARTTLS\n250 8BITMIME");
    EndpointBuilder {
        mx: mx("mx1.example.com"),
        preference: 10,
        address: "192.0.2.10:25".parse().expect("an address"),
        pooled: false,
        looks: 2,
        gap: Duration::from_secs(60),
        dialogue: Ok(Dialogue {
            steps: Vec::new(),
            local: LOCAL.parse().ok(),
            banner: Ok(reply("220 mx1.example.com ESMTP Postfix")),
            ehlo: Ok(Ehlo {
                extensions: Extensions::of(&offered),
                reply: offered,
                helo: None,
                starttls: Ok(StartTls::Secured(Box::new(tls()))),
            }),
        }),
        null_sender: Some(null_sender(bounce("250 2.1.0 Ok", "250 2.1.5 Ok"), None)),
        relay: Some(relay(
            vec![asks_relay(
                "relaytest@example.org",
                "554 5.7.1 <relaytest@example.org>: Relay access denied",
            )],
            None,
        )),
        postmaster: Some(Ok(ordinary("250 2.1.0 Ok", "250 2.1.5 Ok"))),
        scan: Some(Ok(sound_scan())),
        ptr: ptr("mx1.example.com").maps_back(),
    }
}

/// An MX name.
pub(crate) fn mx(name: &str) -> MxName {
    MxName::parse(name).expect("an MX name")
}

/// The domain that is watched.
pub(crate) fn domain() -> DomainName {
    DomainName::parse("example.com").expect("a domain")
}

/// TLS 1.3 with a certificate for `mx1.example.com` from a known authority, 60 days from its end.
fn tls() -> Tls {
    let offered = reply("250-mx1.example.com\n250-PIPELINING\n250-SIZE 10240000\n250 8BITMIME");
    Tls {
        version: TlsVersion::Tls13,
        cipher: "TLS_AES_256_GCM_SHA384",
        key_exchange: Some("X25519"),
        named: true,
        chain: vec![
            certificate("CN=mx1.example.com", "CN=Example CA R3"),
            Certificate {
                names: Vec::new(),
                not_after: now() + days(900),
                digests: dane::digests(Of::Issuer),
                key_digests: Some(dane::digests(Of::IssuerKey)),
                ..certificate("CN=Example CA R3", "CN=Example Root")
            },
        ],
        name_matches: true,
        trust: Ok(()),
        anchored: Vec::new(),
        ehlo: Ok(TlsEhlo { extensions: Extensions::of(&offered), reply: offered }),
    }
}

fn certificate(subject: &str, issuer: &str) -> Certificate {
    Certificate {
        subject: subject.into(),
        issuer: issuer.into(),
        names: vec!["mx1.example.com".into()],
        more_names: 0,
        not_before: now() - days(30),
        not_after: now() + days(60),
        key: PublicKey { algorithm: "ECDSA P-256".into(), bits: Some(256) },
        signature: "ecdsa-with-SHA256".into(),
        weak_signature: false,
        fingerprint: "9f2c".repeat(16),
        digests: dane::digests(Of::Leaf),
        key_digests: Some(dane::digests(Of::LeafKey)),
        self_issued: false,
    }
}

impl EndpointBuilder {
    /// Another MX or another address.
    pub(crate) fn at(mut self, name: &str, address: &str) -> Self {
        self.mx = mx(name);
        self.address.set_ip(address.parse().expect("an address"));
        self
    }

    /// One of a pool.
    pub(crate) fn pooled(mut self) -> Self {
        self.pooled = true;
        self
    }

    /// Another preference.
    pub(crate) fn preference(mut self, preference: u16) -> Self {
        self.preference = preference;
        self
    }

    /// Nothing has had its second look yet.
    pub(crate) fn on_first_look(mut self) -> Self {
        self.looks = 1;
        self
    }

    /// It has been looked at so often, so far apart, and was the same each time.
    pub(crate) fn for_looks(mut self, looks: u32, gap: Duration) -> Self {
        (self.looks, self.gap) = (looks, gap);
        self
    }

    /// No connection came about, nor anything that needs one.
    pub(crate) fn unreachable(mut self, cause: Cause) -> Self {
        self.dialogue = failed(Stage::Connect, cause);
        self.without_transactions(Stage::Connect, cause)
    }

    /// Another greeting; what follows a refusal is missing.
    pub(crate) fn banner(self, text: &str) -> Self {
        self.banner_is(Ok(reply(text)))
    }

    /// No greeting that could be read.
    pub(crate) fn banner_fails(self, cause: Cause) -> Self {
        self.banner_is(failed(Stage::Banner, cause))
    }

    /// Another greeting, or none; what follows a refusal is missing.
    pub(crate) fn banner_is(mut self, banner: Seen<Reply>) -> Self {
        let trouble = match &banner {
            Ok(reply) => reply.accepted(Stage::Banner).err(),
            Err(unseen) => Some(unseen.clone()),
        };
        let dialogue = self.dialogue_mut();
        dialogue.banner = banner;
        match trouble {
            Some(unseen) => {
                dialogue.ehlo = Err(unseen.behind());
                self.without_transactions(Stage::Banner, unseen.cause())
            }
            None => self,
        }
    }

    /// Another answer to EHLO. What it does not offer is not used; behind a refusal there is nothing.
    pub(crate) fn ehlo(self, text: &str) -> Self {
        self.ehlo_is(reply(text))
    }

    /// The same with a flaw.
    pub(crate) fn ehlo_is(mut self, reply: Reply) -> Self {
        let refusal = reply.accepted(Stage::Ehlo).err();
        let ehlo = self.ehlo_mut();
        ehlo.extensions = if refusal.is_none() { Extensions::of(&reply) } else { Extensions::default() };
        ehlo.reply = reply;
        match refusal {
            Some(unseen) => {
                ehlo.starttls = Err(unseen.behind());
                self.without_transactions(Stage::Ehlo, unseen.cause())
            }
            None if !ehlo.extensions.has("STARTTLS") => {
                ehlo.starttls = Ok(StartTls::NotOffered);
                self
            }
            None => self,
        }
    }

    /// EHLO refused with `ehlo`, then HELO answered with `helo`.
    pub(crate) fn helo(self, ehlo: &str, helo: &str) -> Self {
        let mut endpoint = self.ehlo(ehlo);
        let answer = reply(helo);
        let broken = endpoint.ehlo_mut();
        broken.starttls = match answer.accepted(Stage::Ehlo) {
            Ok(_) => Ok(StartTls::NotOffered),
            Err(unseen) => Err(unseen.behind()),
        };
        broken.helo = Some(Ok(answer));
        endpoint
    }

    /// No answer to EHLO that could be read.
    pub(crate) fn ehlo_fails(mut self, cause: Cause) -> Self {
        self.dialogue_mut().ehlo = failed(Stage::Ehlo, cause);
        self.without_transactions(Stage::Ehlo, cause)
    }

    /// No STARTTLS in the answer to EHLO.
    pub(crate) fn without_starttls(self) -> Self {
        self.ehlo("250-mx1.example.com\n250-PIPELINING\n250 8BITMIME")
    }

    /// STARTTLS was refused.
    pub(crate) fn starttls_refused(self, text: &str) -> Self {
        self.starttls(Ok(StartTls::Refused(reply(text))))
    }

    /// No TLS came about.
    pub(crate) fn handshake_fails(self, cause: Cause, detail: &str) -> Self {
        let trouble = Trouble { stage: Stage::TlsHandshake, cause, detail: detail.into() };
        self.starttls(Ok(StartTls::HandshakeFailed(trouble)))
    }

    /// Something else became of STARTTLS.
    pub(crate) fn starttls(mut self, starttls: Seen<StartTls>) -> Self {
        self.ehlo_mut().starttls = starttls;
        self
    }

    /// Another answer to EHLO inside TLS.
    pub(crate) fn ehlo_inside(self, text: &str) -> Self {
        let reply = reply(text);
        self.tls(|tls| tls.ehlo = Ok(TlsEhlo { extensions: Extensions::of(&reply), reply }))
    }

    /// No answer to EHLO inside TLS that could be read.
    pub(crate) fn ehlo_inside_fails(self, cause: Cause) -> Self {
        self.tls(|tls| tls.ehlo = failed(Stage::EhloTls, cause))
    }

    /// Something else about the encrypted session.
    pub(crate) fn tls(mut self, change: impl FnOnce(&mut Tls)) -> Self {
        match &mut self.ehlo_mut().starttls {
            Ok(StartTls::Secured(tls)) => change(tls),
            other => panic!("no TLS to change: {other:?}"),
        }
        self
    }

    /// Something else about the server's own certificate.
    pub(crate) fn leaf(self, change: impl FnOnce(&mut Certificate)) -> Self {
        self.tls(|tls| change(&mut tls.chain[0]))
    }

    /// Another end of the certificate.
    pub(crate) fn expiring_at(self, not_after: SystemTime) -> Self {
        self.leaf(|leaf| leaf.not_after = not_after)
    }

    /// A chain that leads nowhere.
    pub(crate) fn untrusted(self, why: ChainTrouble) -> Self {
        self.tls(|tls| tls.trust = Err(why))
    }

    /// Another null-sender test, or none.
    pub(crate) fn null_sender(mut self, seen: Option<Seen<NullSender>>) -> Self {
        self.null_sender = seen;
        self
    }

    /// Another relay test, or none.
    pub(crate) fn relay(mut self, seen: Option<Seen<RelayTest>>) -> Self {
        self.relay = seen;
        self
    }

    /// Another postmaster test, or none.
    pub(crate) fn postmaster(mut self, seen: Option<Seen<Transaction>>) -> Self {
        self.postmaster = seen;
        self
    }

    /// Other reverse names.
    pub(crate) fn with_ptr(mut self, ptr: PtrBuilder) -> Self {
        self.ptr = ptr;
        self
    }

    fn without_transactions(mut self, stage: Stage, cause: Cause) -> Self {
        self.null_sender = Some(blocked(stage, cause));
        self.relay = Some(blocked(stage, cause));
        self.postmaster = Some(blocked(stage, cause));
        self
    }

    fn dialogue_mut(&mut self) -> &mut Dialogue {
        self.dialogue.as_mut().expect("a connection")
    }

    fn ehlo_mut(&mut self) -> &mut Ehlo {
        self.dialogue_mut().ehlo.as_mut().expect("an answer to EHLO")
    }

    /// Its MX.
    pub(crate) fn mx_name(&self) -> &MxName {
        &self.mx
    }

    /// Its address.
    pub(crate) fn address(&self) -> IpAddr {
        self.address.ip()
    }

    /// The endpoint, after as many looks.
    pub(crate) fn build(&self) -> Endpoint {
        let ptr = Arc::new(self.ptr.fact(self.address.ip()));
        let session = |at| self.session(at);
        let (mx, looks) = (self.mx.clone(), (self.looks, self.gap));
        let endpoint = session_endpoint(mx, self.preference, self.address, ptr, looks, session);
        Endpoint { pooled: self.pooled, ..endpoint }
    }

    fn session(&self, at: SystemTime) -> Session {
        let mut dialogue = self.dialogue.clone();
        if let Ok(dialogue) = &mut dialogue {
            dialogue.steps = steps(dialogue);
        }
        Session {
            at,
            dialogue,
            null_sender: self.null_sender.clone(),
            relay: self.relay.clone(),
            postmasters: self.postmaster.clone().map(|seen| (domain(), seen)).into_iter().collect(),
            owed: false,
            scan: self.scanned(at),
        }
    }
}

/// An endpoint after as many sessions so far apart, the last one now.
fn session_endpoint(
    mx: MxName,
    preference: u16,
    address: SocketAddr,
    ptr: Arc<Fact<Ptr>>,
    (looks, gap): (u32, Duration),
    session: impl Fn(SystemTime) -> Session,
) -> Endpoint {
    let key = SessionKey { address, tls_name: mx.clone() };
    let mut contact = None;
    let mut postmaster = None;
    for look in (0..looks.max(1)).rev() {
        let at = now() - gap * look;
        let mut session = session(at);
        let scanned = session.scan.take();
        postmaster =
            session.postmasters.pop().map(|(_, seen)| Fact::of_transaction(postmaster.as_ref(), at, seen));
        let renewed = Contact::renewed(contact.as_ref(), key.clone(), session);
        contact = Some(scanned.map_or_else(|| renewed.clone(), |scanned| renewed.with_scan(at, &scanned)));
    }
    let contact = Arc::new(contact.expect("at least one look"));
    Endpoint {
        mx,
        preference,
        contact,
        ptr,
        postmaster,
        rests_until: None,
        retry_at: None,
        absent: None,
        pooled: false,
    }
}
