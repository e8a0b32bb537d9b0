//! What people are told of each issue.

use super::super::{Issue, Severity};

pub(super) static INVALID: Issue = Issue {
    code: "smtp.mta_sts.invalid",
    severity: Severity::Warning,
    title: "The MTA-STS policy cannot be used",
    why: "Senders act as if there were none: whoever sits on the way can strip STARTTLS again, and nobody notices.",
    fix: "See that `_mta-sts` has exactly one TXT record such as `v=STSv1; id=20270101;`, and that `https://mta-sts.` your domain `/.well-known/mta-sts.txt` answers with status 200, a certificate valid for that name and no redirect. Or remove the record if you do not want MTA-STS.",
    reference: "https://www.rfc-editor.org/rfc/rfc8461#section-3",
};

pub(super) static MX_MISMATCH: Issue = Issue {
    code: "smtp.mta_sts.mx_mismatch",
    severity: Severity::Critical,
    title: "The enforced MTA-STS policy does not allow an MX host",
    why: "Senders that follow MTA-STS (Gmail, Outlook and Yahoo among them) do not deliver to that host. If no other takes the mail, it bounces.",
    fix: "Add an `mx:` line for the host to the policy and give the TXT record a new `id`; or remove the MX record. A wildcard stands for one left-most label only.",
    reference: "https://www.rfc-editor.org/rfc/rfc8461#section-4.1",
};

pub(super) static CERT_INVALID: Issue = Issue {
    code: "smtp.mta_sts.cert_invalid",
    severity: Severity::Critical,
    title: "MTA-STS is enforced, and a certificate is not valid",
    why: "Senders that follow MTA-STS (Gmail, Outlook and Yahoo among them) do not deliver to that server. If no other takes the mail, it bounces.",
    fix: "Give the server a certificate of a public authority for its MX name, with the whole chain. Until then set the policy to `mode: testing` and give the TXT record a new `id`.",
    reference: "https://www.rfc-editor.org/rfc/rfc8461#section-4.2",
};

pub(super) static NO_STARTTLS: Issue = Issue {
    code: "smtp.mta_sts.no_starttls",
    severity: Severity::Critical,
    title: "MTA-STS is enforced, and a server does no TLS",
    why: "Senders that follow MTA-STS (Gmail, Outlook and Yahoo among them) do not deliver to that server. If no other takes the mail, it bounces.",
    fix: "Switch STARTTLS on at that server, or remove its MX record. Until then set the policy to `mode: testing` and give the TXT record a new `id`.",
    reference: "https://www.rfc-editor.org/rfc/rfc8461#section-4.2",
};

pub(super) static TESTING_FAILURES: Issue = Issue {
    code: "smtp.mta_sts.testing_failures",
    severity: Severity::Warning,
    title: "MTA-STS is being tested, and a server does not fit the policy",
    why: "Mail is delivered all the same, and reported to where TLS-RPT says. Once the policy is enforced, it is not delivered any more.",
    fix: "Mend what is quoted before you set `mode: enforce`: an `mx:` line for every MX host, STARTTLS, a valid certificate for the MX name.",
    reference: "https://www.rfc-editor.org/rfc/rfc8461#section-5",
};

pub(super) static ID_UNCHANGED: Issue = Issue {
    code: "smtp.mta_sts.id_unchanged",
    severity: Severity::Warning,
    title: "The MTA-STS policy has changed, its id has not",
    why: "Senders that have the old policy keep it until its `max_age` is over: to them, servers that only the new one allows do not exist.",
    fix: "Give the TXT record at `_mta-sts` a new `id` whenever the policy changes.",
    reference: "https://www.rfc-editor.org/rfc/rfc8461#section-3.1",
};

pub(super) static MAX_AGE_SHORT: Issue = Issue {
    code: "smtp.mta_sts.max_age_short",
    severity: Severity::Info,
    title: "Senders forget the enforced MTA-STS policy within days",
    why: "Protection begins anew whenever a sender has forgotten the policy, and an attacker on the way may then hide it.",
    fix: "Set `max_age` to some weeks, 1209600 for two of them, and give the TXT record a new `id`.",
    reference: "https://www.rfc-editor.org/rfc/rfc8461#section-3.2",
};

pub(super) static CONTENT_TYPE: Issue = Issue {
    code: "smtp.mta_sts.content_type",
    severity: Severity::Info,
    title: "The MTA-STS policy is not served as text/plain",
    why: "Senders should insist on `text/plain`, lest something that users upload be taken for a policy. Some may not accept this one.",
    fix: "Let the web server send `Content-Type: text/plain` with `mta-sts.txt`.",
    reference: "https://www.rfc-editor.org/rfc/rfc8461#section-3.3",
};

pub(super) static TESTING: Issue = Issue {
    code: "smtp.mta_sts.testing",
    severity: Severity::Info,
    title: "MTA-STS is only being tested",
    why: "Senders report what does not fit the policy, but deliver: nothing is protected yet.",
    fix: "Once the reports of TLS-RPT show no failures, set `mode: enforce` and give the TXT record a new `id`.",
    reference: "https://www.rfc-editor.org/rfc/rfc8461#section-5",
};

pub(super) static NONE: Issue = Issue {
    code: "smtp.mta_sts.none",
    severity: Severity::Info,
    title: "MTA-STS is withdrawn",
    why: "The policy says `none`: senders forget an earlier one, and nobody insists on TLS.",
    fix: "When all senders have forgotten the earlier policy, remove the TXT record and the policy. Or set `mode: testing` to begin again.",
    reference: "https://www.rfc-editor.org/rfc/rfc8461#section-8.3",
};

pub(super) static ABSENT: Issue = Issue {
    code: "smtp.mta_sts.absent",
    severity: Severity::Info,
    title: "The domain has no MTA-STS",
    why: "Nothing tells senders to insist on TLS: whoever sits on the way can strip STARTTLS, and mail goes in the clear.",
    fix: "Publish a policy with `mode: testing` and TLS-RPT, read the reports, then enforce it. DANE serves the same end where DNSSEC is there.",
    reference: "https://www.rfc-editor.org/rfc/rfc8461#section-3",
};
