//! The phrases by which [`super::cause`] knows a refusal: lower-case words with one space between two, as
//! `Phrases` has them.

/// The good answer to a relay probe, also as a 4xx (Postfix's `defer_unauth_destination`).
pub(super) const RELAY_DENIED: &[&str] = &[
    "relay access denied",
    "relaying denied",
    "relay denied",
    "relaying not allowed",
    "relaying is not allowed",
    "relay not permitted",
    "relay not allowed",
    "relay rejected",
    "relaying rejected",
    "relaying blocked",
    "relay attempt",
    "no relaying",
    "not an open relay",
    "relaying to",
    "relaying mail",
    "relay from",
    "relaying from",
    "relay is not permitted",
    "relaying prohibited",
    "not permitted to relay",
    "not allowed to relay",
    "unable to relay",
    "cannot relay",
    "we do not relay",
    "do not relay for",
    "allowed rcpthosts",
    "5.7.54",
    "5.7.64",
];

/// Limits on how fast or how often we may come.
pub(super) const RATE_LIMIT: &[&str] = &[
    "rate limit",
    "rate limited",
    "ratelimit",
    "ratelimited",
    "connection rate",
    "too many connections",
    "too many concurrent",
    "too many sessions",
    "too many simultaneous",
    "too many messages",
    "too many emails",
    "too much mail",
    "too fast",
    "too quickly",
    "slow down",
    "throttled",
    "throttling",
    "server busy",
    "server too busy",
    "maximum number of connections",
    "exceeded permitted limits",
    "4.7.28",
    "4.7.500",
    "4.7.650",
    "4.7.651",
    "4.7.652",
];

/// Greylisting by its name.
pub(super) const GREYLISTING: &[&str] =
    &["greylist", "greylisted", "greylisting", "graylist", "graylisted", "graylisting", "grey listed"];

/// What greylisting says where it does not say its name, behind a 450 or 451 to RCPT.
pub(super) const TRY_AGAIN: &[&str] = &[
    "4.7.1",
    "4.2.0",
    "try again",
    "try later",
    "retry later",
    "retry in",
    "come back",
    "4.3.2 service currently unavailable", // postscreen's tests behind the greeting
];

/// Refusals of the sender; ours, unless it was `<>`.
pub(super) const SENDER: &[&str] = &[
    "sender address rejected",
    "sender rejected",
    "verify sender",
    "verify the sender",
    "sender domain",
    "sending domain",
    "sender's domain",
    "sender address",
    "domain of sender",
    "envelope sender",
    "mailfrom domain",
    "banned sender",
    "return path",
    "spf",
    "sender policy framework",
    "dmarc",
    "dkim",
    "4.1.7",
    "5.1.7",
    "4.1.8",
    "5.1.8",
    "4.7.23",
    "5.7.23",
    "4.7.26",
    "5.7.26",
    "4.7.27",
    "5.7.27",
];

/// Of a sender who was called back, which the null sender never is, although the caller quotes `MAIL FROM:<>`.
pub(super) const CALLOUT: &[&str] =
    &["sender verify", "sender verification", "sender callout", "callback setup failed"];

/// Words for the null sender, which is not ours.
pub(super) const NULL_SENDER: &[&str] =
    &["null sender", "empty sender", "blank sender", "null reverse path", "null return path"];

/// Refusals of our address, its names, its network or our HELO.
pub(super) const CLIENT: &[&str] = &[
    // block-lists and reputation
    "spamhaus",
    "spamcop",
    "sorbs",
    "uceprotect",
    "abuseat",
    "barracudacentral",
    "invaluement",
    "mailspike",
    "senderbase",
    "senderscore",
    "talosintelligence",
    "ipcheck proofpoint com",
    "support proofpoint com",
    "csi cloudmark com",
    "mail abuse com",
    "dnsbl",
    "dnsbls",
    "dnsrbl",
    "rbl",
    "rbls",
    "blocklist",
    "blocklisted",
    "block list",
    "block listed",
    "blacklist",
    "blacklisted",
    "black list",
    "denylist",
    "denylisted",
    "reputation",
    "senderguidelines",
    "unsolicited mail",
    // the client and its address
    "client host",
    "client address",
    "blocked using",
    "your ip",
    "your access",
    "your address",
    "your host",
    "your network",
    "your server",
    "your mail server",
    "sending ip",
    "sending mta",
    "sending server",
    "connecting ip",
    "ip address",
    "ip addresses",
    "this ip",
    "the ip you're using",
    "5.3.2 service currently unavailable", // postscreen's list of those it denies
    "connections from",
    "messages from",
    "mail from your",
    "dynamic ip",
    "dynamic ip's",
    "dynamic ips",
    "dynamically",
    "dialup",
    "dial up",
    "tosa@rx t online de",
    "tss09",
    // reverse DNS
    "cannot find your hostname",
    "cannot find your reverse hostname",
    "ptr",
    "reverse dns",
    "reverse lookup",
    "reverse hostname",
    "reverse host lookup",
    "rdns",
    "fcrdns",
    "iprev",
    "5.7.25",
    "4.7.25",
    // HELO
    "helo command rejected",
    "ehlo command rejected",
    "helo name",
    "ehlo name",
    "helo argument",
    "helo argument s",
    "ehlo argument",
    "ehlo argument s",
    "helo hostname",
    "ehlo hostname",
    "invalid helo",
    "invalid ehlo",
    "bad helo",
    "bad ehlo",
    "forged helo",
    "fully qualified",
    "fqdn",
];

/// What can only be meant for the client where nothing but the client is known yet, at the greeting and EHLO.
pub(super) const AT_THE_DOOR: &[&str] =
    &["access denied", "access rejected", "banned", "blocked", "not welcome", "policy reasons", "go away"];

/// Refusals of the recipient, whatever address their explanation quotes.
pub(super) const RECIPIENT: &[&str] = &[
    "user unknown",
    "unknown user",
    "no such user",
    "unknown recipient",
    "recipient unknown",
    "invalid recipient",
    "recipient address rejected access denied",
    "undeliverable address",
    "unrouteable address",
    "unroutable address",
    "mailbox unavailable",
    "5.1.1",
];

/// Refusals of the recipient's domain.
pub(super) const RECIPIENT_DOMAIN: &[&str] = &[
    "5.1.10",
    "5.1.2",
    "4.1.2",
    "domain not found",
    "domain does not exist",
    "domain doesn't exist",
    "null mx",
    "nullmx",
    "host unknown",
    "no mx record",
];

/// Refusals until TLS is in use.
pub(super) const WANTS_TLS: &[&str] = &[
    "starttls",
    "tls required",
    "tls is required",
    "requires tls",
    "use tls",
    "encryption required",
    "encryption is required",
    "encryption needed",
    "requires encryption",
];
