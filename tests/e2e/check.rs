//! `mx-exporter check`: what it prints of an open relay and of a sound domain, and its exit status.

use std::process::{Command, Output};

use crate::daemon::{Daemon, OFTEN, PROGRAM, configuration};
use crate::expectations;
use crate::tally::Tally;

pub(crate) fn tells(tally: &mut Tally, _: &mut Daemon) {
    let configuration = configuration(&expectations::read(), OFTEN);
    let check = |arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["60", PROGRAM, "check", "--config.file", &configuration]).args(arguments);
        command.output().expect("the built program starts")
    };
    let relay = check(&["open-relay.test"]);
    tally.compare("check says OPEN RELAY", differences(&relay, 2, |text| text.contains("OPEN RELAY")));

    let relay = check(&["open-relay.test", "--output", "json"]);
    let names_it = |text: &str| {
        serde_json::from_str::<serde_json::Value>(text).is_ok() && text.contains("\"smtp.open_relay\"")
    };
    tally.compare("check in JSON", differences(&relay, 2, names_it));

    let healthy = check(&["healthy.test"]);
    let calm = |text: &str| text.contains("healthy.test") && !text.contains("OPEN RELAY");
    tally.compare("check of a sound domain", differences(&healthy, 0, calm));
}

fn differences(output: &Output, status: i32, says: impl Fn(&str) -> bool) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(status) && says(&text) {
        return vec![];
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    vec![format!("wanted exit status {status}, got {}; it printed\n{text}{errors}", output.status)]
}
