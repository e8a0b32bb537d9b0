//! Servers that put the daemon off, throttle it, go away and come back, and a network that lets nothing out: what is
//! temporary, or this machine's own trouble, is held against nobody; what lasts is found at the second look.

mod around;
mod prober;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::daemon::{Daemon, PROGRAM};
use crate::said;
use crate::tally::Tally;
use crate::throttle::BEHIND_THE_GREETING;
use around::Stoppable;
use prober::{Prober, Rule, text};

/// The servers of this step. Each takes the mail of the domain that its name is in, and the last three are in networks
/// of different owners.
pub(crate) const SERVERS: [&str; 7] = [
    "mx.postscreen-deep.test",
    "mx.postgrey.test",
    "mx.two-connections.test",
    "mx.stopped.test",
    "mx.here.test",
    "mx.elsewhere.test",
    "mx.far-away.test",
];

/// What no server of this step has but one, that postscreen offers a stranger no PIPELINING when it tests for it, and the
/// fault of the two that are far away.
const NOT_OK: [(&str, &str, &str); 9] = [
    ("postscreen-deep.test", "smtp.extension_posture", "2"),
    ("postscreen-deep.test", "smtp.ipv6_reachable", "2"),
    ("postgrey.test", "smtp.ipv6_reachable", "2"),
    ("two-connections.test", "smtp.ipv6_reachable", "2"),
    ("stopped.test", "smtp.ipv6_reachable", "2"),
    ("elsewhere.test", "smtp.ipv6_reachable", "2"),
    ("elsewhere.test", "smtp.reverse_dns", "3"),
    ("far-away.test", "smtp.ipv6_reachable", "2"),
    ("far-away.test", "smtp.reverse_dns", "3"),
];

/// What a server keeps from being known that asks every sender to come again, or everybody.
const OF_SENDERS: [&str; 3] = ["smtp.availability", "smtp.null_sender", "smtp.postmaster"];
const OF_ALL: [&str; 4] = ["smtp.availability", "smtp.null_sender", "smtp.open_relay", "smtp.postmaster"];

const TWO_CONNECTIONS: &str = "two-connections.test";
const STOPPED: &str = "stopped.test";
const REACHABLE: &str = "smtp.endpoint_reachable";

/// One daemon for all of it, and one that has a canary: it watches but one server, from which nothing could be told.
pub(crate) fn are_held(tally: &mut Tally, _: &mut Daemon) {
    let mut greylist = around::postgrey();
    let server = Stoppable::start();
    let domains = SERVERS.map(|name| name.trim_start_matches("mx."));
    let prober = Prober::start("doubts", 10526, "", &domains);
    let guarded = Prober::start("canary", 10527, "  canaries: [mx.here.test]\n", &["elsewhere.test"]);

    asked_to_come_again(tally, &prober);
    throttled(tally, &prober);
    stopped_and_started(tally, &prober, server);
    passed(tally, &prober);
    shut_in(tally, &[&prober, &guarded]);

    tally.compare("still left alone", connections(&prober));
    for prober in [guarded, prober] {
        tally.compare(format!("SIGTERM ends {}", prober.name), prober.stop());
    }
    greylist.kill().and_then(|()| greylist.wait()).expect("the greylist ran");
}

/// postscreen's deep tests and postgrey: what needs a recipient is in doubt, the rest is as good as it is.
fn asked_to_come_again(tally: &mut Tally, prober: &Prober) {
    for (domain, rules, cause_of, says) in [
        (
            "postscreen-deep.test",
            &OF_ALL[..],
            ["tempfail", "greylisted"],
            "4.3.2 Service currently unavailable",
        ),
        ("postgrey.test", &OF_SENDERS[..], ["greylisted", "greylisted"], "Greylisted, see"),
    ] {
        tally.compare_in_time(format!("{domain} is in doubt where it puts off"), || {
            let doubts = prober.doubts(domain);
            let wanted: BTreeSet<&str> = rules.iter().copied().collect();
            let got: BTreeSet<&str> = doubts.iter().map(|doubt| doubt.rule.as_str()).collect();
            let strange = doubts
                .iter()
                .filter(|doubt| !cause_of.contains(&doubt.cause.as_str()) || !doubt.detail.contains(says))
                .map(|doubt| format!("{}: {} for {:?}", doubt.rule, doubt.cause, doubt.detail));
            differences(&wanted, &got).into_iter().chain(strange).collect()
        });
        tally.compare(format!("{domain} is blamed for nothing"), blamed(prober, domain, rules));
        tally.compare(format!("{domain} is asked again in time"), retry(&prober.endpoint(domain)));
    }
}

/// Every rule is as it should be, and unknown where all there is is doubt.
fn blamed(prober: &Prober, domain: &str, unknown: &[&str]) -> Vec<String> {
    let mut wanted = sound(domain, &prober.statuses());
    wanted.extend(unknown.iter().map(|rule| (rule.to_string(), "0".to_owned())));
    differences(&wanted, &of(domain, &prober.statuses()))
}

/// Six to ten minutes after the tests, whose times have no part of a second.
fn retry(endpoint: &Value) -> Vec<String> {
    let tested = &endpoint["postmaster"]["at"];
    match seconds_between(tested, &endpoint["retry_at"]) {
        Some(359..=601) => vec![],
        _ => vec![format!("tested at {tested}, again at {}", endpoint["retry_at"])],
    }
}

/// A server that grants two connections: the third look is turned away, and there is no fourth.
fn throttled(tally: &mut Tally, prober: &Prober) {
    tally.compare_in_time("throttled, and every verdict held", || {
        let wanted: BTreeSet<Rule> =
            BEHIND_THE_GREETING.map(|rule| (rule.to_owned(), "throttled".to_owned())).into();
        let statuses = prober.statuses();
        let mut wrong = differences(&wanted, &prober.causes(TWO_CONNECTIONS));
        wrong.extend(differences(&sound(TWO_CONNECTIONS, &statuses), &of(TWO_CONNECTIONS, &statuses)));
        wrong
    });
    let endpoint = prober.endpoint(TWO_CONNECTIONS);
    let rest = match seconds_between(&endpoint["at"], &endpoint["rests_until"]) {
        Some(1619..=1990) => vec![], // half an hour, give or take a tenth, from the end of the session
        _ => vec![format!("from {} to {}", endpoint["at"], endpoint["rests_until"])],
    };
    tally.compare("its address rests for half an hour", rest);
    tally.compare("it is left alone", connections(prober));
}

/// Three connections, although its domain has been due again since.
fn connections(prober: &Prober) -> Vec<String> {
    let looked_at = |prober: &Prober| prober.json(TWO_CONNECTIONS)["last_run"].clone();
    let before = looked_at(prober);
    for _ in 0..150 {
        if looked_at(prober) != before {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    let mut wrong = differences(&3, &around::connections("postfix/two-connections/smtpd["));
    if looked_at(prober) == before {
        wrong.push("not due again".to_owned());
    }
    wrong
}

/// Who comes again with the same tuples after postgrey's delay gets in: the daemon would, six minutes later; `check`
/// does at once.
fn passed(tally: &mut Tally, prober: &Prober) {
    let asked = || around::greylisted("192.0.2.200");
    let wanted = BTreeSet::from([
        "<> to <postmaster@postgrey.test>".to_owned(),
        "<postmaster@probe.test> to <postmaster@postgrey.test>".to_owned(),
    ]);
    tally.compare("each of its tests has one tuple", differences(&wanted, &around::tuples(&asked())));
    let early = asked().iter().filter(|(_, action)| action != "greylist").count();
    tally.compare("none of them passed yet", differences(&0, &early));

    let status = Command::new("timeout")
        .args(["60", PROGRAM, "check", "--config.file", &prober.configuration, "postgrey.test"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let status = status.expect("the built program starts").code();
    tally.compare("with the same tuples, later, it passes", differences(&Some(0), &status));
    let after = asked();
    tally.compare("they are the same in every run", differences(&wanted, &around::tuples(&after)));
    let passed: Vec<&str> = after.iter().filter(|(_, it)| it == "pass").map(|(it, _)| it.as_str()).collect();
    let first: Vec<&String> = wanted.iter().take(1).collect(); // once it is in, postmaster is known to be
    tally.compare("postgrey let it in", differences(&first, &passed));
}

/// A Postfix that ends is unreachable at the second look, not at the first, and is sound again when it is back.
fn stopped_and_started(tally: &mut Tally, prober: &Prober, server: Stoppable) {
    let changes = |wanted: &[&str]| differences(&wanted.to_vec(), &prober.changes(STOPPED, REACHABLE));
    tally.compare_in_time("reachable", || calm(prober, STOPPED));
    server.stop();
    tally.compare("unreachable after two looks", second_look(prober));
    tally.compare("the history tells so", changes(&["ok to critical"]));
    let _server = Stoppable::start();
    tally.compare_in_time("and reachable when it is back", || calm(prober, STOPPED));
    tally.compare("the history tells that too", changes(&["ok to critical", "critical to ok"]));
}

/// Follows every look until one finds something: the first that fails must leave it in doubt, and the next tell.
fn second_look(prober: &Prober) -> Vec<String> {
    let mut looks: Vec<(String, String)> = Vec::new();
    for _ in 0..600 {
        let json = prober.json(STOPPED);
        let rule = json["rules"].as_array().into_iter().flatten().find(|rule| rule["rule"] == REACHABLE);
        let subject = &rule.unwrap_or(&Value::Null)["subjects"][0];
        let doubt = text(&subject["inconclusive"], "cause");
        let look =
            (text(&json["endpoints"][0], "at"), format!("{}, in doubt: {doubt}", text(subject, "status")));
        if !look.1.starts_with("ok, in doubt: none") && !looks.contains(&look) {
            looks.push(look);
        }
        if subject["status"] == "critical" {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    let times: BTreeSet<&String> = looks.iter().map(|(at, _)| at).collect();
    let said: Vec<&str> = looks.iter().map(|(_, said)| said.as_str()).collect();
    let mut wrong = differences(&vec!["ok, in doubt: tempfail", "critical, in doubt: none"], &said);
    wrong.extend(differences(&2, &times.len()));
    wrong
}

/// Nothing gets out to port 25 over IPv4: it is this machine that is blocked, and no verdict changes; nor does one when
/// the way is open again.
fn shut_in(tally: &mut Tally, probers: &[&Prober]) {
    for prober in probers {
        tally.compare_in_time(format!("{} is in no doubt of the others", prober.name), || {
            ["here.test", "elsewhere.test", "far-away.test"]
                .iter()
                .filter(|domain| of_statuses(prober).contains(**domain))
                .flat_map(|domain| calm(prober, domain))
                .collect()
        });
    }
    let before: Vec<_> = probers.iter().map(|prober| prober.statuses()).collect();
    let changed = || {
        let now = probers.iter().zip(&before);
        now.flat_map(|(prober, before)| changes(before, &prober.statuses())).collect::<Vec<String>>()
    };
    let mut ever_changed: BTreeSet<String> = BTreeSet::new();
    around::close_port_25();
    for prober in probers {
        tally.compare_in_time(format!("{} finds that it is shut in", prober.name), || {
            ever_changed.extend(changed());
            let mut wrong = vantage(prober, true);
            for domain in ["elsewhere.test", "far-away.test", STOPPED] {
                let causes = prober.causes(domain);
                let known = !of(domain, &prober.statuses()).is_empty();
                if known && !causes.contains(&(REACHABLE.to_owned(), "vantage_blocked".to_owned())) {
                    wrong.push(format!("{domain}: {causes:?}"));
                }
            }
            wrong
        });
    }
    around::open_port_25();
    for prober in probers {
        tally.compare_in_time(format!("{} finds that it is let out", prober.name), || {
            ever_changed.extend(changed());
            let domains = of_statuses(prober);
            let sound = domains.iter().filter(|domain| SOUND.contains(&domain.as_str()));
            vantage(prober, false).into_iter().chain(sound.flat_map(|domain| calm(prober, domain))).collect()
        });
    }
    tally.compare("no verdict changed all the while", ever_changed.into_iter().chain(changed()).collect());
}

/// The domains of servers that are in no doubt when nothing is the matter.
const SOUND: [&str; 4] = [STOPPED, "here.test", "elsewhere.test", "far-away.test"];

fn of_statuses(prober: &Prober) -> BTreeSet<String> {
    prober.statuses().into_keys().map(|(domain, _)| domain).collect()
}

/// IPv4 is blocked or not, and IPv6 is not.
fn vantage(prober: &Prober, v4: bool) -> Vec<String> {
    let metrics = prober.metrics();
    let blocked = ["v4", "v6"].map(|family| said::vantage_blocked(&metrics, family));
    differences(&[Some(v4), Some(false)], &blocked)
}

/// Everything is known of a domain, and nothing is wrong but what is in `NOT_OK`.
fn calm(prober: &Prober, domain: &str) -> Vec<String> {
    let statuses = prober.statuses();
    let mut wrong = differences(&sound(domain, &statuses), &of(domain, &statuses));
    wrong.extend(prober.causes(domain).iter().map(|(rule, cause)| format!("{domain}: {rule}: {cause}")));
    wrong
}

/// What all rules that a domain has should be.
fn sound(domain: &str, statuses: &BTreeMap<Rule, String>) -> BTreeMap<String, String> {
    let rules = of(domain, statuses).into_keys();
    let faults = NOT_OK.iter().filter(|(of, ..)| *of == domain);
    rules
        .map(|rule| (rule, "1".to_owned()))
        .chain(faults.map(|(_, rule, status)| (rule.to_string(), status.to_string())))
        .collect()
}

/// The status of every rule of a domain.
fn of(domain: &str, statuses: &BTreeMap<Rule, String>) -> BTreeMap<String, String> {
    let rules = statuses.iter().filter(|((of, _), _)| of == domain);
    rules.map(|((_, rule), status)| (rule.clone(), status.clone())).collect()
}

fn seconds_between(from: &Value, to: &Value) -> Option<i64> {
    let seconds = |time: &Value| Some(time.as_str()?.parse::<Timestamp>().ok()?.as_second());
    Some(seconds(to)? - seconds(from)?)
}

/// Every rule whose status is another than before.
fn changes(before: &BTreeMap<Rule, String>, now: &BTreeMap<Rule, String>) -> Vec<String> {
    let rules: BTreeSet<&Rule> = before.keys().chain(now.keys()).collect();
    let changed = rules.into_iter().filter(|rule| before.get(*rule) != now.get(*rule));
    changed
        .map(|rule| format!("{} {}: {:?}, and before {:?}", rule.0, rule.1, now.get(rule), before.get(rule)))
        .collect()
}

fn differences<W: Debug + PartialEq<G>, G: Debug>(wanted: &W, got: &G) -> Vec<String> {
    if wanted == got { vec![] } else { vec![format!("wanted {wanted:?}, got {got:?}")] }
}
