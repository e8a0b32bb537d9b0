//! A mail server, the name server that leads to it, and a folder with the configuration of a prober that may go there.

use crate::process::{Ended, Process, program};
use crate::support::dns::Dns;
use crate::support::mail_server::{MailServer, Serving};
use crate::support::tls::Ca;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The domains at home on the one server of a world. Beside them `dead.test` has an MX that nobody serves, and
/// `nowhere.test` a null MX.
const DOMAINS: [&str; 3] = ["a.test", "b.test", "xn--bcher-kva.test"];

pub(crate) struct World {
    pub(crate) server: Serving,
    pub(crate) folder: Folder,
    dns: Dns,
}

impl World {
    /// With a sound server.
    pub(crate) async fn sound() -> Self {
        Self::with(|server| server).await
    }

    /// With a sound server that was changed.
    pub(crate) async fn with(change: impl FnOnce(MailServer) -> MailServer) -> Self {
        let (ca, folder) = (Ca::new(), Folder::new());
        let mut dns =
            Dns::serving("host.test.", "mx IN A 127.0.0.1\nprobe IN A 127.0.0.1\ndead IN A 127.0.0.9")
                .and_ptr("127.0.0.1", "mx.host.test.")
                .and_ptr("127.0.0.9", "dead.host.test.")
                .and_zone("out.test.", "@ IN MX 10 mx.elsewhere.test.")
                .and_zone("nowhere.test.", "@ IN MX 0 .")
                .and_zone("dead.test.", "@ IN MX 10 dead.host.test.");
        for domain in DOMAINS {
            dns = dns.and_zone(&format!("{domain}."), "@ IN MX 10 mx.host.test.");
        }
        let server = MailServer::named("mx.host.test").local_domains(DOMAINS);
        let server = change(server.certificate(ca.leaf("mx.host.test").issue())).serve().await;
        folder.write("ca.pem", &ca.pem());
        let world = Self { server, folder, dns: dns.await };
        world.configure("");
        world
    }

    /// Writes the configuration: how to get here, and these further lines.
    pub(crate) fn configure(&self, more: &str) {
        let (nameserver, port) = (self.dns.addr, self.server.addr.port());
        let text = format!(
            "defaults: {{interval: 1s, tls_scan_interval: off, helo_name: probe.host.test, test_probe_address: someone@out.test}}\n\
             dns: {{nameservers: [\"{nameserver}\"], dnssec: false}}\n\
             network: {{port: {port}, allow_targets: [127.0.0.0/8], min_spacing: 0s}}\n\
             tls: {{ca_file: ca.pem}}\n\
             {more}"
        );
        self.folder.write("mx-exporter.yml", &text);
    }

    /// `check` with the configuration.
    pub(crate) fn check(&self, args: &[&str]) -> Process {
        let config = self.config();
        program(&[&["check", "--config.file", &config][..], args].concat())
    }

    /// The same without the file: what it says as flags.
    pub(crate) fn check_by_flags(&self, args: &[&str]) -> Process {
        let (nameserver, port) = (self.dns.addr.to_string(), self.server.addr.port().to_string());
        let ca = self.folder.path("ca.pem");
        let flags = [
            &["check", "--nameserver", &nameserver, "--dnssec=false", "--port", &port][..],
            &["--allow-target=127.0.0.1", "--ca-file", ca.to_str().unwrap(), "--helo-name=probe.host.test"],
            &["--test-probe-address=someone@out.test"],
        ];
        program(&[&flags.concat()[..], args].concat())
    }

    /// The daemon, which watches these domains.
    pub(crate) fn daemon(&self, domains: &str, args: &[&str]) -> Process {
        self.configure(&format!("domains: [{domains}]\n"));
        let config = self.config();
        program(&[&["--config.file", &config, "--web.listen-address", "127.0.0.1:0"][..], args].concat())
    }

    pub(crate) fn config(&self) -> String {
        self.folder.path("mx-exporter.yml").to_str().unwrap().to_owned()
    }

    /// Everybody behaved.
    pub(crate) fn assert_good_manners(&self) {
        assert_eq!((self.server.breaches(), self.server.data_seen()), (vec![], 0));
    }
}

/// A folder of one's own, for as long as the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cli-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// What was printed has to be one of these.
pub(crate) fn assert_says(ended: &Ended, parts: &[&str]) {
    for part in parts {
        assert!(ended.out.contains(part), "{part:?} is missing in {ended:#?}");
    }
}
