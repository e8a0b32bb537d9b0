//! The built program as a process: written its configuration, started, waited for, stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use crate::expectations::Table;
use crate::namespace::{HOME, run};
use crate::said;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mx-exporter");

/// So often must every domain have been looked at: a dead address is one only at the second look.
const LOOKS: usize = 3;

pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts it on the domains of the table.
    pub(crate) fn start(table: &Table) -> Self {
        let log = File::create(log()).expect("the home is writable");
        let child = Command::new(PROGRAM)
            .args(["--config.file", &configuration(table), "--web.listen-address"])
            .arg(format!("127.0.0.1:{}", said::PORT))
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the built program starts");
        Self { child }
    }

    /// Waits up to 90 seconds until it is ready and has looked at every domain three times. Returns the domains that
    /// it did not look at so often.
    pub(crate) fn wait(&mut self, table: &Table) -> Vec<String> {
        let mut runs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let waiting = |runs: &BTreeMap<String, BTreeSet<String>>| -> Vec<String> {
            let seen = |domain: &String| runs.get(domain).map_or(0, BTreeSet::len);
            table.keys().filter(|domain| seen(domain) < LOOKS).cloned().collect()
        };
        for _ in 0..180 {
            let ready = said::get("/-/ready").and_then(|_| said::get("/metrics"));
            for (domain, at) in ready.iter().flat_map(|metrics| said::last_runs(metrics)) {
                runs.entry(domain).or_default().insert(at);
            }
            let gone = self.child.try_wait().is_ok_and(|status| status.is_some());
            if gone || waiting(&runs).is_empty() {
                break;
            }
            sleep(Duration::from_millis(500));
        }
        waiting(&runs)
    }

    /// Asks it to end, for which it has ten seconds. What was wrong with its end.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(format!("had ended by itself: {status}"));
        }
        run(&format!("kill -TERM {}", self.child.id()));
        for _ in 0..100 {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(status.to_string()),
                _ => sleep(Duration::from_millis(100)),
            }
        }
        Err("still there after ten seconds".to_owned())
    }
}

/// Writes the configuration and returns its path.
pub(crate) fn configuration(table: &Table) -> String {
    let path = format!("{HOME}/mx-exporter.yml");
    let mut text = include_str!("etc/mx-exporter.yml").to_owned() + "domains:\n";
    for domain in table.keys() {
        text += &format!("  - {domain}\n");
    }
    fs::write(&path, text).expect("the home is writable");
    path
}

/// Where its log goes.
pub(crate) fn log() -> String {
    format!("{HOME}/log/mx-exporter")
}
