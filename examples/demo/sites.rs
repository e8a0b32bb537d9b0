//! Who lives in the world: a table of domains, from healthy to hostile, with all that is wrong with them.
use crate::support::mail_server::MailServer;
use crate::support::tls::{Ca, Leaf};

/// A domain, what is wrong with it, what the daemon is to say of it, and what makes it so.
pub(crate) fn all(ca: &Ca, has_ipv6: bool) -> Vec<Site> {
    let site = |domain, wrong, verdict| Site::sound(domain, wrong, verdict, ca);
    vec![
        site("healthy.example", "nothing", "ok")
            .records(if has_ipv6 { DUAL_STACK } else { USUAL })
            .server(|mx| mx.local_domains(["healthy.example", GUEST])),
        site(GUEST, "nothing; it is bücher.example", "ok").records("@ IN MX 10 mx.healthy.example."),
        site("open-relay.example", "takes mail from anybody to anybody", "smtp.open_relay")
            .server(MailServer::relays_for_everyone),
        site("no-starttls.example", "no encryption", NO_STARTTLS).server(MailServer::without_starttls),
        site(
            "expired.example",
            "the certificate ended yesterday",
            "smtp.cert.expired smtp.mta_sts.cert_invalid",
        )
        .certificate(ca, |leaf| leaf.valid_days(-90, -1)),
        site("expires-soon.example", "the certificate has five days left", "smtp.cert.expires_soon")
            .certificate(ca, |leaf| leaf.valid_days(-85, 5)),
        site("wrong-name.example", "the certificate is another host's", WRONG_NAME)
            .certificate(ca, |_| ca.leaf("mx.elsewhere.example")),
        site("no-postmaster.example", "nobody to tell about trouble", "smtp.postmaster.rejected")
            .server(MailServer::refuses_postmaster),
        site("no-bounces.example", "refuses the empty sender", "smtp.null_sender.rejected")
            .server(MailServer::refuses_null_sender),
        site("auth-in-clear.example", "wants passwords before TLS", "smtp.auth.plaintext")
            .server(|mx| mx.auth_before_tls("PLAIN LOGIN")),
        site("hostile.example", "answers with scripts and escape codes", "smtp.postmaster.rejected")
            .server(|mx| mx.banner(HOSTILE_BANNER).answering("RCPT TO:<postmaster@hostile", HOSTILE_REFUSAL)),
        site("no-ptr.example", "the server's address has no name", "smtp.ptr.missing").without_ptr(),
        site(
            "no-policy.example",
            "nothing tells senders to encrypt",
            "smtp.mta_sts.absent smtp.tls_rpt.absent",
        )
        .without_policies(),
        site("not-allowed.example", "its MTA-STS policy has another MX", "smtp.mta_sts.mx_mismatch")
            .records("@ IN MX 10 mail\nmail IN A {own}\nmx IN A {own}")
            .certificate(ca, |_| ca.leaf("mail.not-allowed.example")),
        site("half-dead.example", "one of its two servers is gone", "smtp.tcp.unreachable")
            .records(HALF_DEAD),
        site("alias-mx.example", "the MX is a CNAME", "smtp.mx.cname")
            .records("@ IN MX 10 mx\nmx IN CNAME host\nhost IN A {own}"),
        site("lapsed-mx.example", "its backup lies below a domain that anybody may register", TAKEOVER)
            .records("@ IN MX 10 mx\n@ IN MX 20 mx.example.org.\nmx IN A {own}"),
        site("implicit-mx.example", "an address and no MX", "smtp.mx.implicit")
            .records("@ IN A {own}\nmx IN A {own}"),
        site("no-mx.example", "neither MX nor address", "smtp.mx.missing").records(""),
        site("null-mx.example", "wants no mail, and says so", "smtp.null_mx").records("@ IN MX 0 ."),
        site("greylisting.example", "lets strangers wait for five minutes", "greylisted")
            .server(MailServer::greylists),
        site("throttled.example", "has no time for us", "throttled").server(MailServer::throttles),
        site("blocks-us.example", "has us on a block-list", "client_blocked")
            .server(MailServer::blocks_client),
    ]
}

const GUEST: &str = "xn--bcher-kva.example";
const NO_STARTTLS: &str = "smtp.all_no_starttls smtp.mta_sts.no_starttls smtp.starttls.missing";
const TAKEOVER: &str = "smtp.mta_sts.mx_mismatch smtp.mx.takeover smtp.mx.unresolved";
const WRONG_NAME: &str = "smtp.cert.host_mismatch smtp.mta_sts.cert_invalid";
const HOSTILE_BANNER: &str = "220 <script>alert(1)</script> \u{1b}[31m\u{7}\u{0} ESMTP";
const HOSTILE_REFUSAL: &str = "550 5.1.1 \"'><script>alert(2)</script>\u{1b}[2J no such user";

const USUAL: &str = "@ IN MX 10 mx\nmx IN A {own}";
const DUAL_STACK: &str = "@ IN MX 10 mx\nmx IN A {own}\nmx IN AAAA ::1";
const HALF_DEAD: &str = "@ IN MX 10 mx\n@ IN MX 20 old\nmx IN A {own}\nold IN A 127.0.0.250";

/// One domain of the world.
pub(crate) struct Site {
    /// Its name, as DNS has it.
    pub(crate) domain: &'static str,
    /// What is wrong with it, in a few words.
    pub(crate) wrong: &'static str,
    /// What the daemon is to say of it: the codes of what it finds; or why it could not look; or `ok`.
    pub(crate) verdict: &'static str,
    /// Its zone. `{own}` stands for an IPv4 address of its own.
    pub(crate) records: &'static str,
    /// Its mail server, which runs where `{own}` or `::1` is mentioned.
    pub(crate) server: MailServer,
    /// Whether the server's addresses lead back to its name.
    pub(crate) has_ptr: bool,
    /// Whether it publishes MTA-STS and TLS-RPT.
    pub(crate) has_policies: bool,
}

impl Site {
    fn sound(domain: &'static str, wrong: &'static str, verdict: &'static str, ca: &Ca) -> Self {
        let server = MailServer::named(&format!("mx.{domain}")).local_domains([domain]);
        let site = Self { domain, wrong, verdict, records: USUAL, server, has_ptr: true, has_policies: true };
        site.certificate(ca, |leaf| leaf.and_name(domain))
    }

    fn records(mut self, records: &'static str) -> Self {
        self.records = records;
        self
    }

    fn server(mut self, change: impl FnOnce(MailServer) -> MailServer) -> Self {
        self.server = change(self.server);
        self
    }

    fn certificate<'ca>(self, ca: &'ca Ca, change: impl FnOnce(Leaf<'ca>) -> Leaf<'ca>) -> Self {
        let identity = change(ca.leaf(&format!("mx.{}", self.domain))).issue();
        self.server(|server| server.certificate(identity))
    }

    fn without_policies(mut self) -> Self {
        self.has_policies = false;
        self
    }

    fn without_ptr(mut self) -> Self {
        self.has_ptr = false;
        self
    }
}
