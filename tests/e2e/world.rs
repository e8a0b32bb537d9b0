//! Brings the servers up, in order: keys and zones, the two DNS servers, the mail servers, the policy hosts; and waits for each.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use hickory_resolver::proto::rr::RecordType;

use crate::certificates;
use crate::dns::{Dns, KNOT, UNBOUND, root_key};
use crate::hostile;
use crate::namespace::{HOME, beside_the_servers, furnish, run};
use crate::policy_hosts;
use crate::smtp::Dialogue;
use crate::tlsa;

// Where tests/e2e/packages puts them.
const EXIM: &str = "/var/cache/mx-exporter-e2e/exim4-daemon-light/usr/sbin/exim4";
const OPENSMTPD: &str = "/var/cache/mx-exporter-e2e/opensmtpd/usr/sbin/smtpd";

/// Starts every server and waits until it answers. They end with this process.
pub(crate) fn start() -> Vec<Child> {
    furnish();
    for folder in ["etc/zones", "knot", "log", "nginx", "postfix/queue", "postfix/data", "exim"] {
        fs::create_dir_all(format!("{HOME}/{folder}")).expect("the home is writable");
    }
    run(&format!("chown postfix {HOME}/postfix/data"));
    run(&format!("chown Debian-exim {HOME}/exim"));
    for folder in ["etc", "etc/zones"] {
        copy_files(&Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e")).join(folder), folder);
    }
    for (file, records) in tlsa::zones(&certificates::write()) {
        append(file, &records);
    }
    run(&format!("chmod 600 {HOME}/tls/mx.opensmtpd.test.pem")); // OpenSMTPD insists
    run(&format!("openssl dhparam -dsaparam -out {HOME}/tls/dh1024.pem 1024"));
    sign_zones();

    let mut servers = vec![serve("knotd", &["-c", "etc/knot.conf"])];
    wait_for("Knot", || Dns::at(KNOT).ask("healthy.test.", RecordType::MX));
    servers.push(serve("unbound", &["-d", "-p", "-c", "etc/unbound.conf"]));
    servers.push(serve("postfix", &["-c", "/run/mx-exporter-e2e/etc", "start-fg"]));
    servers.push(serve(EXIM, &["-C", "/run/mx-exporter-e2e/etc/exim.conf", "-bdf"]));
    servers.push(serve(OPENSMTPD, &["-d", "-f", "/run/mx-exporter-e2e/etc/opensmtpd.conf"]));
    servers.push(serve("nginx", &["-c", "/run/mx-exporter-e2e/etc/nginx.conf", "-e", "stderr"]));
    servers.push(serve("python3", &["etc/starttls.py"]));
    servers.push(serve(&hostile::program(), &[hostile::WORD]));
    wait_for("Unbound", || Dns::at(UNBOUND).ask("healthy.test.", RecordType::MX));
    let mail = [
        ("Postfix", "192.0.2.10"),
        ("Exim", "192.0.2.11"),
        ("OpenSMTPD", "192.0.2.16"),
        ("the scripted server", "192.0.2.78"),
        ("the hostile server", hostile::ADDRESS),
    ];
    for (server, address) in mail {
        wait_for(server, || Dialogue::open(address)); // each opens all its ports at once
    }
    wait_for("nginx", || policy_hosts::fetch(policy_hosts::HOSTS[0].0));
    servers
}

/// Gives each zone a key and tells its parent.
fn sign_zones() {
    let keymgr = |words: &str| run(&format!("keymgr -c {HOME}/etc/knot.conf {words}"));
    for (zone, parent) in [
        (".", None),
        ("test.", Some("root.zone")),
        ("2.0.192.in-addr.arpa.", Some("root.zone")),
        ("8.b.d.0.1.0.0.2.ip6.arpa.", Some("root.zone")),
        ("_25._tcp.mx.dane-bogus.test.", Some("test.zone")), // with a key that signs nothing
    ] {
        keymgr(&format!("{zone} generate ksk=yes zsk=yes"));
        if let Some(parent) = parent {
            append(parent, &keymgr(&format!("{zone} ds")));
        }
    }
    let key = keymgr(". dnskey").replace(" DNSKEY", " IN DNSKEY"); // hickory wants the class
    fs::write(root_key(), key).expect("the home is writable");
}

/// Adds records to the copy of a zone.
fn append(zone: &str, records: &str) {
    let path = format!("{HOME}/etc/zones/{zone}");
    let text = fs::read_to_string(&path).expect("the zone was copied");
    fs::write(path, text + "\n" + records).expect("the home is writable");
}

/// Starts a server in the foreground; what it prints goes to a log of its own.
pub(crate) fn serve(program: &str, arguments: &[&str]) -> Child {
    let name = Path::new(program).file_name().expect("a program").display();
    let log = File::create(format!("{HOME}/log/{name}")).expect("the home is writable");
    beside_the_servers(program)
        .args(arguments)
        .current_dir(HOME)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Waits for what the test cannot do without.
pub(crate) fn wait_for<T, E: std::fmt::Display>(what: &str, attempt_once: impl FnMut() -> Result<T, E>) -> T {
    attempt(attempt_once).unwrap_or_else(|error| {
        show_logs();
        panic!("{what} does not answer: {error}");
    })
}

/// Tries every 100 ms, for about a minute: a busy machine starts servers slowly.
pub(crate) fn attempt<T, E>(mut once: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    for _ in 0..600 {
        let tried = once();
        if tried.is_ok() {
            return tried;
        }
        sleep(Duration::from_millis(100));
    }
    once()
}

fn show_logs() {
    let _ = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("tail -n 20 {HOME}/log/* {HOME}/exim/mainlog"))
        .status();
}

fn copy_files(from: &Path, folder: &str) {
    for entry in fs::read_dir(from).expect("the test's own files") {
        let path = entry.expect("the test's own files").path();
        if path.is_file() {
            let text = fs::read(&path).expect("the test's own files");
            let name = path.file_name().expect("a file").display();
            fs::write(format!("{HOME}/{folder}/{name}"), text).expect("the home is writable");
        }
    }
}
