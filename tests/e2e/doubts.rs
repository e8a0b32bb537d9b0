//! Servers that put the daemon off, throttle it, go away and come back, and a network that lets nothing out: what is
//! temporary, or this machine's own trouble, is held against nobody; what lasts is found at the second look.

mod around;
mod expected;
mod shut_in;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::daemon::{Daemon, PROGRAM};
use crate::prober::{Prober, Rule, text};
use crate::tally::Tally;
use crate::throttle::BEHIND_THE_GREETING;
use around::Stoppable;
use expected::{SCANNED, STOPPED, calm, differences, of, sound};

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

/// Who asks every sender to come again, or everybody, and what that keeps from being known.
const PUTTING_OFF: [(&str, &[&str]); 2] = [
    (
        "postscreen-deep.test",
        &["smtp.availability", "smtp.null_sender", "smtp.open_relay", "smtp.postmaster"],
    ),
    ("postgrey.test", &["smtp.availability", "smtp.null_sender", "smtp.postmaster"]),
];

const TWO_CONNECTIONS: &str = "two-connections.test";
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
    shut_in::changes_nothing(tally, &[&prober, &guarded]);

    for (domain, unknown) in PUTTING_OFF {
        tally.compare(format!("{domain} is still blamed for nothing"), blamed(&prober, domain, unknown));
    }
    tally.compare("still left alone", connections(&prober));
    for prober in [guarded, prober] {
        tally.compare(format!("SIGTERM ends {}", prober.name), prober.stop());
    }
    greylist.kill().and_then(|()| greylist.wait()).expect("the greylist ran");
}

/// postscreen's deep tests and postgrey: what needs a recipient is in doubt, the rest is as good as it is.
fn asked_to_come_again(tally: &mut Tally, prober: &Prober) {
    let replies = ["4.3.2 Service currently unavailable", "Greylisted, see"];
    for ((domain, rules), says) in PUTTING_OFF.into_iter().zip(replies) {
        tally.compare_in_time(format!("{domain} is in doubt where it puts off"), || {
            let doubts = prober.doubts(domain);
            let wanted: BTreeSet<&str> = rules.iter().copied().collect();
            let got: BTreeSet<&str> = doubts.iter().map(|doubt| doubt.rule.as_str()).collect();
            let strange = doubts
                .iter()
                .filter(|doubt| doubt.cause != "greylisted" || !doubt.detail.contains(says))
                .map(|doubt| format!("{}: {} for {:?}", doubt.rule, doubt.cause, doubt.detail));
            differences(&wanted, &got).into_iter().chain(strange).collect()
        });
        tally.compare(format!("{domain} is blamed for nothing"), blamed(prober, domain, rules));
        tally.compare(format!("{domain} is asked again in time"), retry(&prober.endpoint(domain)));
    }
}

/// Every rule is as it should be, and unknown where all there is is doubt.
fn blamed(prober: &Prober, domain: &str, unknown: &[&str]) -> Vec<String> {
    let mut wanted = sound(domain);
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
        let rules = BEHIND_THE_GREETING.into_iter().filter(|rule| *rule != SCANNED);
        let wanted: BTreeSet<Rule> = rules.map(|rule| (rule.to_owned(), "throttled".to_owned())).collect();
        let mut wrong = differences(&wanted, &prober.causes(TWO_CONNECTIONS));
        wrong.extend(differences(&sound(TWO_CONNECTIONS), &of(TWO_CONNECTIONS, &prober.statuses())));
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

fn seconds_between(from: &Value, to: &Value) -> Option<i64> {
    let seconds = |time: &Value| Some(time.as_str()?.parse::<Timestamp>().ok()?.as_second());
    Some(seconds(to)? - seconds(from)?)
}
