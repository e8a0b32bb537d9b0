//! The flags of `check`: the options of the configuration file under the same names, and stronger than the file.

use super::LogFlags;
use crate::config::{self, Config, Domain, Settings, TLS_SCAN_INTERVAL, kind};
use crate::name::{DomainName, HeloName, Mailbox, MxName};
use crate::rules::Severity;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Flags of `check`.
#[derive(Args, Debug)]
pub struct CheckFlags {
    /// The domains to probe; internationalised names may be written as they are.
    #[arg(value_name = "DOMAIN", required = true, value_parser = |text: &str| kind::DOMAIN.parse(text))]
    pub domains: Vec<DomainName>,
    /// YAML configuration; without it every option has its default. Flags beat it.
    #[arg(long = "config.file", value_name = "PATH")]
    pub config_file: Option<PathBuf>,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// How to probe.
    #[command(flatten)]
    pub probe: ProbeFlags,
    /// How to get there.
    #[command(flatten)]
    pub reach: ReachFlags,
    /// How to log.
    #[command(flatten)]
    pub log: LogFlags,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people at a terminal.
    Text,
    /// The same data as `/api/v1/domains/{domain}`, in a list.
    Json,
    /// One page that needs no other file.
    Html,
}

/// What the file has for a domain.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Probing")]
pub struct ProbeFlags {
    /// The name in EHLO; it should resolve to this machine, and this machine's PTR to it (default: this machine's).
    #[arg(long, value_name = "NAME", value_parser = |text: &str| kind::HELO_NAME.parse(text))]
    helo_name: Option<HeloName>,
    /// The only sender beside <> (default: postmaster@ the name in EHLO).
    #[arg(long, value_name = "MAILBOX", value_parser = |text: &str| kind::MAILBOX.parse(text))]
    mail_from: Option<Mailbox>,
    /// For one session, end to end (default: 120s).
    #[arg(long, value_name = "DURATION", value_parser = |text: &str| kind::TIMEOUT.parse(text))]
    timeout: Option<Duration>,
    /// Whether to test that bounces are accepted (default: true).
    #[arg(long, value_name = "true|false", value_parser = |text: &str| kind::SWITCH.parse(text))]
    test_null_sender: Option<bool>,
    /// Whether to test that the postmaster is accepted (default: true).
    #[arg(long, value_name = "true|false", value_parser = |text: &str| kind::SWITCH.parse(text))]
    test_postmaster: Option<bool>,
    /// Whether to test that strangers are refused (default: true).
    #[arg(long, value_name = "true|false", value_parser = |text: &str| kind::SWITCH.parse(text))]
    test_open_relay: Option<bool>,
    /// Also finds old TLS versions and weak cipher suites; takes up to twelve connections a server, 25 seconds apart.
    #[arg(long)]
    tls_scan: bool,
    /// A recipient of the relay test; may be repeated (default: postmaster@example.com).
    #[arg(long, value_name = "MAILBOX", value_parser = |text: &str| kind::MAILBOX.parse(text))]
    test_probe_address: Vec<Mailbox>,
    /// The name of an MX host that the domain should have; may be repeated (default: any will do).
    #[arg(long, value_name = "NAME", value_parser = |text: &str| kind::MX.parse(text))]
    expect_mx: Vec<MxName>,
    /// A certificate that ends sooner is found (default: 20d).
    #[arg(long, value_name = "DURATION", value_parser = |text: &str| kind::PERIOD.parse(text))]
    certificate_expires_soon: Option<Duration>,
    /// How severe a rule or an issue is, or off, beside what the file says of others; may be repeated.
    #[arg(long, value_name = "CODE=SEVERITY", value_parser = |text: &str| kind::RULE.parse(text))]
    rule: Vec<(&'static str, Option<Severity>)>,
}

/// What the file has for this machine.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Network")]
pub struct ReachFlags {
    /// A name server, with or without a port; may be repeated (default: the system's).
    #[arg(long, value_name = "ADDRESS", value_parser = |text: &str| kind::NAMESERVER.parse(text))]
    nameserver: Vec<SocketAddr>,
    /// Whether to validate with DNSSEC (default: true).
    #[arg(long, value_name = "true|false", value_parser = |text: &str| kind::SWITCH.parse(text))]
    dnssec: Option<bool>,
    /// Where mail servers listen (default: 25).
    #[arg(long, value_name = "PORT", value_parser = |text: &str| kind::PORT.parse(text))]
    port: Option<u16>,
    /// A network that may be contacted although it is not globally routable; may be repeated.
    #[arg(long, value_name = "NETWORK", value_parser = |text: &str| kind::NETWORK.parse(text))]
    allow_target: Vec<IpNet>,
    /// Certificates that are trusted beside the built-in roots, as PEM.
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,
}

impl CheckFlags {
    /// The domains that were asked for, each once, in that order.
    pub(super) fn domains(&self) -> Vec<DomainName> {
        let mut seen = BTreeSet::new();
        self.domains.iter().filter(|name| seen.insert(*name)).cloned().collect()
    }

    /// What the file and the flags say together, on a machine of that name, with only the domains that were asked for,
    /// each once.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn config(&self, machine: Option<HeloName>) -> Result<Config, config::Error> {
        let mut config = match &self.config_file {
            Some(path) => config::load(path, machine)?,
            None => Config::of_machine(machine),
        };
        let names: BTreeSet<&DomainName> = self.domains.iter().collect();
        config.domains = names.into_iter().map(|name| self.probe.over(&config.domain(name))).collect();
        self.reach.set(&mut config);
        Ok(config)
    }
}

impl ProbeFlags {
    fn over(&self, domain: &Domain) -> Arc<Domain> {
        let mut settings = Settings::clone(&domain.settings);
        set_some(&mut settings.helo_name, &self.helo_name);
        set_some(&mut settings.mail_from, &self.mail_from);
        set(&mut settings.timeout, &self.timeout);
        settings.tls_scan_interval = self.tls_scan.then_some(TLS_SCAN_INTERVAL);
        set(&mut settings.tests.null_sender, &self.test_null_sender);
        set(&mut settings.tests.postmaster, &self.test_postmaster);
        set(&mut settings.tests.open_relay, &self.test_open_relay);
        set_list(&mut settings.test_probe_address, &self.test_probe_address);
        set_list(&mut settings.expect_mx, &self.expect_mx);
        set(&mut settings.thresholds.certificate_expires_soon, &self.certificate_expires_soon);
        let mut domain = Domain { settings: Arc::new(settings), ..domain.clone() };
        domain.overrides.severities.extend(self.rule.iter().copied());
        Arc::new(domain)
    }
}

impl ReachFlags {
    fn set(&self, config: &mut Config) {
        set_list(&mut config.dns.nameservers, &self.nameserver);
        set(&mut config.dns.dnssec, &self.dnssec);
        set(&mut config.network.port, &self.port);
        set_list(&mut config.network.allow_targets, &self.allow_target);
        set_some(&mut config.tls.ca_file, &self.ca_file);
    }
}

fn set<T: Clone>(option: &mut T, flag: &Option<T>) {
    if let Some(value) = flag {
        option.clone_from(value);
    }
}

fn set_some<T: Clone>(option: &mut Option<T>, flag: &Option<T>) {
    if flag.is_some() {
        option.clone_from(flag);
    }
}

fn set_list<T: Clone>(option: &mut Vec<T>, flags: &[T]) {
    if !flags.is_empty() {
        *option = flags.to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};
    use super::*;
    use clap::Parser as _;
    use std::path::Path;

    fn flags(args: &[&str]) -> Result<Box<CheckFlags>, String> {
        let args = ["mx-exporter", "check"].iter().chain(args);
        match Cli::try_parse_from(args).map_err(|error| error.to_string())?.command {
            Some(Command::Check(flags)) => Ok(flags),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn every_flag_beats_the_file() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/example.yml");
        let file = dir.to_str().unwrap();
        let flags = flags(&[
            "example.org",
            "--config.file",
            file,
            "--helo-name=helo.example.net",
            "--mail-from=us@example.net",
            "--timeout=7",
            "--test-null-sender=false",
            "--test-postmaster",
            "false",
            "--test-open-relay=false",
            "--tls-scan",
            "--test-probe-address=a@example.net",
            "--test-probe-address=b@example.net",
            "--expect-mx=mx1.example.net",
            "--certificate-expires-soon=5d",
            "--rule=smtp.reverse_dns=off",
            "--rule=smtp.mx.implicit=critical",
            "--nameserver=192.0.2.1",
            "--nameserver=[2001:db8::1]:5353",
            "--dnssec=false",
            "--port=2525",
            "--allow-target=192.0.2.0/24",
            "--ca-file=ca.pem",
        ]);
        let config = flags.unwrap().config(HeloName::parse("machine.example.net").ok()).unwrap();
        let [domain] = &config.domains[..] else { panic!("{config:#?}") };
        let settings = &domain.settings;
        assert_eq!(settings.helo_name, HeloName::parse("helo.example.net").ok());
        assert_eq!(settings.mail_from, Mailbox::parse("us@example.net").ok());
        assert_eq!(settings.timeout, Duration::from_secs(7));
        assert!(!settings.tests.null_sender && !settings.tests.postmaster && !settings.tests.open_relay);
        assert_eq!(settings.tls_scan_interval, Some(Duration::from_secs(86_400)));
        assert_eq!(settings.test_probe_address.len(), 2);
        assert_eq!(settings.expect_mx, MxName::parse("mx1.example.net").ok().as_slice());
        assert_eq!(settings.thresholds.certificate_expires_soon, Duration::from_secs(5 * 86_400));
        let severities = [("smtp.mx.implicit", Some(Severity::Critical)), ("smtp.reverse_dns", None)];
        assert_eq!(domain.overrides.severities, severities.into());
        assert_eq!(
            config.dns.nameservers,
            ["192.0.2.1:53", "[2001:db8::1]:5353"].map(|a| a.parse().unwrap())
        );
        assert!(!config.dns.dnssec);
        assert_eq!(config.network.port, 2525);
        assert_eq!(config.network.allow_targets, ["192.0.2.0/24".parse().unwrap()]);
        assert_eq!(config.tls.ca_file, Some("ca.pem".into()));
    }

    #[test]
    fn without_flags_the_defaults_hold() {
        let config = flags(&["b.example", "a.example", "B.example"]).unwrap().config(None).unwrap();
        let names: Vec<&str> = config.domains.iter().map(|domain| domain.name.as_str()).collect();
        assert_eq!(names, ["a.example", "b.example"]);
        let default = Config::default();
        assert_eq!(
            (&config.dns, &config.network, &config.tls),
            (&default.dns, &default.network, &default.tls)
        );
        let of_file = default.domain(&DomainName::parse("a.example").unwrap());
        let settings = Settings { tls_scan_interval: None, ..Settings::clone(&of_file.settings) };
        let want = Domain { settings: Arc::new(settings), ..Domain::clone(&of_file) };
        assert_eq!(*config.domains[0], want, "whoever waits for a check asks for a scan, or gets none");
    }

    #[test]
    fn a_wrong_value_is_refused_in_the_words_of_the_file() {
        for (flag, said) in [
            ("--timeout=0", kind::TIMEOUT.allowed),
            ("--timeout=5m5", kind::TIMEOUT.allowed),
            ("--helo-name=localhost", kind::HELO_NAME.allowed),
            ("--mail-from=a b@example.org", kind::MAILBOX.allowed),
            ("--test-probe-address=a@b\r\nDATA", kind::MAILBOX.allowed),
            ("--test-open-relay=maybe", kind::SWITCH.allowed),
            ("--expect-mx=192.0.2.1", kind::MX.allowed),
            ("--certificate-expires-soon=5", kind::PERIOD.allowed),
            ("--rule=smtp.reverse_dsn=off", kind::RULE.allowed),
            ("--rule=smtp.reverse_dns=ok", kind::RULE.allowed),
            ("--rule=smtp.reverse_dns", kind::RULE.allowed),
            ("--dnssec=yes", kind::SWITCH.allowed),
            ("--nameserver=ns.example", kind::NAMESERVER.allowed),
            ("--port=0", kind::PORT.allowed),
            ("--allow-target=10/8", kind::NETWORK.allowed),
            ("a..example", kind::DOMAIN.allowed),
        ] {
            let refused = flags(&["example.org", flag]).unwrap_err();
            assert!(refused.contains(&format!("allowed: {said}")), "{refused}");
        }
    }
}
