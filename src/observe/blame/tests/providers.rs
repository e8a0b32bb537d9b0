//! Refusals of us in the words of providers, filters, block-lists and callouts.

use super::*;

#[test]
fn refusals_of_us_by_providers_and_filters_are_ours() {
    all_are(
        BLOCKED,
        &[
            // Sendmail: cf/README, FEATUREs ratecontrol, conncontrol, require_rdns, accept_unresolvable_domains
            (Mail, "451 4.1.8 Domain of sender address postmaster@probe.example.net does not resolve"),
            (Mail, "553 5.1.8 <postmaster@probe.example.net>... Domain of sender address does not exist"),
            (
                Rcpt,
                "450 4.7.1 <a@example.com>... Relaying temporarily denied. Cannot resolve PTR record for 198.51.100.7",
            ),
            // Cisco ESA: its user guide, sender groups and mail flow policies
            (
                Banner,
                "554-mx.example.com\n554 Your access to this mail system has been rejected due to the sending MTA's poor reputation.",
            ),
            // Gmail: https://support.google.com/a/answer/3726730, https://smtp.codes/google
            (
                Rcpt,
                "550-5.7.25 [198.51.100.7] The IP address sending this message does not have a PTR\n550-5.7.25 record setup, or the corresponding forward DNS entry does not match.\n550 5.7.25 gsmtp",
            ),
            (
                Rcpt,
                "550-5.7.1 [198.51.100.7] The IP you're using to send mail is not authorized to\n550-5.7.1 send email directly to our servers.\n550 5.7.1 gsmtp",
            ),
            (
                Rcpt,
                "550-5.7.26 This mail has been blocked because the sender is unauthenticated.\n550 5.7.26 gsmtp",
            ),
            // Microsoft: https://smtp.codes/exchangeonline, https://sendersupport.olc.protection.outlook.com/pm/troubleshooting.aspx
            (
                Rcpt,
                "550 5.7.606 Access denied, banned sending IP [198.51.100.7]. To request removal from this list visit https://sender.office.com/",
            ),
            (
                Mail,
                "550 5.7.1 Unfortunately, messages from [198.51.100.7] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).",
            ),
            (Rcpt, "550 5.7.1 Service unavailable, MailFrom domain is listed in Spamhaus."),
            (
                Mail,
                "550 DY-001 Mail rejected by Outlook.com. We generally do not accept email from dynamic IP's",
            ),
            // Yahoo: https://senders.yahooinc.com/smtp-error-codes/
            (
                Banner,
                "553 5.7.1 [BL21] Connections will not be accepted from 198.51.100.7, because the ip is in Spamhaus's list",
            ),
            (
                Mail,
                "553 5.7.2 [TSS09] All messages from 198.51.100.7 will be permanently deferred; Retrying will NOT succeed.",
            ),
            // GMX: https://postmaster.gmx.net/en/error-messages
            (
                Banner,
                "554-gmx.net (mxgmx016) Nemesis ESMTP Service not available\n554-No SMTP service\n554-Bad DNS PTR resource record.\n554 For explanation visit https://postmaster.gmx.net/en/error-messages?ip=198.51.100.7",
            ),
            // T-Online: https://postmaster.t-online.de/
            (
                Banner,
                "554 IP=198.51.100.7 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify.)",
            ),
            // iCloud: https://support.apple.com/en-us/102322
            (Rcpt, "550 5.7.1 Your email was rejected due to the domain's DMARC policy"),
            // Proofpoint: https://ipcheck.proofpoint.com
            (Banner, "554 Blocked - see https://ipcheck.proofpoint.com/?ip=198.51.100.7"),
            // Barracuda: https://www.barracudacentral.org/rbl
            (Rcpt, "554 Service unavailable; Client host [x] blocked using Barracuda Reputation"),
            // seen in the field, without a name
            (Banner, "550 Access denied"),
        ],
    );
}

#[test]
fn refusals_by_block_lists_and_callouts_are_ours() {
    all_are(
        BLOCKED,
        &[
            // Postfix with a list: postconf(5) reject_rbl_client, default_rbl_reply
            (
                Rcpt,
                "554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using bl.spamcop.net; Blocked - see https://www.spamcop.net/bl.shtml?198.51.100.7",
            ),
            (
                Rcpt,
                "554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using b.barracudacentral.org; http://www.barracudanetworks.com/reputation/?pr=1&ip=198.51.100.7",
            ),
            (
                Rcpt,
                "554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using dnsbl.sorbs.net; Currently Sending Spam",
            ),
            (
                Rcpt,
                "554 5.7.1 Service unavailable; Helo command [probe.example.net] blocked using dbl.spamhaus.org",
            ),
            (
                Rcpt,
                "554 5.7.1 Service unavailable; Sender address [postmaster@probe.example.net] blocked using dbl.spamhaus.org",
            ),
            // Exim with a list: the specification, §43 (dnslists), $dnslist_domain
            (
                Rcpt,
                "550-198.51.100.7 is listed at zen.spamhaus.org\n550 https://check.spamhaus.org/listed/?searchterm=198.51.100.7",
            ),
            (Rcpt, "550 rejected because 198.51.100.7 is in a black list at dnsbl-1.uceprotect.net"),
            (Rcpt, "550 Host is listed in cbl.abuseat.org, see http://www.abuseat.org/lookup.cgi"),
            // Spamhaus, of a resolver that it does not answer: https://www.spamhaus.org/returnc/pub/
            (
                Rcpt,
                "554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using zen.spamhaus.org; Error: open resolver; https://check.spamhaus.org/returnc/pub/192.0.2.53/",
            ),
            // postscreen, of a client that it denies: postconf(5) postscreen_denylist_action
            (Banner, "521 5.3.2 Service currently unavailable"),
            (Rcpt, "550 5.3.2 Service currently unavailable"),
            // Exim, callouts of the sender: the specification, §43 (verify = sender/callout)
            (Rcpt, "451 Could not complete sender verify callout"),
            (
                Rcpt,
                "550-Callback setup failed while verifying <postmaster@probe.example.net>\n550-The initial connection, or a HELO or MAIL FROM:<> command was rejected.\n550 Sender verify failed",
            ),
            // Microsoft 365: https://smtp.codes/exchangeonline
            (Mail, "550 5.7.1 Service unavailable, Helo domain is listed in Spamhaus. (S8001)"),
            (Rcpt, "550 5.7.708 Access denied, traffic not accepted from this IP."),
            (Rcpt, "550 5.7.509 Access denied, sending domain example.net does not pass DMARC verification"),
            (
                Rcpt,
                "550 5.7.515 Access denied, sending domain example.net doesn't meet the required authentication level.",
            ),
            // SPF: RFC 7208 §8.4
            (
                Rcpt,
                "550 5.7.1 SPF MAIL FROM check failed: The domain probe.example.net explains: not from there",
            ),
        ],
    );
}
