//! The built program as a process: written its configuration, started, waited for, reloaded, stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use crate::expectations::{self, Table};
use crate::namespace::{HOME, run};
use crate::said;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mx-exporter");

/// How often it looks at every domain.
pub(crate) const OFTEN: &str = "10s";

/// One for all steps, each of which may find it running.
#[derive(Default)]
pub(crate) struct Daemon {
    process: Option<Child>,
}

impl Daemon {
    /// Has it run on the domains of the table, and waits up to 90 seconds until it is ready and has looked at every
    /// domain so often. Returns the domains that it did not look at so often.
    pub(crate) fn watch(&mut self, looks: usize) -> Vec<String> {
        let table = expectations::read();
        let process = self.process.get_or_insert_with(|| start(&table));
        let mut runs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let waiting = |runs: &BTreeMap<String, BTreeSet<String>>| -> Vec<String> {
            let seen = |domain: &String| runs.get(domain).map_or(0, BTreeSet::len);
            table.keys().filter(|domain| seen(domain) < looks).cloned().collect()
        };
        for _ in 0..180 {
            let ready = said::get("/-/ready").and_then(|_| said::get("/metrics"));
            for (domain, at) in ready.iter().flat_map(|metrics| said::last_runs(metrics)) {
                runs.entry(domain).or_default().insert(at);
            }
            let gone = process.try_wait().is_ok_and(|status| status.is_some());
            if gone || waiting(&runs).is_empty() {
                break;
            }
            sleep(Duration::from_millis(500));
        }
        waiting(&runs)
    }

    /// Gives it another configuration: a look at each of these domains every `interval`.
    pub(crate) fn reload(&self, domains: &Table, interval: &str) {
        configuration(domains, interval);
        let process = self.process.as_ref().expect("a step that reloads it has it running");
        run(&format!("kill -HUP {}", process.id()));
    }

    /// Asks it to end, if it runs, for which it has ten seconds. What was wrong with its end.
    pub(crate) fn stop(self) -> Option<Result<(), String>> {
        let mut process = self.process?;
        if let Ok(Some(status)) = process.try_wait() {
            return Some(Err(format!("had ended by itself: {status}")));
        }
        run(&format!("kill -TERM {}", process.id()));
        for _ in 0..100 {
            match process.try_wait() {
                Ok(Some(status)) if status.success() => return Some(Ok(())),
                Ok(Some(status)) => return Some(Err(status.to_string())),
                _ => sleep(Duration::from_millis(100)),
            }
        }
        Some(Err("still there after ten seconds".to_owned()))
    }
}

fn start(table: &Table) -> Child {
    let log = File::create(log()).expect("the home is writable");
    Command::new(PROGRAM)
        .args(["--config.file", &configuration(table, OFTEN), "--web.listen-address"])
        .arg(format!("127.0.0.1:{}", said::PORT))
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("the built program starts")
}

/// Writes the configuration and returns its path.
pub(crate) fn configuration(domains: &Table, interval: &str) -> String {
    let path = format!("{HOME}/mx-exporter.yml");
    let mut text = include_str!("etc/mx-exporter.yml").replace(OFTEN, interval) + "domains:\n";
    for domain in domains.keys() {
        text += &format!("  - {domain}\n");
    }
    fs::write(&path, text).expect("the home is writable");
    path
}

/// Where its log goes.
pub(crate) fn log() -> String {
    format!("{HOME}/log/mx-exporter")
}
