//! The mail servers of the world: each a sound one with at most one thing broken.

use crate::hostile;

/// What a mail server shows to whoever asks it by hand.
pub(crate) struct Server {
    /// What it calls itself, the name that it is an MX by, and that of its certificate's file.
    pub(crate) name: &'static str,
    pub(crate) addresses: &'static [&'static str],
    /// Whether DNSSEC vouches for its name.
    pub(crate) secure: bool,
    /// What follows the name in the first line of its greeting.
    pub(crate) banner: &'static str,
    pub(crate) starttls: bool,
    /// The best that OpenSSL gets when it wants to see a certificate. Empty where no TLS comes about.
    pub(crate) tls_version: &'static str,
    /// Whether the daemon gets as far in a session, and not in a scan alone: it knows nothing but what senders should.
    pub(crate) is_current: bool,
    /// Whether AUTH is among what it offers without TLS.
    pub(crate) auth: bool,
    pub(crate) pipelining: bool,
    pub(crate) eightbitmime: bool,
    /// The name that its addresses map to.
    pub(crate) ptr: Option<&'static str>,
    pub(crate) null_sender: Answer,
    pub(crate) postmaster: Answer,
    pub(crate) relay: Answer,
    /// What posttls-finger finds wrong with its certificate.
    pub(crate) certificate: &'static str,
}

/// The code of a reply, and what its text contains.
pub(crate) type Answer = (&'static str, &'static str);

const ACCEPTED: Answer = ("250", "");
const NO_SUCH_MAILBOX: Answer = ("550", "User unknown in virtual mailbox table");
const NULL_SENDER_REFUSED: Answer = ("554", "<>: Sender address rejected: Access denied");
const GREYLISTED: Answer = ("450", "4.2.0");
const RELAY_DENIED: Answer = ("554", "Relay access denied");
const RELAY_DENIED_BY_EXIM: Answer = ("550", "relay not permitted");
const RELAY_DENIED_BY_OPENSMTPD: Answer = ("550", "Invalid recipient");

/// A Postfix with nothing to find fault with.
const fn sound(name: &'static str, addresses: &'static [&'static str]) -> Server {
    Server {
        name,
        addresses,
        secure: true,
        banner: "ESMTP",
        starttls: true,
        tls_version: "1.3",
        is_current: true,
        auth: false,
        pipelining: true,
        eightbitmime: true,
        ptr: Some(name),
        null_sender: ACCEPTED,
        postmaster: ACCEPTED,
        relay: RELAY_DENIED,
        certificate: "",
    }
}

impl Server {
    /// The answer to an outside recipient of a message without sender.
    pub(crate) fn relay_with_null_sender(&self) -> Answer {
        if self.null_sender == NULL_SENDER_REFUSED { self.null_sender } else { self.relay }
    }

    /// The domain whose mail it takes: the last two labels of its name.
    pub(crate) fn domain(&self) -> &'static str {
        let start = self.name.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
        &self.name[start..]
    }
}

/// Every listener of the world, in the order of `expectations.md`. Nobody listens at 192.0.2.34 and 2001:db8::35.
pub(crate) const SERVERS: &[Server] = &[
    sound("mx.healthy.test", &["192.0.2.10", "2001:db8::10"]),
    Server { relay: RELAY_DENIED_BY_EXIM, ..sound("mx.exim.test", &["192.0.2.11", "2001:db8::11"]) },
    Server { banner: "ESMTP, please wait", ..sound("mx.postscreen.test", &["192.0.2.12"]) },
    Server { tls_version: "1.2", ..sound("mx.tls12.test", &["192.0.2.13"]) },
    Server { secure: false, ..sound("mx.unsigned.test", &["192.0.2.14"]) },
    Server {
        null_sender: GREYLISTED,
        postmaster: GREYLISTED,
        ..sound("mx.greylisted.test", &["192.0.2.15"])
    },
    Server {
        banner: "ESMTP OpenSMTPD",
        tls_version: "",
        pipelining: false,
        relay: RELAY_DENIED_BY_OPENSMTPD,
        ..sound("mx.opensmtpd.test", &["192.0.2.16", "2001:db8::16"])
    },
    sound("mx.rate-limited.test", &["192.0.2.17"]),
    Server { relay: ACCEPTED, ..sound("mx.open-relay.test", &["192.0.2.20"]) },
    Server { starttls: false, tls_version: "", ..sound("mx.no-starttls.test", &["192.0.2.21"]) },
    Server { certificate: "certificate has expired", ..sound("mx.expired.test", &["192.0.2.22"]) },
    sound("mx.expires-soon.test", &["192.0.2.23"]),
    Server { certificate: "hostname mismatch", ..sound("mx.wrong-name.test", &["192.0.2.24"]) },
    Server { certificate: "self-signed certificate", ..sound("mx.self-signed.test", &["192.0.2.25"]) },
    Server {
        certificate: "untrusted issuer /CN=Nobody's root",
        ..sound("mx.untrusted.test", &["192.0.2.26"])
    },
    Server {
        null_sender: NO_SUCH_MAILBOX,
        postmaster: NO_SUCH_MAILBOX,
        ..sound("mx.postmaster-refused.test", &["192.0.2.27"])
    },
    Server { null_sender: NULL_SENDER_REFUSED, ..sound("mx.null-sender-refused.test", &["192.0.2.28"]) },
    Server { ptr: None, ..sound("mx.no-ptr.test", &["192.0.2.29"]) },
    Server { ptr: Some("mx.healthy.test"), ..sound("mx.wrong-ptr.test", &["192.0.2.30"]) },
    sound("implicit-mx.test", &["192.0.2.31"]),
    sound("mx.mx-cname.test", &["192.0.2.32"]),
    sound("mx1.one-dead.test", &["192.0.2.33"]),
    sound("mx.dead-ipv6.test", &["192.0.2.35"]),
    Server { banner: "ESMTP Postfix 3.7.11", ..sound("mx.banner-version.test", &["192.0.2.36"]) },
    Server { pipelining: false, eightbitmime: false, ..sound("mx.no-extensions.test", &["192.0.2.37"]) },
    Server { auth: true, relay: RELAY_DENIED_BY_EXIM, ..sound("mx.auth-plaintext.test", &["192.0.2.38"]) },
    Server { auth: true, ..sound("mx.auth-challenge.test", &["192.0.2.39"]) },
    Server {
        banner: hostile::BANNER,
        starttls: false,
        tls_version: "",
        relay: ("550", hostile::DENIAL),
        ..sound("mx1.hostile.test", &[hostile::ADDRESS])
    },
    sound("mx2.hostile.test", &["192.0.2.41"]),
    sound("mx.dane-mismatch.test", &["192.0.2.42"]),
    sound("mx.dane-anchor.test", &["192.0.2.43"]),
    sound("mx.dane-unsent.test", &["192.0.2.44"]),
    sound("mx.dane-whole.test", &["192.0.2.45"]),
    Server { certificate: "certificate has expired", ..sound("mx.dane-expired.test", &["192.0.2.46"]) },
    sound("mx.dane-unusable.test", &["192.0.2.47"]),
    sound("mx.dane-bogus.test", &["192.0.2.48"]),
    sound("mx.dane-both.test", &["192.0.2.50"]),
    sound("mx.debian-tls.test", &["192.0.2.49"]),
    Server {
        tls_version: "", // it signs with SHA-1, which a sender that wants no certificate takes
        is_current: false,
        ..sound("mx.tls10-only.test", &["192.0.2.70"])
    },
    Server { tls_version: "1.2", is_current: false, ..sound("mx.rsa-only.test", &["192.0.2.71"]) },
    Server { tls_version: "1.2", is_current: false, ..sound("mx.cbc-only.test", &["192.0.2.72"]) },
    sound("mx.tls13-only.test", &["192.0.2.73"]),
    sound("mx.two-certificates.test", &["192.0.2.74"]),
    Server {
        tls_version: "", // what this has, Debian's OpenSSL was built without
        is_current: false,
        relay: RELAY_DENIED_BY_EXIM,
        ..sound("mx.triple-des.test", &["192.0.2.75"])
    },
    Server { tls_version: "1.2", is_current: false, ..sound("mx.dhe-only.test", &["192.0.2.76"]) },
    Server { tls_version: "1.1", is_current: false, ..sound("mx.tls11-only.test", &["192.0.2.77"]) },
    sound("mx.unencrypted.test", &["192.0.2.78"]),
    Server { tls_version: "", is_current: false, ..sound("mx.no-ciphers.test", &["192.0.2.79"]) },
    sound("mx.half-hidden.test", &["192.0.2.80"]),
    Server { relay: ACCEPTED, ..sound("mx.outside.test", &["192.0.2.100"]) },
];
