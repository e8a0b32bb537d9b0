//! What the daemon knows survives its restart, and where it cannot be kept the daemon goes on without.

use crate::process::{Process, program_in_shell, wait_until};
use crate::world::World;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// Twice as long as anything that is late may take to be seen.
const MOMENT: Duration = Duration::from_millis(1_500);

/// The daemon with `state.path`, watching these domains.
fn daemon(world: &World, domains: &str) -> Process {
    configure(world, domains);
    start(world)
}

fn configure(world: &World, domains: &str) {
    world.configure(&format!("domains: [{domains}]\nstate: {{path: kept}}\n"));
}

fn start(world: &World) -> Process {
    crate::process::program(&["--config.file", &world.config(), "--web.listen-address", "127.0.0.1:0"])
}

/// The value of the one series that begins like this.
fn value(metrics: &str, series: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

/// Series by name, as far as a restart has no say in them.
fn lasting(metrics: &str) -> Vec<&str> {
    metrics.lines().filter(|line| line.starts_with("smtp_")).collect()
}

const HOURLY: &str = "{domain: a.test, interval: 1h}, {domain: b.test, interval: 1h}";
const RUN: &str = "smtp_probe_last_run_timestamp_seconds{domain=\"a.test\"}";
const DUE: &str = "smtp_probe_next_due_timestamp_seconds{domain=\"a.test\"}";

/// Waits until both domains have been run, and nobody is at work any more.
fn both_run(world: &World, daemon: &Process) -> String {
    for domain in ["a.test", "b.test"] {
        daemon.line(0, &format!("run finished\" domain={domain}"));
    }
    wait_until("the runs are published", || {
        let metrics = daemon.get("/metrics");
        ["a", "b"].iter().all(|name| metrics.contains(&format!("smtp_domain_up{{domain=\"{name}.test\"}} 1")))
    });
    assert!(world.server.connections() >= 1);
    daemon.get("/metrics")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_shows_what_was_known_at_once_and_sends_no_burst() {
    let world = World::sound().await;
    let first = daemon(&world, HOURLY);
    let before = both_run(&world, &first);
    assert_eq!(value(&before, "mx_exporter_state_last_write_successful"), Some(1.0));
    assert_eq!(first.ended_by("TERM").status, Some(0));
    let connections = world.server.connections();

    let second = start(&world);
    let after = second.get("/metrics");
    assert_eq!(lasting(&after), lasting(&before));
    assert!(value(&after, RUN).is_some());
    sleep(MOMENT);
    assert_eq!(world.server.connections(), connections, "nothing was due");
    assert!(!second.lines().iter().any(|line| line.contains("run finished")));
    assert_eq!(second.ended_by("TERM").status, Some(0));
    world.assert_good_manners();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_five_seconds_old_survives_a_kill() {
    let world = World::sound().await;
    let first = daemon(&world, HOURLY);
    let before = both_run(&world, &first);
    sleep(Duration::from_secs(5));
    assert_eq!(first.ended_by("KILL").status, None);
    let second = start(&world);
    assert_eq!(lasting(&second.get("/metrics")), lasting(&before));
    assert_eq!(second.ended_by("TERM").status, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_meanwhile_is_due_at_once() {
    let world = World::sound().await;
    let first = daemon(&world, HOURLY);
    let before = both_run(&world, &first);
    first.ended_by("TERM");
    sleep(Duration::from_millis(20));

    configure(&world, "{domain: a.test, interval: 2h}, {domain: xn--bcher-kva.test, interval: 1h}");
    let second = start(&world);
    let held = second.get("/metrics");
    assert!(!held.contains("b.test\""), "it is not watched any more");
    wait_until("both have been run", || {
        let metrics = second.get("/metrics");
        value(&metrics, RUN) > value(&before, RUN)
            && metrics.contains("smtp_domain_up{domain=\"xn--bcher-kva.test\"} 1")
    });
    second.ended_by("TERM");

    configure(&world, "{domain: a.test, interval: 2h}, {domain: b.test, interval: 1h}");
    let third = start(&world);
    assert!(!third.get("/metrics").contains("smtp_domain_up{domain=\"b.test\"}"), "it was forgotten");
    third.get_until("/metrics", "smtp_domain_up{domain=\"b.test\"} 1");
    third.ended_by("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_share_no_folder() {
    let world = World::sound().await;
    let first = daemon(&world, HOURLY);
    let before = both_run(&world, &first);
    let second = start(&world).ended();
    assert_eq!(second.status, Some(1), "{second:#?}");
    assert!(
        second.err.contains("state.redb` is in use by another process") && !second.err.contains("listening")
    );
    first.ended_by("TERM");
    let third = start(&world);
    assert_eq!(value(&third.get("/metrics"), DUE), value(&before, DUE));
    third.ended_by("TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_set_aside() {
    let world = World::sound().await;
    let first = daemon(&world, HOURLY);
    both_run(&world, &first);
    first.ended_by("TERM");
    let file = world.folder.path("kept/state.redb");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();

    let second = start(&world);
    both_run(&world, &second);
    let told = second.lines().into_iter().filter(|line| line.contains("is set aside as")).count();
    assert_eq!(told, 1, "{:#?}", second.lines());
    second.ended_by("TERM");
    let names = fs::read_dir(world.folder.path("kept")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name.to_str().unwrap().starts_with("state.redb.corrupt-2")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_kept_it_goes_on_without() {
    let world = World::sound().await;
    configure(&world, HOURLY);
    let config = world.config();
    let args = ["--config.file", &config, "--web.listen-address", "127.0.0.1:0"];
    let full = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    world.folder.write("kept", "a file stands where the folder should be");
    for why in ["File exists", "File too large"] {
        let daemon = match why {
            "File exists" => start(&world),
            _ => program_in_shell(full, &args),
        };
        let metrics = both_run(&world, &daemon);
        assert_eq!(value(&metrics, "mx_exporter_state_last_write_successful"), Some(0.0), "{why}");
        assert!(value(&metrics, "mx_exporter_state_write_failures_total") >= Some(1.0), "{why}");
        sleep(MOMENT);
        let ended = daemon.ended_by("TERM");
        assert_eq!(ended.status, Some(0), "{ended:#?}");
        let told: Vec<&str> =
            ended.err.lines().filter(|line| line.contains("the state cannot be kept")).collect();
        assert!(told.len() == 1 && told[0].contains(why) && told[0].contains("kept/state.redb"), "{told:?}");
        fs::remove_file(world.folder.path("kept")).ok(); // the second time there is none
    }
}
