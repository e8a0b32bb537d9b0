//! Is there trouble that proves nothing by itself and does not end either? What every look calls temporary is found
//! here once it has lasted; the rules that it keeps from judging keep their verdicts.

use super::evidence::date;
use super::{Check, Context, Finding, Issue, Judgement, Rule, Severity, Source, Verdict, is_off_limits};
use crate::observe::{
    Cause, Contact, Dnssec, Endpoint, Fact, HostDns, Lasting, Observation, Stage, Transaction, Unseen,
};

pub(super) static RULE: Rule = Rule {
    code: "smtp.availability",
    title: "Nothing that should pass by itself has been lasting",
    issues: &[&PERSISTENT, &ALL_PERSISTENT, &DNS_FAILED],
    source: Source::Dialogue,
    checks: &[Check::Domain(check_domain), Check::Endpoint(check_endpoint)],
};

static PERSISTENT: Issue = Issue {
    code: "smtp.persistent_tempfail",
    severity: Severity::Warning,
    title: "A mail server has been putting senders off for hours",
    why: "Every try ends in a temporary refusal, in silence or in a look-up that fails. No single one is a fault, but by now mail waits in the queues of all senders; after some days it bounces.",
    fix: "Look the quoted replies up in the server's log: a full disk, a look-up or a filter that fails, too few processes, a name server that is down. If the server puts off nobody but this probe, exempt its address from the limits.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-4.5.4.1",
};

static ALL_PERSISTENT: Issue = Issue {
    code: "smtp.all_persistent_tempfail",
    severity: Severity::Critical,
    title: "No mail server has taken mail for hours",
    why: "Every server that answers at all puts senders off, try after try: no mail to the domain gets in. It waits with the senders and bounces after some days.",
    fix: "Look the quoted replies up in the servers' logs. What all servers share comes first: the directory of users, the mail store, the filter, the name servers they ask.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-4.5.4.1",
};

static DNS_FAILED: Issue = Issue {
    code: "smtp.mx.dns_failed",
    severity: Severity::Critical,
    title: "The look-up of the domain's mail servers has been failing for hours",
    why: "Senders that cannot learn where the domain's mail goes keep it waiting, and bounce it after some days.",
    fix: "See that the zone's name servers run, answer over UDP and TCP, and are those that the parent zone names. Other names are answered by the same resolver, so it is not that one's fault.",
    reference: "https://www.rfc-editor.org/rfc/rfc5321#section-5.1",
};

/// One thing that came to nothing.
struct Held {
    what: String,
    unseen: Unseen,
    lasting: Lasting,
}

fn check_endpoint(endpoint: &Endpoint, _: &Observation, cx: &Context) -> Judgement {
    if is_off_limits(&endpoint.contact) {
        return Ok(Verdict::NotApplicable);
    }
    if let Some(unseen) = in_the_way(&endpoint.contact).filter(|unseen| !unseen.is_inconclusive()) {
        return Err(unseen);
    }
    let healthy = cx.is_healthy_toward(endpoint.address());
    let held: Vec<Held> = all_held(endpoint, cx).collect();
    let lasting = held.iter().filter(|held| healthy && held.is_persistent(cx));
    let findings: Vec<Finding> = lasting.map(|held| PERSISTENT.finding(held.evidence())).collect();
    match held.into_iter().next() {
        Some(held) if findings.is_empty() => Err(held.unseen),
        _ => Ok(Verdict::of(findings)),
    }
}

/// Everything at an endpoint that the last look at it could not tell.
fn all_held(endpoint: &Endpoint, cx: &Context) -> impl Iterator<Item = Held> {
    let contact = &endpoint.contact;
    let name = format!("{} {}", endpoint.mx, endpoint.address());
    let dialogue = [in_the_way(contact), behind_starttls(contact)].into_iter().flatten().next();
    let dialogue = dialogue.map(|unseen| (String::new(), unseen, contact.dialogue.streak.lasting));
    let null = contact.null_sender.as_ref().filter(|_| cx.tests.null_sender);
    let null = null.and_then(|fact| test(fact, |test| test.is_accepted().err()));
    let null = null.map(|(unseen, lasting)| (", mail from <>".to_owned(), unseen, lasting));
    let postmaster = postmaster(endpoint, cx);
    let postmaster = postmaster.map(|(unseen, lasting)| (", mail to postmaster".to_owned(), unseen, lasting));
    let ptr = endpoint.ptr().err();
    let ptr = ptr.map(|unseen| (", reverse look-up".to_owned(), unseen, endpoint.ptr.streak.lasting));
    let all = [dialogue, null, postmaster, ptr].into_iter().flatten();
    all.filter(|(_, unseen, _)| unseen.is_inconclusive()).map(move |(what, unseen, lasting)| Held {
        what: format!("{name}{what}"),
        unseen,
        lasting,
    })
}

/// What ended the last session before a sender could have delivered anything.
fn in_the_way(contact: &Contact) -> Option<Unseen> {
    hindrance(contact).filter(|unseen| unseen.trouble().stage < Stage::StartTls)
}

/// What ended it at or behind STARTTLS, where many senders go on without.
fn behind_starttls(contact: &Contact) -> Option<Unseen> {
    hindrance(contact).filter(|unseen| unseen.trouble().stage >= Stage::StartTls)
}

fn hindrance(contact: &Contact) -> Option<Unseen> {
    match contact.dialogue() {
        Err(unseen) => Some(unseen),
        Ok(dialogue) => match dialogue.trouble() {
            Some(trouble) => Some(contact.settled_trouble(trouble)),
            None => dialogue.put_off(),
        },
    }
}

/// The postmaster's transaction, by which it is known whether mail from an ordinary sender gets in.
fn postmaster(endpoint: &Endpoint, cx: &Context) -> Option<(Unseen, Lasting)> {
    let fact = endpoint.postmaster.as_ref().filter(|_| cx.tests.postmaster)?;
    test(fact, |transaction: &Transaction| transaction.is_accepted().err())
}

/// Why a test that was reached proves nothing.
fn test<T>(fact: &Fact<T>, unseen: impl Fn(&T) -> Option<Unseen>) -> Option<(Unseen, Lasting)> {
    let unseen = match &fact.seen {
        Ok(test) => unseen(test)?,
        Err(Unseen::Blocked(_)) => return None,
        Err(unseen) => unseen.clone().in_transaction(),
    };
    Some((unseen, fact.streak.lasting))
}

fn check_domain(observation: &Observation, cx: &Context) -> Judgement {
    if observation.dns.is_null_mx() {
        return Ok(Verdict::NotApplicable);
    }
    let names = names(observation);
    let resolver_answers = cx.prober.resolver_answers == Some(true);
    let lasting = names.iter().filter(|(_, held)| resolver_answers && held.is_persistent(cx));
    let mut findings: Vec<Finding> = lasting.map(|(issue, held)| issue.finding(held.evidence())).collect();
    let delivery = delivery(observation, cx);
    if let Ok(Verdict::Findings(all)) = &delivery {
        findings.extend(all.iter().cloned());
    }
    match names.into_iter().next() {
        _ if !findings.is_empty() => Ok(Verdict::Findings(findings)),
        Some((_, held)) => Err(held.unseen),
        None => delivery,
    }
}

/// The look-ups that fail, each with what it is where it lasts: one host of several is not the whole domain. What is
/// bogus is another rule's.
fn names(observation: &Observation) -> Vec<(&'static Issue, Held)> {
    let dns = &observation.dns;
    let mx = dns.mx.records().err().filter(|_| dns.mx.dnssec != Dnssec::Bogus);
    if let Some(unseen) = mx {
        let what = format!("MX of {}", observation.domain);
        return vec![(&DNS_FAILED, Held { what, unseen, lasting: dns.mx.lasting })];
    }
    let unseen = |host: &HostDns| host.addresses().err().filter(|_| !host.is_bogus());
    let failing = dns.hosts.iter().filter_map(|(name, host)| {
        let what = format!("addresses of {name}");
        Some(Held { what, unseen: unseen(host)?, lasting: host.lasting() })
    });
    let failing: Vec<Held> = failing.collect();
    let issue = if failing.len() == dns.hosts.len() { &DNS_FAILED } else { &PERSISTENT };
    failing.into_iter().map(|held| (issue, held)).collect()
}

/// Whether mail gets in anywhere. Servers that are conclusively out of order are no way in, and those that this machine
/// cannot reach do not hide what it sees of the others.
fn delivery(observation: &Observation, cx: &Context) -> Judgement {
    let (mut put_off, mut doubt, mut hidden) = (Vec::new(), None, None);
    for endpoint in observation.endpoints.iter().filter(|endpoint| !is_off_limits(&endpoint.contact)) {
        match way_in(endpoint, cx) {
            None => return Ok(Verdict::Pass),
            Some(held) if !held.unseen.is_inconclusive() => {}
            Some(held) if held.unseen.cause() == Cause::VantageBlocked => hidden = Some(held.unseen),
            Some(held) if held.is_persistent(cx) && cx.is_healthy_toward(endpoint.address()) => {
                put_off.push(held.evidence());
            }
            Some(held) => doubt = Some(held.unseen),
        }
    }
    match (doubt, put_off.is_empty(), hidden) {
        (Some(unseen), ..) | (None, true, Some(unseen)) => Err(unseen),
        (None, true, None) => Ok(Verdict::NotApplicable),
        (None, false, _) => Ok(ALL_PERSISTENT.found(put_off.join("\n"))),
    }
}

/// What keeps mail from getting in at one endpoint; none where it gets in.
fn way_in(endpoint: &Endpoint, cx: &Context) -> Option<Held> {
    let what = format!("{} {}", endpoint.mx, endpoint.address());
    if let Some(unseen) = in_the_way(&endpoint.contact) {
        return Some(Held { what, unseen, lasting: endpoint.contact.dialogue.streak.lasting });
    }
    let (unseen, lasting) = postmaster(endpoint, cx).filter(|(unseen, _)| unseen.is_inconclusive())?;
    Some(Held { what: format!("{what}, mail to postmaster"), unseen, lasting })
}

impl Held {
    fn is_persistent(&self, cx: &Context) -> bool {
        let passes_by_itself =
            matches!(self.unseen.cause(), Cause::Tempfail | Cause::Timeout | Cause::DnsFailure);
        passes_by_itself && self.lasting.is_persistent(cx.persistent)
    }

    fn evidence(&self) -> String {
        let Lasting { since, count, .. } = self.lasting;
        format!(
            "{}: {count} looks in a row since {}, the last one: {}",
            self.what,
            date(since),
            self.unseen.trouble()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{
        all_find, context, evidence, evidence_of_domain, finds, inconclusive, judge, judge_domain,
        judge_domain_in, judge_in, not_applicable, pass,
    };
    use super::super::{Prober, Tests};
    use super::*;
    use crate::observe::testing::{
        EndpointBuilder, ObservationBuilder, bounce, endpoint, failed, host, null_sender, observation,
        ordinary, refusing_scan,
    };
    use crate::observe::{DomainDns, Outcome};
    use std::sync::Arc;
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3600);
    const BUSY: &str = "451 4.3.0 Temporary lookup failure";

    /// For four hours, five looks.
    fn lasting(endpoint: EndpointBuilder) -> EndpointBuilder {
        endpoint.for_looks(5, HOUR)
    }

    fn second() -> EndpointBuilder {
        endpoint().at("mx2.example.com", "192.0.2.11")
    }

    fn to_postmaster(rcpt: &str) -> EndpointBuilder {
        endpoint().postmaster(Some(Ok(ordinary("250 2.1.0 Ok", rcpt))))
    }

    #[test]
    fn temporary_trouble_is_found_once_it_lasts() {
        let put_off = || endpoint().banner(BUSY);
        for (endpoint, want) in [
            (endpoint(), pass()),
            (put_off(), inconclusive(Cause::Tempfail)),
            (lasting(put_off()), finds(&PERSISTENT)),
            (put_off().for_looks(4, 2 * HOUR), inconclusive(Cause::Tempfail)),
            (put_off().for_looks(40, HOUR / 15), inconclusive(Cause::Tempfail)),
            (lasting(endpoint().ehlo("451 4.3.2 not now")), finds(&PERSISTENT)),
            (lasting(endpoint().ehlo_fails(Cause::Timeout)), finds(&PERSISTENT)),
            (lasting(endpoint().starttls_refused("454 4.7.0 TLS not available")), finds(&PERSISTENT)),
            (lasting(endpoint().ehlo_inside(BUSY)), finds(&PERSISTENT)),
            (lasting(to_postmaster(BUSY)), finds(&PERSISTENT)),
            (lasting(to_postmaster("452 4.3.1 Insufficient system storage")), finds(&PERSISTENT)),
            (
                lasting(endpoint().null_sender(Some(null_sender(bounce("250 Ok", BUSY), None)))),
                finds(&PERSISTENT),
            ),
            (lasting(endpoint().postmaster(Some(failed(Stage::Rcpt, Cause::Closed)))), finds(&PERSISTENT)),
        ] {
            assert_eq!(judge(&RULE, &endpoint), want, "{endpoint:?}");
        }
    }

    #[test]
    fn what_is_about_us_or_proves_something_is_never_found() {
        for (endpoint, want) in [
            (endpoint().banner("421 4.7.0 too many connections"), inconclusive(Cause::Throttled)),
            (endpoint().banner("554 5.7.1 blocked using bl.example"), inconclusive(Cause::ClientBlocked)),
            (to_postmaster("450 4.2.0 Greylisted"), inconclusive(Cause::Greylisted)),
            (endpoint().unreachable(Cause::VantageBlocked), inconclusive(Cause::VantageBlocked)),
            (endpoint().unreachable(Cause::ProberError), inconclusive(Cause::ProberError)),
            (endpoint().unreachable(Cause::Refused), not_applicable()),
            (endpoint().banner("521 no mail here"), not_applicable()),
            (endpoint().unreachable(Cause::NotPublic), not_applicable()),
            (endpoint().without_starttls(), pass()),
            (endpoint().handshake_fails(Cause::Alert, "alert internal_error"), pass()),
            (endpoint().handshake_fails(Cause::UnsupportedByProber, "").scan(refusing_scan()), pass()),
            (to_postmaster("550 5.1.1 no such user"), pass()),
        ] {
            assert_eq!(judge(&RULE, &lasting(endpoint.clone())), want, "{endpoint:?}");
        }
    }

    #[test]
    fn a_prober_that_is_not_well_blames_nobody() {
        let put_off = lasting(endpoint().banner(BUSY));
        let sound = context().prober;
        for (prober, want) in [
            (sound, finds(&PERSISTENT)),
            (Prober { v6_blocked: Some(true), resolver_answers: None, ..sound }, finds(&PERSISTENT)),
            (Prober { v4_blocked: Some(true), ..sound }, inconclusive(Cause::Tempfail)),
            (Prober { v4_blocked: None, ..sound }, inconclusive(Cause::Tempfail)),
            (Prober { resolver_answers: Some(false), ..sound }, inconclusive(Cause::Tempfail)),
        ] {
            assert_eq!(judge_in(&RULE, &put_off, &Context { prober, ..context() }), want, "{prober:?}");
        }
        let tests = Tests { postmaster: false, ..context().tests };
        let untested = Context { tests, ..context() };
        assert_eq!(judge_in(&RULE, &lasting(to_postmaster(BUSY)), &untested), pass());
        let patient = Context { persistent: 5 * HOUR, ..context() };
        assert_eq!(judge_in(&RULE, &put_off, &patient), inconclusive(Cause::Tempfail));
    }

    #[test]
    fn a_domain_is_out_of_order_when_no_server_takes_mail() {
        let put_off = || lasting(endpoint().banner(BUSY));
        for (endpoints, want) in [
            ([put_off(), second()], pass()),
            ([put_off(), lasting(second().banner(BUSY))], finds(&ALL_PERSISTENT)),
            ([put_off(), second().banner(BUSY)], inconclusive(Cause::Tempfail)),
            ([put_off(), lasting(second().banner("421 bye"))], inconclusive(Cause::Throttled)),
            ([put_off(), second().unreachable(Cause::Refused)], finds(&ALL_PERSISTENT)),
            ([put_off(), second().unreachable(Cause::VantageBlocked)], finds(&ALL_PERSISTENT)),
            ([lasting(to_postmaster(BUSY)), put_off()], finds(&ALL_PERSISTENT)),
            ([lasting(endpoint().starttls_refused("454 no")), put_off()], pass()),
            (
                [endpoint().unreachable(Cause::VantageBlocked), second().unreachable(Cause::VantageBlocked)],
                inconclusive(Cause::VantageBlocked),
            ),
            (
                [endpoint().unreachable(Cause::Refused), second().unreachable(Cause::Refused)],
                not_applicable(),
            ),
        ] {
            assert_eq!(judge_domain(&RULE, &observation().of(endpoints.clone())), want, "{endpoints:?}");
        }
    }

    /// A domain whose look-ups have been ending so for so many looks, an hour apart.
    fn looked_up(observation: &ObservationBuilder, looks: u32) -> Observation {
        let mut seen = observation.build();
        let follow = |before: Option<DomainDns>, look: u32| {
            Some(seen.dns.clone().following(before.as_ref(), seen.at - HOUR * look))
        };
        seen.dns = (0..looks).rev().fold(None, follow).expect("a look");
        seen
    }

    fn judged(observation: &ObservationBuilder, looks: u32, resolver_answers: Option<bool>) -> Judgement {
        let cx = Context { prober: Prober { resolver_answers, ..context().prober }, ..context() };
        check_domain(&looked_up(observation, looks), &cx)
    }

    #[test]
    fn a_look_up_that_keeps_failing_is_the_domain_s_fault_while_others_are_answered() {
        use super::super::tests::Word;
        let failing = |outcome| observation().mx_lookup(outcome);
        let nowhere = || host().a_is(Outcome::Timeout).aaaa_is(Outcome::ServerFailure);
        let only = || observation().host("mx1.example.com", nowhere());
        let one_of_two = || observation().of([endpoint(), second()]).host("mx2.example.com", nowhere());
        let doubt = || inconclusive(Cause::DnsFailure);
        for (observation, looks, answers, want) in [
            (failing(Outcome::ServerFailure), 5, Some(true), finds(&DNS_FAILED)),
            (failing(Outcome::Timeout), 5, Some(true), finds(&DNS_FAILED)),
            (failing(Outcome::Loop), 5, Some(true), finds(&DNS_FAILED)),
            (failing(Outcome::Timeout), 4, Some(true), doubt()),
            (failing(Outcome::Timeout), 5, Some(false), doubt()),
            (failing(Outcome::Timeout), 5, None, doubt()),
            (failing(Outcome::ServerFailure).dnssec(Dnssec::Bogus), 5, Some(true), not_applicable()),
            (failing(Outcome::NoSuchName), 5, Some(true), not_applicable()),
            (only(), 5, Some(true), finds(&DNS_FAILED)),
            (only(), 1, Some(true), doubt()),
            (one_of_two(), 5, Some(true), finds(&PERSISTENT)),
            (one_of_two(), 2, Some(true), doubt()),
        ] {
            assert_eq!(Word::from(&judged(&observation, looks, answers)), want, "{looks} {observation:?}");
        }
    }

    #[test]
    fn a_reverse_look_up_that_keeps_failing_is_told() {
        let mut seen = observation().build();
        let ptr = Arc::make_mut(&mut seen.endpoints[0].ptr);
        ptr.seen = failed(Stage::Lookup, Cause::DnsFailure);
        let look = |lasting: Lasting, n: u32| lasting.next(seen.at + HOUR * n, Some(Cause::DnsFailure));
        ptr.streak.lasting = (0..5).fold(Lasting::default(), look);
        let endpoint = &seen.endpoints[0];
        assert!(matches!(check_endpoint(endpoint, &seen, &context()), Ok(Verdict::Findings(_))));
        assert_eq!(check_domain(&seen, &context()), Ok(Verdict::Pass), "mail gets in all the same");
    }

    #[test]
    fn the_evidence_says_how_often_and_since_when() {
        let put_off = lasting(endpoint().banner(BUSY));
        assert_eq!(
            evidence(&RULE, &put_off),
            [
                "mx1.example.com 192.0.2.10: 5 looks in a row since 2027-01-15 04:00 UTC, the last one: tempfail at \
              banner: 451 4.3.0 Temporary lookup failure"
            ]
        );
        let both = observation().of([put_off, lasting(second().banner_fails(Cause::Timeout))]);
        let all = evidence_of_domain(&RULE, &both);
        assert!(all[0].lines().count() == 2 && all[0].contains("timeout at banner"), "{all:?}");
    }

    #[test]
    fn all_that_lasts_is_told_together() {
        let tests = null_sender(bounce("250 Ok", BUSY), None);
        let both = lasting(to_postmaster(BUSY).null_sender(Some(tests)));
        assert_eq!(judge(&RULE, &both), all_find(&[&PERSISTENT, &PERSISTENT]));
        let nobody = Context { prober: Prober::default(), ..context() };
        let all = observation().of([both]);
        assert_eq!(judge_domain_in(&RULE, &all, &nobody), inconclusive(Cause::Tempfail));
    }
}
