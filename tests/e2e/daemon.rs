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

/// All but the domains.
pub(crate) const CONFIGURATION: &str = include_str!("etc/mx-exporter.yml");

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
        self.process.map(end)
    }
}

/// Asks a process to end, for which it has ten seconds. What was wrong with its end.
pub(crate) fn end(mut process: Child) -> Result<(), String> {
    if let Ok(Some(status)) = process.try_wait() {
        return Err(format!("had ended by itself: {status}"));
    }
    run(&format!("kill -TERM {}", process.id()));
    for _ in 0..100 {
        match process.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(status.to_string()),
            _ => sleep(Duration::from_millis(100)),
        }
    }
    Err("still there after ten seconds".to_owned())
}

fn start(table: &Table) -> Child {
    spawn(&configuration(table, OFTEN), said::PORT, &log())
}

/// The built program, listening on a port of this machine alone.
pub(crate) fn spawn(configuration: &str, port: u16, log: &str) -> Child {
    spawn_by(Command::new(PROGRAM), configuration, port, log)
}

/// The same by a command that has more to say of its surroundings.
pub(crate) fn spawn_by(mut command: Command, configuration: &str, port: u16, log: &str) -> Child {
    let log = File::create(log).expect("the home is writable");
    command
        .args(["--config.file", configuration, "--web.listen-address"])
        .arg(format!("127.0.0.1:{port}"))
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("the built program starts")
}

/// Writes the configuration and returns its path.
pub(crate) fn configuration(domains: &Table, interval: &str) -> String {
    let domains: Vec<&str> = domains.keys().map(String::as_str).collect();
    write(format!("{HOME}/mx-exporter.yml"), &CONFIGURATION.replace(OFTEN, interval), &domains)
}

/// The same with any text before the domains.
pub(crate) fn write(path: String, text: &str, domains: &[&str]) -> String {
    let domains: String = domains.iter().map(|domain| format!("  - {domain}\n")).collect();
    fs::write(&path, format!("{text}domains:\n{domains}")).expect("the home is writable");
    path
}

/// Where its log goes.
pub(crate) fn log() -> String {
    format!("{HOME}/log/mx-exporter")
}
