//! Real replies and whom they are about, each below (or beside) the document that it is taken from.

use super::super::testing::reply;
use super::*;
use Stage::{Banner, Ehlo, Mail, Rcpt, StartTls};

mod providers;

const THROTTLED: Option<Cause> = Some(Cause::Throttled);
const GREYLISTED: Option<Cause> = Some(Cause::Greylisted);
const BLOCKED: Option<Cause> = Some(Cause::ClientBlocked);
const TEMPFAIL: Option<Cause> = Some(Cause::Tempfail);

fn all_are(want: Option<Cause>, replies: &[(Stage, &str)]) {
    for (stage, text) in replies {
        assert_eq!(cause(*stage, &reply(text)), want, "{stage}: {text}");
    }
}

#[test]
fn nothing_accepted_is_blamed_on_anyone() {
    all_are(
        None,
        &[
            // RFC 5321 §4.2.1: whatever else is said
            (Banner, "220 mx.example.com ESMTP, no spamhaus here"),
            (Rcpt, "250 2.1.5 Ok, greylisted clients welcome"),
            (Mail, "354 go ahead"),
        ],
    );
}

#[test]
fn limits_are_throttling() {
    all_are(
        THROTTLED,
        &[
            // RFC 5321 §4.2.3
            (Banner, "421 mx.example.com Service not available, closing transmission channel"),
            // Postfix: postconf(5), src/smtpd/smtpd.c and smtpd_check.c
            (Banner, "421 4.7.0 mx.example.com Error: too many connections from 198.51.100.7"),
            (Mail, "450 4.7.1 Error: too much mail from 198.51.100.7"),
            (Banner, "421 4.7.0 mx.example.com Error: connection rate limit exceeded"),
            // Sendmail: cf/README, FEATUREs ratecontrol, conncontrol, require_rdns, accept_unresolvable_domains
            (Banner, "421 4.3.2 Connection rate limit exceeded."),
            (Banner, "452 4.3.2 Too many concurrent SMTP connections; please try again later."),
            // Exim: the specification, chapters 14 (helo_*), 43 (ACLs: verify = sender, dnslists)
            (Banner, "421 Too many concurrent SMTP connections from this IP address; please try again later"),
            // Yahoo: https://senders.yahooinc.com/smtp-error-codes/
            (
                Mail,
                "421 4.7.0 [TSS04] Messages from 198.51.100.7 temporarily deferred due to unexpected volume or user complaints",
            ),
            // Gmail: https://support.google.com/a/answer/3726730, https://smtp.codes/google
            (
                Rcpt,
                "421-4.7.28 [198.51.100.7] Our system has detected an unusual rate of\n421-4.7.28 unsolicited mail originating from your IP address.\n421 4.7.28 gsmtp",
            ),
            (
                Rcpt,
                "450-4.2.1 The user you are trying to contact is receiving mail too quickly.\n450 4.2.1 gsmtp",
            ),
            // Microsoft: https://smtp.codes/exchangeonline, https://sendersupport.olc.protection.outlook.com/pm/troubleshooting.aspx
            (Mail, "451 4.7.500 Server busy. Please try again later from [198.51.100.7]. (S77719)"),
            (
                Rcpt,
                "451 4.7.652 The mail server [198.51.100.7] has exceeded the maximum number of connections. (S3115)",
            ),
            (
                Mail,
                "451 4.7.650 The mail server [198.51.100.7] has been temporarily rate limited due to IP reputation. (S775)",
            ),
            (Rcpt, "550 5.7.508 Access denied, [198.51.100.7] has exceeded permitted limits within range."),
            // T-Online: https://postmaster.t-online.de/
            (Banner, "554 Too many connections from your host"),
        ],
    );
}

#[test]
fn greylisting_is_known_by_name_and_by_habit() {
    all_are(
        GREYLISTED,
        &[
            // postgrey: postgrey(1), --greylist-text
            (
                Rcpt,
                "450 4.2.0 <postmaster@example.com>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/example.com.html",
            ),
            // milter-greylist: greylist.conf(5)
            (Rcpt, "451 4.7.1 Greylisting in action, please come back in 00:05:00"),
            // SQLgrey: its README, reject_first_attempt
            (
                Rcpt,
                "450 4.7.1 <postmaster@example.com>: Recipient address rejected: Greylisted for 5 minutes",
            ),
            // rspamd: https://rspamd.com/doc/modules/greylisting.html
            (Rcpt, "451 4.7.1 Try again later"),
            // postscreen behind its after-220 tests: https://www.postfix.org/POSTSCREEN_README.html#after_220
            (Rcpt, "450 4.3.2 Service currently unavailable"),
            // Exim with greylistd: greylistd(8), its lines for exim.conf
            (Rcpt, "451 198.51.100.7 is not yet authorized to deliver mail. Please try later. greylisted"),
            // OpenBSD: https://man.openbsd.org/spamd
            (Rcpt, "451 Temporary failure, please try again later."),
            // Mimecast: its knowledge base, SMTP error codes
            (
                Rcpt,
                "451 Internal resources are temporarily unavailable - greylisting. Please try again later",
            ),
            // at MAIL, by name only: milter-greylist, greylist.conf(5)
            (Mail, "451 4.7.1 greylisted, retry in 300 seconds"),
        ],
    );
}

#[test]
fn refusals_of_us_are_ours() {
    all_are(
        BLOCKED,
        &[
            // Postfix, client: postconf(5) unknown_client_reject_code, access_map_reject_code, maps_rbl_reject_code
            (Rcpt, "450 4.7.1 Client host rejected: cannot find your hostname, [198.51.100.7]"),
            (Rcpt, "450 4.7.25 Client host rejected: cannot find your reverse hostname, [198.51.100.7]"),
            (Rcpt, "554 5.7.1 <unknown[198.51.100.7]>: Client host rejected: Access denied"),
            (
                Rcpt,
                "554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/198.51.100.7",
            ),
            // Postfix, HELO: postconf(5) unknown_hostname_reject_code, non_fqdn_reject_code
            (Rcpt, "450 4.7.1 <probe.example.net>: Helo command rejected: Host not found"),
            (Ehlo, "504 5.5.2 <probe>: Helo command rejected: need fully-qualified hostname"),
            // Postfix, sender: postconf(5) unknown_address_reject_code, unverified_sender_reject_code; policyd-spf(1)
            (Rcpt, "450 4.1.8 <postmaster@probe.example.net>: Sender address rejected: Domain not found"),
            (
                Rcpt,
                "550 5.7.23 <postmaster@example.com>: Recipient address rejected: Message rejected due to: SPF fail - not authorized.",
            ),
            (
                Rcpt,
                "450 4.1.7 <postmaster@probe.example.net>: Sender address rejected: unverified address: connect timed out",
            ),
            // postscreen: https://www.postfix.org/POSTSCREEN_README.html, src/postscreen/postscreen_dnsbl.c
            (Banner, "521 5.7.1 Blocked by DNSBL"),
            (Rcpt, "550 5.7.1 Service unavailable; client [198.51.100.7] blocked using bl.spamcop.net"),
            // Exim: the specification, chapters 14 (helo_*), 43 (ACLs: verify = sender, dnslists)
            (Ehlo, "501 Syntactically invalid HELO argument(s)"),
            (Rcpt, "550 Sender verify failed"),
            (
                Rcpt,
                "550-Verification failed for <postmaster@probe.example.net>\n550-Called:   192.0.2.25\n550-Sent:     RCPT TO:<postmaster@probe.example.net>\n550-Response: 550 5.1.1 User unknown\n550 Sender verify failed",
            ),
            (Rcpt, "550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)"),
            (Rcpt, "550-Sender has no A, AAAA, or MX DNS records.\n550 sender domain l 1 c 1"),
        ],
    );
}

#[test]
fn the_good_answers_to_a_relay_probe_are_never_about_us() {
    all_are(
        None,
        &[
            // Sendmail: cf/README, FEATURE(relay_entire_domain) and what it is not
            (Rcpt, "550 5.7.1 <x@example.org>... Relaying denied. Proper authentication required."),
            (Rcpt, "550 5.7.1 <x@example.org>... Relaying denied. IP name possibly forged [198.51.100.7]"),
            // Exim: the specification, §43 (the default configuration), and cPanel's
            (Rcpt, "550 relay not permitted"),
            (
                Rcpt,
                "550-(probe.example.net) [198.51.100.7]:41234 is currently not permitted to relay through\n550 this server.",
            ),
            // Axigen, MDaemon, Kerio, Domino, InterMail: their manuals, chapters on relaying
            (Rcpt, "550 Relaying is not allowed from 198.51.100.7"),
            (Rcpt, "550 5.7.1 Relaying to <x@example.org> denied (authentication required)"),
            (Rcpt, "554 Relay rejected for policy reasons."),
            (Rcpt, "550 relaying mail to example.org is not allowed from your IP"),
            (Rcpt, "550 Sorry, no relaying from 198.51.100.7"),
            (Rcpt, "550 This is not an open relay, 198.51.100.7"),
            (Rcpt, "553 5.7.1 We do not relay for 198.51.100.7"),
            // RFC 5321 §3.4
            (Rcpt, "551 User not local; please try <x@example.org>"),
            // RFC 4954 §6
            (Rcpt, "530 5.7.0 Authentication required"),
            // Microsoft 365 and Exchange: https://smtp.codes/exchangeonline
            (Rcpt, "550 5.7.64 TenantAttribution; Relay Access Denied SMTP"),
            (Rcpt, "550 5.7.1 Unable to relay for x@example.org [198.51.100.7]"),
        ],
    );
}

#[test]
fn every_reply_has_a_source_beside_it() {
    let mut sourced = false;
    let files = [include_str!("tests.rs"), include_str!("tests/providers.rs")];
    for line in files.iter().flat_map(|file| file.lines()).map(str::trim) {
        let stages = ["(Banner,", "(Ehlo,", "(Mail,", "(Rcpt,", "(StartTls,"];
        let is_reply = stages.iter().any(|stage| line.starts_with(stage));
        sourced = (sourced || line.starts_with("// ")) && !line.starts_with("fn ");
        assert!(!is_reply || sourced, "no source: {line}");
    }
}

#[test]
fn other_temporary_refusals_are_only_that() {
    all_are(
        TEMPFAIL,
        &[
            // Postfix: postconf(5), src/smtpd/smtpd.c and smtpd_check.c
            (Banner, "450 4.3.2 Service currently unavailable"),
            (Rcpt, "451 4.3.0 <postmaster@example.com>: Temporary lookup failure"),
            (Rcpt, "452 4.3.1 Insufficient system storage"),
            (
                Rcpt,
                "450 4.1.1 <postmaster@example.com>: Recipient address rejected: unverified address: Address verification in progress",
            ),
            (StartTls, "454 4.7.0 TLS not available due to local problem"),
            // Exim: the specification, chapters 14 (helo_*), 43 (ACLs: verify = sender, dnslists)
            (Rcpt, "451 Temporary local problem - please contact the site owner"),
            // Gmail, a second domain in one transaction: https://support.google.com/a/answer/3726730
            (Rcpt, "451-4.3.0 Multiple destination domains per transaction is unsupported.\n451 4.3.0 gsmtp"),
            // Gmail, a full mailbox: https://support.google.com/a/answer/3726730
            (Rcpt, "452 4.2.2 The email account that you tried to reach is over quota."),
        ],
    );
}

#[test]
fn refusals_of_others_are_not_ours() {
    all_are(
        None,
        &[
            // relay denied, the good answer
            (Rcpt, "554 5.7.1 <relaytest@example.org>: Relay access denied"), // Postfix: postconf(5), src/smtpd/smtpd.c and smtpd_check.c
            (Rcpt, "454 4.7.1 <relaytest@example.org>: Relay access denied"), // Postfix: postconf(5) defer_unauth_destination
            (Rcpt, "550 relay not permitted"), // Exim: the specification, chapters 14 (helo_*), 43 (ACLs: verify = sender, dnslists)
            (
                Rcpt,
                "550-Please turn on SMTP Authentication in your mail client.\n550-probe.example.net [198.51.100.7]:41234 is not permitted to relay\n550 through this server without authentication.",
            ), // Exim, cPanel: its exim.conf, ACL acl_smtp_rcpt
            (
                Rcpt,
                "550 5.7.1 <relaytest@example.org>... Relaying denied. IP name lookup failed [198.51.100.7]",
            ), // Sendmail: cf/README, FEATUREs ratecontrol, conncontrol, require_rdns, accept_unresolvable_domains
            (Rcpt, "550 5.7.1 Unable to relay"), // Exchange: https://learn.microsoft.com/en-us/troubleshoot/exchange/email-delivery/ndr/non-delivery-reports-in-exchange-online
            (Rcpt, "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain"), // Exchange: https://learn.microsoft.com/en-us/troubleshoot/exchange/email-delivery/ndr/non-delivery-reports-in-exchange-online
            (Rcpt, "550 5.7.64 TenantAttribution; Relay Access Denied SMTP"), // Microsoft 365: https://smtp.codes/exchangeonline
            (Rcpt, "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"), // qmail: qmail-smtpd.c
            (Rcpt, "513 Relaying denied."), // Courier: courieresmtpd(8)
            // no such user
            (
                Rcpt,
                "550 5.4.1 Recipient address rejected: Access denied. [AM6EUR05FT0.eop-eur05.prod.protection.outlook.com 2026-11-20T12:00:00.000Z 08DC]",
            ), // Microsoft 365: https://smtp.codes/exchangeonline
            (
                Rcpt,
                "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550 5.1.1 unnecessary spaces. gsmtp",
            ), // Gmail: https://support.google.com/a/answer/3726730, https://smtp.codes/google
            (
                Rcpt,
                "550 5.1.1 <postmaster@example.com>: Recipient address rejected: User unknown in local recipient table",
            ), // Postfix: postconf(5), src/smtpd/smtpd.c and smtpd_check.c
            (
                Rcpt,
                "550 5.1.1 <postmaster@example.com>: Recipient address rejected: undeliverable address: host 10.0.0.5[10.0.0.5] said: 550 no mailbox",
            ), // Postfix: https://www.postfix.org/ADDRESS_VERIFICATION_README.html
            (Rcpt, "550 Unrouteable address"), // Exim: the specification, chapters 14 (helo_*), 43 (ACLs: verify = sender, dnslists)
            (Rcpt, "550 Invalid recipient: <postmaster@example.com>"), // OpenSMTPD: usr.sbin/smtpd/smtp_session.c
            (Rcpt, "550-Callout verification failed:\n550 550 5.1.1 User unknown"), // Exim: the specification, §43 (verify = recipient/callout)
            (Rcpt, "550 <postmaster@mail.dmarc.example>: no mailbox here"), // the recipient's name is not the server's word
            // the null sender is not ours
            (Mail, "554 5.7.1 <>: Sender address rejected: Access denied"), // Postfix: postconf(5), src/smtpd/smtpd.c and smtpd_check.c
            (Rcpt, "550 5.7.1 Null sender rejected: sender address rejected"),
            // no service for anyone
            (Banner, "554 mx.example.com No SMTP service here"), // RFC 5321 §3.1
            (Banner, "521 mx.example.com does not accept mail"), // RFC 7504
            (Ehlo, "502 5.5.2 Error: command not recognized"),
            (Ehlo, "500 EHLO unrecognized command"),
            (Mail, "530 5.7.0 Must issue a STARTTLS command first"), // RFC 3207 §4, as Postfix says it
            (Rcpt, "530 5.7.57 Client not authenticated to send mail"), // Microsoft 365: https://smtp.codes/exchangeonline
            (StartTls, "502 5.5.1 Error: command not implemented"),
        ],
    );
}

#[test]
fn some_refusals_are_of_the_recipients_domain() {
    for (text, want) in [
        (
            "556 5.1.10 <a@example.com>: Recipient address rejected: Domain example.com does not accept mail (nullMX)",
            true,
        ),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound", true),
        ("556 No.", true),
        ("450 4.1.2 <a@example.com>: Recipient address rejected: Domain not found", true),
        ("550 5.1.2 <a@example.com>... Host unknown (Name server: example.com: host not found)", true),
        ("550 No such domain: recipient domain does not exist", true),
        ("450 4.1.8 <postmaster@probe.example.net>: Sender address rejected: Domain not found", false),
        ("554 5.7.1 <a@example.com>: Relay access denied", false),
        ("550 5.1.1 User unknown", false),
        ("250 2.1.5 Ok, but 5.1.2 in passing", false),
    ] {
        assert_eq!(recipient_unusable(&reply(text)), want, "{text}");
    }
}

#[test]
fn a_refusal_of_plaintext_names_tls() {
    for (text, want) in [
        ("530 5.7.0 Must issue a STARTTLS command first", true),
        ("554 5.7.1 Session encryption is required", true),
        ("523 5.7.10 Encryption Needed", true),
        ("550 5.1.1 No such user, see https://ssl.example.com", false),
        ("530 5.7.1 Client was not authenticated", false),
        ("451 4.7.0 TLS temporarily unavailable", false),
        ("550 <a@starttls.example>: no", false),
    ] {
        assert_eq!(wants_tls(&reply(text)), want, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read(code in 200_u16..600, lines in proptest::collection::vec("\\PC{0,60}", 1..4)) {
        let text = lines.iter().map(|line| format!("{code}-{line}")).collect::<Vec<_>>().join("\n");
        let reply = reply(&text);
        for stage in [Banner, Ehlo, StartTls, Mail, Rcpt] {
            let blamed = cause(stage, &reply);
            proptest::prop_assert_eq!(blamed.is_none() && reply.is_transient() && !Phrases::of(&reply).any(RELAY_DENIED), false);
            proptest::prop_assert!(!reply.is_positive() || (blamed.is_none() && !recipient_unusable(&reply)));
        }
    }
}
