//! What stands between the daemon and the mail servers of this step, and comes and goes: a greylist, a Postfix that can
//! be stopped, a filter of this machine's own.

use std::collections::BTreeSet;
use std::fs;
use std::process::Child;

use crate::namespace::{HOME, run};
use crate::smtp::Dialogue;
use crate::world::{serve, wait_for};

/// How long postgrey has a client wait, in seconds: less than anything in this step does.
const DELAY: &str = "15";

/// Every address of this step's servers over IPv4.
const ADDRESSES: &str = "{ 192.0.2.60-192.0.2.69, 198.51.100.0/24, 203.0.113.0/24 }";

/// Where the Postfix is that can be stopped.
const STOPPED: &str = "192.0.2.63";

/// The greylist that mx.postgrey.test asks. It exempts nobody: Debian's exempts every postmaster.
pub(super) fn postgrey() -> Child {
    let folder = format!("{HOME}/greylist");
    run(&format!("install -d -o postgrey -g postgrey {folder}"));
    let arguments = format!(
        "--inet=127.0.0.1:10023 --dbdir={folder} --delay={DELAY} --auto-whitelist-clients=0 \
         --whitelist-clients=/dev/null --whitelist-recipients=/dev/null"
    );
    serve("postgrey", &arguments.split_whitespace().collect::<Vec<_>>())
}

/// Sender and recipient of everything that postgrey was asked about by a client, with what it did each time.
pub(super) fn greylisted(client: &str) -> Vec<(String, String)> {
    let log = fs::read_to_string(format!("{HOME}/log/postgrey")).unwrap_or_default();
    let lines = log.lines().filter(|line| line.contains(&format!("client_address={client},")));
    let field = |line: &str, name: &str| {
        let value = line.split_once(&format!("{name}=")).map_or("", |(_, rest)| rest);
        value.split([',', ' ']).next().unwrap_or_default().to_owned()
    };
    lines
        .map(|line| {
            let tuple = format!("<{}> to <{}>", field(line, "sender"), field(line, "recipient"));
            (tuple, field(line, "action"))
        })
        .collect()
}

/// The tuples by which a greylist knows a client's messages.
pub(super) fn tuples(asked: &[(String, String)]) -> BTreeSet<String> {
    asked.iter().map(|(tuple, _)| tuple.clone()).collect()
}

/// How often a listener was connected to, by the name that it has in Postfix's log.
pub(super) fn connections(listener: &str) -> usize {
    let log = fs::read_to_string(format!("{HOME}/log/postfix-mail")).unwrap_or_default();
    log.lines().filter(|line| line.contains(listener) && line.contains("]: connect from ")).count()
}

/// A Postfix apart from the others, with one listener.
pub(super) struct Stoppable(Child);

impl Stoppable {
    /// Starts it, as the others are but for where it keeps its things.
    pub(super) fn start() -> Self {
        let folder = format!("{HOME}/stopped");
        for name in ["etc", "queue", "data"] {
            fs::create_dir_all(format!("{folder}/{name}")).expect("the home is writable");
        }
        run(&format!("chown postfix {folder}/data"));
        let main = include_str!("../etc/main.cf")
            .replace("mx-exporter-e2e/postfix/", "mx-exporter-e2e/stopped/")
            .replace("postfix-mail", "postfix-stopped");
        let (_, services) = include_str!("../etc/master.cf")
            .split_once("# What a server that accepts recipients needs")
            .expect("the services have a heading");
        let listener = format!("{STOPPED}:25 inet n - n - - smtpd\n    -o myhostname=mx.stopped.test\n#");
        fs::write(format!("{folder}/etc/main.cf"), main).expect("the home is writable");
        fs::write(format!("{folder}/etc/master.cf"), listener + services).expect("the home is writable");
        let server = serve("postfix", &["-c", &format!("{folder}/etc"), "start-fg"]);
        wait_for("the Postfix that can be stopped", || Dialogue::open(STOPPED));
        Self(server)
    }

    /// Ends it and waits until it has.
    pub(super) fn stop(mut self) {
        run(&format!("ip netns exec servers postfix -c {HOME}/stopped/etc stop"));
        self.0.wait().expect("it was started");
    }
}

/// Drops everything that this machine sends to port 25 of this step's servers over IPv4.
pub(super) fn close_port_25() {
    run("nft add table ip e2e");
    run("nft add chain ip e2e output { type filter hook output priority 0 ; }");
    run(&format!("nft add rule ip e2e output ip daddr {ADDRESSES} tcp dport 25 drop"));
}

pub(super) fn open_port_25() {
    run("nft delete table ip e2e");
}
