//! The daemon in this world: what it says of every rule of every domain, and of every server's TLS.

use std::collections::BTreeMap;

use crate::daemon::Daemon;
use crate::expectations::{self, Standing};
use crate::posttls_finger;
use crate::said::{self, Domain};
use crate::servers::SERVERS;
use crate::tally::Tally;

/// Has the daemon look at every domain three times (a dead address is one only at the second look), and compares.
pub(crate) fn are_as_expected(tally: &mut Tally, daemon: &mut Daemon) {
    let table = expectations::read();
    tally.compare("every domain looked at three times", list("too seldom", &daemon.watch(3)));

    let metrics = said::get("/metrics").unwrap_or_default();
    let statuses = said::statuses(&metrics);
    for (domain, wanted) in &table {
        tally.compare(domain, differences(domain, wanted, &statuses));
    }
    let strangers: Vec<String> =
        statuses.keys().map(|(domain, _)| domain.clone()).filter(|it| !table.contains_key(it)).collect();
    tally.compare("no other domain", list("unasked", &strangers));
    tls(tally);
}

fn list(what: &str, names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("{what}: {name}")).collect()
}

/// Every rule that the table or the daemon knows.
fn differences(
    domain: &str,
    wanted: &BTreeMap<String, Standing>,
    statuses: &BTreeMap<(String, String), String>,
) -> Vec<String> {
    let json = match Domain::ask(domain) {
        Ok(json) => json,
        Err(error) => return vec![error.to_string()],
    };
    let mut differences = Vec::new();
    let rules_said = statuses.keys().filter(|(of, _)| of == domain).map(|(_, rule)| rule);
    for rule in rules_said.filter(|rule| !wanted.contains_key(*rule)) {
        differences.push(format!("{rule}: not in the table"));
    }
    for (rule, wanted) in wanted {
        let status = statuses.get(&(domain.to_owned(), rule.clone()));
        let got = Standing { status: status.cloned(), issues: json.issues(rule) };
        if *wanted != got {
            differences.push(format!("{rule}: wanted {wanted}, got {got}"));
        }
    }
    differences
}

/// OpenSSL's view and ours of the same servers; of those that only a scan knows, that a session got no TLS.
fn tls(tally: &mut Tally) {
    let table = expectations::read();
    for server in SERVERS.iter().filter(|server| table.contains_key(server.domain())) {
        let json = Domain::ask(server.domain());
        for address in server.addresses {
            let finger = posttls_finger::point_at(server.name, address).filter(|_| server.is_current);
            let wanted = finger.map(|it| (it.version, it.cipher));
            let got = match &json {
                Ok(json) => json.tls(address).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let difference = (got != Ok(wanted.clone())).then(|| format!("wanted {wanted:?}, got {got:?}"));
            tally.compare(format!("TLS of {address}"), difference.into_iter().collect());
        }
    }
}
