//! Whether the world is as `expectations.md` supposes, found out by hand: names, greetings, extensions, answers to
//! recipients, certificates, policies. Nothing here knows the daemon.

use std::io::{Error, ErrorKind};

use hickory_resolver::proto::rr::RecordType::{self, A, AAAA, CNAME, MX};

use crate::daemon::Daemon;
use crate::dns::{Dns, UNBOUND};
use crate::policy_hosts;
use crate::posttls_finger;
use crate::servers::{Answer, SERVERS, Server};
use crate::smtp::{Dialogue, Reply};
use crate::tally::Tally;

/// The domains whose fault is in the DNS. No data: the name does not exist, or has no such record.
const NAMES: [(&str, RecordType, &[&str]); 11] = [
    ("healthy.test.", MX, &["10 mx.healthy.test."]),
    ("tenant.test.", MX, &["10 mx.healthy.test."]),
    ("unsigned.test.", MX, &["10 mx.unsigned.test. (insecure)"]),
    ("null-mx.test.", MX, &["0 ."]),
    ("no-mx.test.", MX, &[]),
    ("no-mx.test.", A, &[]),
    ("implicit-mx.test.", MX, &[]),
    ("alias.mx-cname.test.", CNAME, &["mx.mx-cname.test."]),
    ("mx-literal.test.", MX, &["10 192.0.2.10."]),
    ("gone.mx-nothing.test.", A, &[]),
    ("one-dead.test.", MX, &["10 mx1.one-dead.test.", "20 mx2.one-dead.test."]),
];

/// Where nobody listens although the DNS says so.
const DEAD: [&str; 2] = ["192.0.2.34", "2001:db8::35"];

/// Asks for every name and at every address.
pub(crate) fn are_as_described(tally: &mut Tally, _: &mut Daemon) {
    let dns = Dns::at(UNBOUND);
    for (name, kind, wanted) in NAMES {
        let mut differences = Differences::default();
        differences.expect("records", &wanted, &dns.ask(name, kind).unwrap_or_else(|error| vec![error]));
        tally.compare(format!("{kind} {name}"), differences.0);
    }
    for address in DEAD {
        let mut differences = Differences::default();
        let refusal = Dialogue::open(address).err().map(|error| error.kind());
        differences.expect("connection", &Some(ErrorKind::ConnectionRefused), &refusal);
        tally.compare(format!("nobody at {address}"), differences.0);
    }
    for server in SERVERS {
        for address in server.addresses {
            let mut differences = Differences::default();
            look_up(&dns, server, address, &mut differences);
            if let Err(error) = talk(server, address, &mut differences) {
                differences.0.push(format!("the dialogue broke off: {error}"));
            }
            tls(server, address, &mut differences);
            tally.compare(format!("{} {address}", server.name), differences.0);
        }
    }
    policy_hosts::are_as_described(tally);
}

#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn expect<W: std::fmt::Debug + PartialEq<G>, G: std::fmt::Debug>(
        &mut self,
        what: &str,
        wanted: &W,
        got: &G,
    ) {
        if wanted != got {
            self.0.push(format!("{what}: wanted {wanted:?}, got {got:?}"));
        }
    }

    fn expect_answer(&mut self, what: &str, wanted: Answer, got: &Reply) {
        if got.code() != wanted.0 || !got.text().contains(wanted.1) {
            self.0.push(format!("{what}: wanted {wanted:?}, got {:?}", got.text()));
        }
    }
}

/// The name must lead to the address, and the address to the name that is said to be its PTR.
fn look_up(dns: &Dns, server: &Server, address: &str, differences: &mut Differences) {
    let kind = if address.contains(':') { AAAA } else { A };
    let addresses = dns.ask(format!("{}.", server.name), kind).unwrap_or_else(|error| vec![error]);
    let wanted = if server.secure { address.to_owned() } else { format!("{address} (insecure)") };
    differences.expect("address", &[wanted].as_slice(), &addresses);
    let mut names = dns.ask_reverse(address).unwrap_or_else(|error| vec![error]);
    names.retain(|name| !name.contains("onerror")); // the hostile server has a second one
    let ptr: Vec<String> = server.ptr.iter().map(|name| format!("{name}.")).collect();
    differences.expect("PTR", &ptr, &names);
}

/// The dialogue that the daemon has too, but in the clear.
fn talk(server: &Server, address: &str, differences: &mut Differences) -> Result<(), Error> {
    let (mut dialogue, greeting) = Dialogue::open(address)?;
    differences.expect("greeting", &"220", &greeting.code());
    differences.expect("greeting", &format!("{} {}", server.name, server.banner), &greeting.first_line());
    let ehlo = dialogue.say("EHLO probe.test")?;
    differences.expect("EHLO", &"250", &ehlo.code());
    differences.expect("STARTTLS", &server.starttls, &ehlo.offers("STARTTLS"));
    differences.expect("AUTH", &server.auth, &ehlo.offers("AUTH"));
    differences.expect("PIPELINING", &server.pipelining, &ehlo.offers("PIPELINING"));
    differences.expect("8BITMIME", &server.eightbitmime, &ehlo.offers("8BITMIME"));
    let postmaster = format!("postmaster@{}", server.domain());
    for (what, sender, recipient, wanted) in [
        ("null sender", "", postmaster.as_str(), server.null_sender),
        ("postmaster", "postmaster@probe.test", postmaster.as_str(), server.postmaster),
        ("relay", "postmaster@probe.test", "relaytest@outside.test", server.relay),
        ("relay, null sender", "", "postmaster@probe.test", server.relay_with_null_sender()),
    ] {
        differences.expect_answer("MAIL", ("250", ""), &dialogue.say(&format!("MAIL FROM:<{sender}>"))?);
        differences.expect_answer(what, wanted, &dialogue.say(&format!("RCPT TO:<{recipient}>"))?);
        dialogue.say("RSET")?;
    }
    dialogue.say("QUIT")?;
    Ok(())
}

fn tls(server: &Server, address: &str, differences: &mut Differences) {
    let finger = posttls_finger::point_at(server.name, address);
    differences.expect("TLS", &!server.tls_version.is_empty(), &finger.is_some());
    if let Some(finger) = finger {
        differences.expect("TLS version", &server.tls_version, &finger.version.as_str());
        differences.expect("certificate", &server.certificate, &finger.complaint);
    }
}
