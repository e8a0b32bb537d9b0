//! Network, mount and process namespaces of the test's own. The kernel takes all of it away, servers, addresses
//! and files, when the test ends in whatever way; nothing outside changes and two runs do not meet.

use std::env;
use std::fs;
use std::process::{Command, ExitCode};

/// Where the world keeps its files: memory, mounted at /run for the test's processes alone.
pub(crate) const HOME: &str = "/run/mx-exporter-e2e";

const ENTERED: &str = "MX_EXPORTER_E2E_ENTERED";

/// Whether this process is the one that `enter` started: the first of its process namespace.
pub(crate) fn entered() -> bool {
    env::var_os(ENTERED).is_some() && std::process::id() == 1
}

/// Runs this program again in namespaces of its own and returns how that ended.
pub(crate) fn enter() -> ExitCode {
    let packages = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/packages");
    if !Command::new(packages).status().is_ok_and(|status| status.success()) {
        return ExitCode::FAILURE;
    }
    if run("id -u").trim() != "0" {
        println!("the end-to-end test needs root: it makes network namespaces");
        return ExitCode::FAILURE;
    }
    let inside = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare", "--kill-child", "--fork"]) // this process gone: all gone
        .args(["--pid", "--mount-proc", "--net", "--mount", "--ipc"])
        .arg(env::current_exe().expect("this program has a path"))
        .args(env::args_os().skip(1))
        .env(ENTERED, "1")
        .status()
        .expect("setpriv starts");
    if inside.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Lays out the network: this process and the daemon at .200, the servers behind a cable of their own, so that
/// they see the probe come from its own address. Every address of 192.0.2.0/25 is the servers', and every one of two
/// networks more.
pub(crate) fn furnish() {
    let resolv_conf = fs::canonicalize("/etc/resolv.conf").expect("a file that says where DNS is");
    run("mount -t tmpfs -o mode=755 tmpfs /run"); // with the socket that OpenSMTPD has nowhere else
    run("mount -t tmpfs -o mode=755 tmpfs /var/spool"); // nor its queue
    fs::create_dir_all(HOME).expect("/run is writable");
    run("ip link set lo up");
    run("ip netns add servers");
    run("ip link add probe type veth peer name servers netns servers");
    run("ip address add 192.0.2.200/24 dev probe");
    run("ip address add 192.0.2.201/24 dev probe");
    run("ip address add 2001:db8::200/64 dev probe nodad");
    run("ip link set probe up");

    run("ip -n servers link set lo up");
    run("ip -n servers address add 192.0.2.1/24 dev servers");
    run("ip -n servers link set servers up");
    run("ip -n servers route add local 192.0.2.0/25 dev lo src 192.0.2.1");
    for elsewhere in ["198.51.100.0/24", "203.0.113.0/24"] {
        run(&format!("ip route add {elsewhere} via 192.0.2.1"));
        run(&format!("ip -n servers route add local {elsewhere} dev lo"));
    }
    for address in ["2001:db8::10", "2001:db8::11", "2001:db8::16", "2001:db8::35", "2001:db8::64"] {
        run(&format!("ip -n servers address add {address}/64 dev servers nodad"));
    }

    let (ours, theirs) = (format!("{HOME}/resolv.conf"), resolv_conf.display());
    fs::write(&ours, "nameserver 192.0.2.53\n").expect("the home is writable");
    if !resolv_conf.exists() {
        run(&format!("install -D /dev/null {theirs}")); // it is in /run on some machines
    }
    run(&format!("mount --bind {ours} {theirs}"));
}

/// A command in the servers' network.
pub(crate) fn beside_the_servers(program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", "servers", program]);
    command
}

/// Runs a command of plain words to its end and returns what it printed; it must succeed.
pub(crate) fn run(line: &str) -> String {
    let mut words = line.split_whitespace();
    let program = words.next().expect("a command");
    let output = Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{line}: {error}"));
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
