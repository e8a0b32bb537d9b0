//! Policy hosts that answer with anything but a policy, records that announce none, and what senders are told of it.

use crate::meet::{Met, looking, now, seconds};
use crate::says::{context, word};
use crate::smtp::{WELCOME, goodbye, offered};
use crate::support::dns::{Dns as World, Plan};
use crate::support::policy_host::{Answer, PolicyHost};
use crate::support::port::ClosedPort;
use crate::support::smtp::Script;
use crate::support::tls::{ALL_VERSIONS, Ca};
use mx_exporter::name::DomainName;
use mx_exporter::observe::{Observation, Policy};
use mx_exporter::probe::dns::Dns;
use mx_exporter::probe::{HttpsReached, Network, PolicyHosts};
use mx_exporter::rules::{self, Finding, Judgement, Subject, Verdict};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

mod hosts;
mod records;
mod texts;

const SOUND: &str = "version: STSv1\r\nmode: enforce\r\nmx: mx.example.test\r\nmax_age: 1209600\r\n";
const ZONE: &str = "@ IN MX 10 mx\nmx IN A 127.0.0.1\nmta-sts IN A 127.0.0.1\n\
                    _mta-sts IN TXT \"v=STSv1; id=1\"\n_smtp._tls IN TXT \"v=TLSRPTv1; rua=mailto:a@example.test\"";

/// Everything around one domain whose server is sound.
struct Domain {
    ca: Ca,
    _world: World,
    dns: Dns,
    host: PolicyHost,
    clients: PolicyHosts,
    server: Observation,
}

fn name() -> DomainName {
    DomainName::parse("example.test").unwrap()
}

fn zone(records: &str) -> Plan {
    World::serving("example.test.", records)
}

fn loopback() -> Network {
    Network { allow_targets: vec!["127.0.0.0/8".parse().unwrap()], source_addresses: vec![] }
}

impl Domain {
    /// With a policy host that was reached before.
    async fn sound() -> Self {
        let domain = Self::of(zone(ZONE), loopback()).await;
        assert_eq!(word(&domain.judged(&domain.look(None, now()).await)), "pass");
        domain
    }

    async fn of(zone: Plan, network: Network) -> Self {
        let ca = Ca::at(now());
        let identity = ca.leaf("mta-sts.example.test").issue();
        let host = PolicyHost::serving(&identity, SOUND).await;
        let world = zone.await;
        let dns = crate::dns::client(world.addr);
        let reached = Arc::<HttpsReached>::default();
        let clients = PolicyHosts::new(network, &[ca.der()], reached).unwrap().at_port(host.addr.port());
        let server = server(&ca).await.observation(1);
        Self { ca, _world: world, dns, host, clients, server }
    }

    /// What one run sees.
    async fn look(&self, previous: Option<&Policy>, at: SystemTime) -> Policy {
        let announced = self.dns.policy(&name()).await;
        let due = announced.mta_sts.due(previous.map(|policy| &policy.mta_sts), at, seconds(60));
        let fetched = match due {
            Some(_) => Some(self.clients.fetch(&self.dns, &name(), at).await),
            None => None,
        };
        announced.following(previous, at, fetched)
    }

    fn judged(&self, policy: &Policy) -> Judgement {
        self.judged_by("smtp.mta_sts", policy)
    }

    fn judged_by(&self, rule: &str, policy: &Policy) -> Judgement {
        let seen = Observation { policy: policy.clone(), ..self.server.clone() };
        let judged = rules::judge(&seen, &context(now()));
        let mut judged = judged.into_iter().filter(|judged| judged.subject == Subject::Domain);
        judged.find(|judged| judged.rule.code == rule).unwrap().judgement
    }

    /// What is said at the first look, at a second one, and the evidence of the last.
    async fn told(&self) -> (String, String, String) {
        let first = self.look(None, now()).await;
        let second = self.look(Some(&first), now() + seconds(3_600)).await;
        let (first, second) = (self.judged(&first), self.judged(&second));
        (word(&first), word(&second), evidence(&second))
    }

    /// Whether both looks say it, with this in the evidence; else what they say.
    async fn says(&self, name: &str, (first, second): (&str, &str), evidence: &str) -> Option<String> {
        let told = self.told().await;
        let is_so = told.0 == first && told.1 == second && told.2.contains(evidence);
        (!is_so).then(|| format!("{name}: {told:?}"))
    }
}

/// A server with a valid certificate, met once.
async fn server(ca: &Ca) -> Met {
    let mut meeting = looking();
    meeting.roots = vec![ca.der()];
    let script: Script = offered().say("220 go ahead").tls(&ca.leaf("mx.example.test").issue());
    meeting.with(goodbye(script.hear("EHLO probe.test").say(WELCOME))).await
}

fn evidence(judgement: &Judgement) -> String {
    let lines = |findings: &Vec<Finding>| {
        findings.iter().map(|finding| finding.evidence.clone()).collect::<Vec<_>>().join("\n")
    };
    match judgement {
        Ok(Verdict::Findings(findings)) => lines(findings),
        Ok(_) => String::new(),
        Err(unseen) => unseen.trouble().to_string(),
    }
}

/// Every answer of a host whose certificate is sound, what is said of it at both looks, and the evidence.
async fn all(cases: Vec<(&str, Answer, &str, &str)>) {
    let domain = Domain::sound().await;
    let mut wrong = vec![];
    for (name, answer, want, evidence) in cases {
        domain.host.becomes(answer);
        wrong.extend(domain.says(name, (want, want), evidence).await);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
