//! Many peers at once, and peers in one family of addresses.

use super::{goodbye, plain};
use crate::meet::{Meeting, looking, seconds};
use crate::says::word;
use crate::support::smtp::Script;
use mx_exporter::observe::Observation;
use mx_exporter::rules::{self, Subject};

#[tokio::test(start_paused = true)]
async fn s66_a_thousand_tarpits_hold_nobody_else_up() {
    let tarpits = (0..1_000).map(|_| looking().with(Script::new().silence()));
    let tarpits: Vec<_> = tarpits.map(Box::pin).collect();
    let waiting = async {
        let mut took = vec![];
        for tarpit in tarpits {
            took.push(tokio::spawn(tarpit));
        }
        for tarpit in &mut took {
            assert_eq!(tarpit.await.unwrap().took, seconds(30));
        }
    };
    let (healthy, ()) = tokio::join!(looking().with(goodbye(plain())), waiting);
    assert_eq!((healthy.gist().as_str(), healthy.took), ("220 250 not offered", seconds(0)));
}

#[tokio::test(start_paused = true)]
async fn s68_one_family_is_no_other() {
    let at =
        |address: &str| Meeting { address: address.parse().unwrap(), ..looking() }.with(goodbye(plain()));
    let (v4, v6) = (at("192.0.2.1:25").await.observation(1), at("[2001:db8::1]:25").await.observation(1));
    for (name, observation, want) in [
        ("IPv4 only", &v4, "domain ipv6.no_address, 192.0.2.1 -"),
        ("IPv6 only", &v6, "domain pass, 2001:db8::1 pass"),
    ] {
        assert_eq!(coverage(observation), want, "{name}");
    }
    let mut both = v4.clone();
    both.endpoints.extend(v6.endpoints.iter().cloned());
    let other = v6.dns.hosts.into_values().next().unwrap();
    both.dns.hosts.values_mut().for_each(|host| host.aaaa = other.aaaa.clone());
    assert_eq!(coverage(&both), "domain pass, 192.0.2.1 -, 2001:db8::1 pass");
    let judged = rules::judge(&both, &crate::says::context(both.at));
    let reached = judged.iter().filter(|judged| judged.rule.code == "smtp.endpoint_reachable");
    assert_eq!(reached.count(), 2, "each address is told of once");
}

/// What is said of IPv6, of the domain and of its endpoints.
fn coverage(observation: &Observation) -> String {
    let judged = rules::judge(observation, &crate::says::context(observation.at));
    let of_rule = judged.iter().filter(|judged| judged.rule.code == "smtp.ipv6_reachable");
    let told = of_rule.map(|judged| match &judged.subject {
        Subject::Domain => format!("domain {}", word(&judged.judgement)),
        Subject::Endpoint(_, address) => format!("{address} {}", word(&judged.judgement)),
    });
    told.collect::<Vec<_>>().join(", ")
}
