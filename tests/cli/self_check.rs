//! What is wrong with the prober's own names stands in the log, once, and stops nothing.

use crate::process::{Process, wait_until};
use crate::world::World;

const FAULTS: [&str; 4] = [
    "helo_name nobody.host.test has no address",
    "the PTR record of 127.0.0.1, where sessions come from, says mx.host.test, not helo_name probe.host.test",
    "mail_from x@nowhere.test: its domain takes no mail (null MX)",
    "test_probe_address y@gone.test: its domain does not exist",
];
const ANOTHER: &str = "mail_from z@lost.test: its domain does not exist";

fn domains(second: &str) -> String {
    let first = "{domain: a.test, helo_name: nobody.host.test, mail_from: x@nowhere.test, \
                 test_probe_address: y@gone.test}";
    format!("domains: [{first}, {second}]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_prober_s_own_is_said_once() {
    let world = World::sound().await;
    let daemon = world.daemon("a.test", &[]);
    let told = |daemon: &Process, fault: &str| {
        let lines = daemon.lines();
        lines.iter().filter(|line| line.contains("level=warn") && line.contains(fault)).count()
    };
    wait_until("the first is told", || told(&daemon, FAULTS[1]) == 1);
    world.configure(&domains("b.test"));
    daemon.signal("HUP");
    wait_until("all are told", || FAULTS.iter().all(|fault| told(&daemon, fault) == 1));
    world.configure(&domains("{domain: b.test, mail_from: z@lost.test}"));
    daemon.signal("HUP");
    wait_until("another one is told", || told(&daemon, ANOTHER) == 1);
    for fault in FAULTS {
        assert_eq!(told(&daemon, fault), 1, "{fault}");
    }
    let mistaken = ["someone@out.test", "postmaster@probe.host.test"];
    assert!(mistaken.iter().all(|sound| told(&daemon, sound) == 0));
    let metrics = daemon.get_until("/metrics", "smtp_domain_up{domain=\"a.test\"} 1");
    assert!(metrics.contains("smtp_domain_up{domain=\"b.test\"} 1"), "nothing was stopped by it");
    assert_eq!(daemon.ended_by("TERM").status, Some(0));
}
