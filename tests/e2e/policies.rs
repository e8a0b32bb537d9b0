//! MTA-STS policies that change, and a policy host that is away for a while.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::daemon::Daemon;
use crate::namespace::{HOME, run};
use crate::policy_hosts;
use crate::prober::{Prober, list, text};
use crate::tally::Tally;

/// The policy hosts of this step, of two domains at the MX of healthy.test. Both serve one file.
pub(crate) const HOSTS: [&str; 2] = ["mta-sts.sts-moved.test", "mta-sts.sts-away.test"];

const MOVED: &str = "sts-moved.test";
const AWAY: &str = "sts-away.test";

/// Where the host is that is away at first.
const ADDRESS: &str = "192.0.2.91";

/// Has a daemon learn the one policy, and look again two hours later: sooner it fetches none that serves, and asks no host
/// that failed.
pub(crate) fn are_followed(tally: &mut Tally, _: &mut Daemon) {
    serve("mx: mx.healthy.test");
    take_away();
    let prober = Prober::start("policies", 10528, "", &[MOVED, AWAY]);
    tally.compare_in_time("a policy that fits", || differs(&prober, MOVED, &["ok"]));
    tally.compare("a policy host that is away is in doubt before it is found", looks(&prober));

    serve("mx: mx.healthy.test\nmx: mx.new.test");
    bring_back();
    let prober = prober.two_hours_later();
    tally.compare_in_time("another policy under the old id", || {
        differs(&prober, MOVED, &["warning", "smtp.mta_sts.id_unchanged"])
    });
    tally.compare_in_time("a policy host that is back", || differs(&prober, AWAY, &["ok"]));
    tally.compare("SIGTERM ends it by any clock", prober.stop());
}

/// Writes the policy that both hosts serve.
fn serve(mx: &str) {
    let policy = format!("version: STSv1\nmode: enforce\n{mx}\nmax_age: 1209600\n");
    fs::write(format!("{HOME}/nginx/policy.txt"), policy).expect("the home is writable");
}

/// Lets nothing through to the second host: no answer at all.
fn take_away() {
    run("nft add table ip policies");
    run("nft add chain ip policies output { type filter hook output priority 0 ; }");
    run(&format!("nft add rule ip policies output ip daddr {ADDRESS} drop"));
}

fn bring_back() {
    run("nft delete table ip policies");
    policy_hosts::fetch(HOSTS[1]).expect("it serves again");
}

/// Status and codes of the rule.
fn differs(prober: &Prober, domain: &str, wanted: &[&str]) -> Vec<String> {
    let standing = standing(&prober.json(domain));
    let codes = list(&standing["issues"]).map(|issue| text(issue, "code"));
    let got: Vec<String> = [text(&standing, "status")].into_iter().chain(codes).collect();
    if got == wanted { vec![] } else { vec![format!("wanted {wanted:?}, got {got:?}: {standing}")] }
}

/// Follows every look at the host that is away until one finds something: before, there must have been doubt.
fn looks(prober: &Prober) -> Vec<String> {
    let mut looks: Vec<[String; 2]> = Vec::new();
    for _ in 0..1200 {
        let standing = standing(&prober.json(AWAY));
        let look = [text(&standing, "status"), text(&standing["inconclusive"], "cause")];
        if !standing.is_null() && looks.last() != Some(&look) {
            looks.push(look);
        }
        if standing["status"] == "warning" {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    let wanted = [["unknown", "timeout"], ["warning", "none"]];
    if looks == wanted { vec![] } else { vec![format!("wanted {wanted:?}, got {looks:?}")] }
}

/// What stands for the domain.
fn standing(json: &Value) -> Value {
    let rule = list(&json["rules"]).find(|rule| rule["rule"] == "smtp.mta_sts");
    rule.map_or(Value::Null, |rule| rule["subjects"][0].clone())
}
