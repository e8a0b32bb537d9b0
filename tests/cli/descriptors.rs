//! A process that runs out of file descriptors: nobody is blamed for it, and it is over when it is over.

use crate::process::{program_in_shell, wait_until};
use crate::world::World;
use std::net::TcpStream;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn no_descriptors_left_is_nobodys_fault_and_passes() {
    let world = World::sound().await;
    world.configure("domains: [a.test]\n");
    let daemon = program_in_shell(
        "ulimit -n 40; exec \"$0\" \"$@\"",
        &["--config.file", &world.config(), "--web.listen-address", "127.0.0.1:0", "--log.level", "debug"],
    );
    daemon.get_until("/metrics", "smtp_rule_status{domain=\"a.test\",rule=\"smtp.endpoint_reachable\"} 1");
    let address = daemon.address();
    let mut crowd: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(&address).unwrap()).collect();
    daemon.line(0, "cannot accept connections for now");
    let before = world.server.connections();
    std::thread::sleep(Duration::from_secs(3)); // some runs, none of which gets a socket
    assert!(world.server.connections() <= before + 1);
    crowd.clear();
    let relieved = Instant::now();
    daemon.get("/metrics");
    assert!(relieved.elapsed() < Duration::from_secs(2), "{:?}", relieved.elapsed());
    wait_until("it probes again", || world.server.connections() > before + 2);
    let page = daemon.get("/api/v1/domains/a.test");
    for finding in ["smtp.tcp.unreachable", "smtp.mx.missing", "smtp.ptr.missing"] {
        assert!(!page.contains(finding), "{page}");
    }
    assert_eq!(daemon.ended_by("TERM").status, Some(0));
}
