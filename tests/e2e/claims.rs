//! What `/api/v1/domains/{domain}` makes one expect of every series that Prometheus has of the domains and their servers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::expectations::{self, STATUSES};
use crate::prometheus::Samples;

/// All families whose name begins with `smtp_`.
pub(crate) const CLAIMS: &[(&str, Claim)] = &[
    ("smtp_auth_before_tls", |fleet| fleet.endpoints(|of| of.fails("smtp.auth_posture"))),
    ("smtp_certificate_not_after_timestamp_seconds", |fleet| fleet.endpoints(|of| of.certificate_end())),
    ("smtp_certificate_valid", |fleet| fleet.endpoints(|of| of.lacks("smtp.tls_quality", &INVALID))),
    ("smtp_domain_certificate_not_after_timestamp_seconds", |fleet| {
        fleet.domains(|of| of.endpoints().filter_map(|of| of.certificate_end()).reduce(f64::min))
    }),
    ("smtp_domain_endpoint_info", |fleet| {
        fleet.each(|of| {
            let names = |of: Endpoint<'_>| [of.label("mx"), of.label("address"), of.label("preference")];
            of.endpoints().map(|it| (with(of.labels(), names(it)), 1.0)).collect()
        })
    }),
    ("smtp_deliverable", |fleet| fleet.each(deliverable)),
    ("smtp_domain_info", |fleet| fleet.domains(|_| Some(1.0))),
    ("smtp_domain_up", |fleet| fleet.domains(|of| of.is_up())),
    ("smtp_endpoint_failure_info", |fleet| {
        fleet.each_endpoint(|of| {
            let trouble = Some(&of.json["trouble"]).filter(|it| !it.is_null() && of.doubts().is_empty());
            trouble.map(|it| (vec![label(it, "stage"), label(it, "cause")], 1.0)).into_iter().collect()
        })
    }),
    ("smtp_endpoint_inconclusive", |fleet| {
        fleet.each_endpoint(|of| of.doubts().into_iter().map(|labels| (labels, 1.0)).collect())
    }),
    ("smtp_endpoint_info", |fleet| {
        fleet.each_endpoint(|of| {
            let family = if text(of.json, "address").contains(':') { "v6" } else { "v4" };
            vec![(vec![("family".to_owned(), family.to_owned()), of.label("software")], 1.0)]
        })
    }),
    ("smtp_endpoint_reachable", |fleet| fleet.endpoints(|of| of.is_reachable())),
    ("smtp_endpoint_up", |fleet| fleet.endpoints(|of| of.is_up())),
    ("smtp_endpoints", |fleet| fleet.domains(|of| Some(of.endpoints().count() as f64))),
    ("smtp_extension_info", |fleet| {
        fleet.each_endpoint(|of| {
            let keywords = of.extensions().filter_map(|line| line.split(' ').next().map(str::to_owned));
            let registered = keywords
                .filter(|keyword| !keyword.starts_with("X-") && keyword != "PIPECONNECT")
                .collect::<BTreeSet<_>>();
            registered.into_iter().map(|keyword| (vec![("extension".to_owned(), keyword)], 1.0)).collect()
        })
    }),
    ("smtp_dane_state_info", |fleet| fleet.words("state", |of| &of.json["dane"])),
    ("smtp_grade", |fleet| fleet.domains(|of| of.json["grade"]["code"].as_f64())),
    ("smtp_mta_sts_mode_info", |fleet| fleet.words("mode", |of| &of.json["policies"]["mta_sts"]["state"])),
    ("smtp_mx_hosts", |fleet| fleet.domains(|of| Some(list(&of.json["dns"]["hosts"]).count() as f64))),
    ("smtp_mx_last_change_timestamp_seconds", |fleet| {
        fleet.domains(|of| seconds(&of.json["dns"]["mx_changed_at"]))
    }),
    ("smtp_open_relay", |fleet| fleet.endpoints(|of| of.fails("smtp.open_relay"))),
    ("smtp_open_relay_last_test_timestamp_seconds", |fleet| {
        fleet.endpoints(|of| seconds(&of.standing("smtp.open_relay")?["at"]))
    }),
    ("smtp_phase_duration_seconds", |fleet| {
        fleet.each_endpoint(|of| {
            let phases = of.json["phases_ms"].as_object().into_iter().flatten();
            let took = |(phase, took): (&String, &Value)| {
                (vec![("phase".to_owned(), phase.clone())], took.as_f64().unwrap_or(f64::NAN) / 1e3)
            };
            phases.map(took).collect()
        })
    }),
    ("smtp_probe_duration_seconds", |fleet| fleet.domains(|of| of.json["took_seconds"].as_f64())),
    ("smtp_probe_interval_seconds", |fleet| fleet.domains(|of| of.json["next"]["interval_seconds"].as_f64())),
    ("smtp_probe_last_conclusive_timestamp_seconds", |fleet| {
        fleet.domains(|of| {
            let own = || of.standings().filter(|(_, it)| it["subject"] == "domain");
            match of.endpoints().next() {
                Some(_) => of.endpoints().filter_map(|of| of.known_at()).reduce(f64::max),
                None => own().filter_map(|(_, it)| seconds(&it["at"])).reduce(f64::max),
            }
        })
    }),
    ("smtp_probe_last_run_timestamp_seconds", |fleet| fleet.domains(|of| seconds(&of.json["last_run"]))),
    ("smtp_probe_next_due_timestamp_seconds", |fleet| fleet.domains(|of| seconds(&of.json["next"]["run"]))),
    ("smtp_reverse_dns_ok", |fleet| {
        fleet.endpoints(|of| of.fails("smtp.reverse_dns").map(|fails| 1.0 - fails))
    }),
    ("smtp_rule_domains", |fleet| fleet.rules()),
    ("smtp_rule_inconclusive", |fleet| {
        fleet.each(|of| {
            let doubts = of
                .doubts()
                .map(|(rule, doubt)| [("rule".to_owned(), rule.to_owned()), label(doubt, "cause")]);
            doubts.map(|labels| (with(of.labels(), labels), 1.0)).collect()
        })
    }),
    ("smtp_rule_inconclusive_since_timestamp_seconds", |fleet| {
        fleet.each(|of| {
            let mut since: Vec<Sample> = of
                .doubts()
                .filter_map(|(rule, doubt)| {
                    Some((
                        with(of.labels(), [("rule".to_owned(), rule.to_owned())]),
                        seconds(&doubt["since"])?,
                    ))
                })
                .collect();
            since.sort_by(|(_, one), (_, other)| other.total_cmp(one)); // the first of a rule comes last, and stays
            since
        })
    }),
    ("smtp_rule_status", |fleet| {
        fleet.each(|of| {
            let rules = list(&of.json["rules"]);
            rules
                .map(|it| (with(of.labels(), [label(it, "rule")]), it["code"].as_f64().unwrap_or(f64::NAN)))
                .collect()
        })
    }),
    ("smtp_rule_status_code_info", |_| {
        let pairs = STATUSES.map(|(code, name)| {
            [("code".to_owned(), code.to_owned()), ("status".to_owned(), name.to_owned())]
        });
        pairs.into_iter().map(|labels| (labels.into(), 1.0)).collect()
    }),
    ("smtp_size_limit_bytes", |fleet| {
        fleet.endpoints(|of| of.extensions().find_map(|line| line.strip_prefix("SIZE ")?.parse().ok()))
    }),
    ("smtp_starttls_offered", |fleet| {
        fleet.endpoints(|of| of.fails("smtp.starttls_offered").map(|fails| 1.0 - fails))
    }),
    ("smtp_tls_legacy_accepted", |fleet| {
        fleet.each_endpoint(|of| {
            let versions = &of.json["tls_scan"]["versions"];
            let known = ["ssl3", "1.0", "1.1"].map(|version| (version, versions[version].as_bool()));
            let told = known.into_iter().filter_map(|(version, yes)| Some((version, yes?)));
            told.map(|(version, yes)| {
                (vec![("version".to_owned(), version.to_owned())], f64::from(u8::from(yes)))
            })
            .collect()
        })
    }),
    ("smtp_tls_info", |fleet| {
        fleet.each_endpoint(|of| {
            let tls = Some(&of.json["tls"]).filter(|tls| !tls.is_null());
            tls.map(|tls| (["version", "cipher", "key_exchange"].map(|name| label(tls, name)).to_vec(), 1.0))
                .into_iter()
                .collect()
        })
    }),
    ("smtp_tls_version", |fleet| fleet.endpoints(|of| of.tls_version())),
];

pub(crate) type Claim = fn(&Fleet) -> Samples;
type Sample = (BTreeMap<String, String>, f64);
type Label = (String, String);

const INVALID: [&str; 5] = [
    "smtp.cert.expired",
    "smtp.cert.not_yet_valid",
    "smtp.cert.host_mismatch",
    "smtp.cert.untrusted",
    "smtp.cert.self_signed",
];

/// The JSON of every domain.
pub(crate) struct Fleet(pub(crate) Vec<Value>);

impl Fleet {
    fn each(&self, samples: impl Fn(Domain<'_>) -> Vec<Sample>) -> Samples {
        self.0.iter().flat_map(|json| samples(Domain { json })).collect()
    }

    fn domains(&self, value: impl Fn(Domain<'_>) -> Option<f64>) -> Samples {
        self.each(|of| value(of).map(|value| (of.labels(), value)).into_iter().collect())
    }

    /// A word of each domain as a label; none of those that have none.
    fn words(&self, name: &str, word: impl Fn(Domain<'_>) -> &Value) -> Samples {
        self.each(|of| {
            let word = word(of).as_str().map(|word| (name.to_owned(), word.to_owned()));
            word.map(|label| (with(of.labels(), [label]), 1.0)).into_iter().collect()
        })
    }

    /// Series of every endpoint, one however many domains use it: by the domain that has the youngest look at it.
    fn each_endpoint(&self, samples: impl Fn(Endpoint<'_>) -> Vec<(Vec<Label>, f64)>) -> Samples {
        let mut youngest: BTreeMap<_, Endpoint<'_>> = BTreeMap::new();
        for of in self.0.iter().flat_map(|json| Domain { json }.endpoints()) {
            let known = youngest.entry(of.labels()).or_insert(of);
            if moment(&known.json["at"]) < moment(&of.json["at"]) {
                *known = of;
            }
        }
        let named = |(own, of): (BTreeMap<String, String>, Endpoint<'_>)| -> Vec<Sample> {
            samples(of).into_iter().map(|(labels, value)| (with(own.clone(), labels), value)).collect()
        };
        youngest.into_iter().flat_map(named).collect()
    }

    fn endpoints(&self, value: impl Fn(Endpoint<'_>) -> Option<f64>) -> Samples {
        self.each_endpoint(|of| value(of).map(|value| (vec![], value)).into_iter().collect())
    }

    /// How many domains have a rule in a status.
    fn rules(&self) -> Samples {
        let rules = || self.0.iter().flat_map(|json| list(&json["rules"]));
        let count = |rule: &str, status: &str| {
            rules().filter(|it| it["rule"] == rule && it["status"] == status).count()
        };
        let usual = expectations::usual();
        let every = usual.keys().flat_map(|rule| STATUSES.map(|(_, status)| (rule, status)));
        every
            .map(|(rule, status)| {
                let labels = [("rule", rule.as_str()), ("status", status)]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()));
                (labels.into(), count(rule, status) as f64)
            })
            .collect()
    }
}

#[derive(Clone, Copy)]
struct Domain<'a> {
    json: &'a Value,
}

#[derive(Clone, Copy)]
struct Endpoint<'a> {
    domain: Domain<'a>,
    json: &'a Value,
}

impl<'a> Domain<'a> {
    fn labels(self) -> BTreeMap<String, String> {
        [label(self.json, "domain")].into()
    }

    fn endpoints(self) -> impl Iterator<Item = Endpoint<'a>> {
        list(&self.json["endpoints"]).map(move |json| Endpoint { domain: self, json })
    }

    /// Each rule with each of its subjects.
    fn standings(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        list(&self.json["rules"]).flat_map(|rule| list(&rule["subjects"]).map(|it| (text(rule, "rule"), it)))
    }

    fn doubts(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.standings().map(|(rule, it)| (rule, &it["inconclusive"])).filter(|(_, doubt)| !doubt.is_null())
    }

    /// None: it takes no mail.
    fn is_up(self) -> Option<f64> {
        let declines = self.standings().any(|(rule, it)| rule == "smtp.null_mx" && it["code"] == 2);
        let up = self.endpoints().any(|of| of.is_up() == Some(1.0));
        (!declines).then_some(f64::from(u8::from(up)))
    }
}

impl<'a> Endpoint<'a> {
    fn labels(self) -> BTreeMap<String, String> {
        [self.label("mx"), self.label("address")].into()
    }

    fn label(self, name: &str) -> Label {
        label(self.json, name)
    }

    fn subject(self) -> String {
        format!("{} {}", text(self.json, "mx"), text(self.json, "address"))
    }

    /// What stands for a rule, if it ever concluded.
    fn standing(self, rule: &str) -> Option<&'a Value> {
        let mut standings =
            self.domain.standings().filter(|(of, it)| *of == rule && it["subject"] == self.subject());
        standings.next().map(|(_, standing)| standing).filter(|standing| standing["code"] != 0)
    }

    /// Whether a rule found anything.
    fn fails(self, rule: &str) -> Option<f64> {
        self.standing(rule).map(|standing| f64::from(u8::from(list(&standing["issues"]).next().is_some())))
    }

    /// Whether a rule found none of these.
    fn lacks(self, rule: &str, issues: &[&str]) -> Option<f64> {
        let standing = self.standing(rule)?;
        let found = list(&standing["issues"]).any(|issue| issues.contains(&text(issue, "code")));
        Some(f64::from(u8::from(!found)))
    }

    fn is_reachable(self) -> Option<f64> {
        match self.lacks("smtp.ipv6_reachable", &["smtp.ipv6.unreachable"]) {
            Some(0.0) => Some(0.0),
            _ => self.lacks("smtp.endpoint_reachable", &["smtp.tcp.unreachable"]),
        }
    }

    fn is_up(self) -> Option<f64> {
        let greets = || self.lacks("smtp.banner_sanity", &["smtp.banner.missing", "smtp.banner.not_220"]);
        let listens = || self.lacks("smtp.ehlo_supported", &["smtp.ehlo.rejected"]);
        match self.is_reachable() {
            Some(0.0) => Some(0.0),
            _ => Some(greets()?.min(listens()?)),
        }
    }

    /// Since when it is known whether it is up: the oldest of the verdicts that tell. None: one was never reached.
    fn known_at(self) -> Option<f64> {
        let telling =
            ["smtp.endpoint_reachable", "smtp.ipv6_reachable", "smtp.banner_sanity", "smtp.ehlo_supported"];
        let subject = self.subject();
        let standings =
            self.domain.standings().filter(|(rule, it)| telling.contains(rule) && it["subject"] == subject);
        let ages: Option<Vec<f64>> = standings.map(|(_, it)| seconds(&it["at"])).collect();
        ages?.into_iter().reduce(f64::min)
    }

    /// That of the session, or the newest of a scan where the session got none and senders do. 0: they do not either.
    fn tls_version(self) -> Option<f64> {
        if let Some(version) = self.json["tls"]["version"].as_str() {
            return version.parse().ok();
        }
        self.json["starttls"].as_str()?;
        let is_spoken = self.fails("smtp.starttls_handshake") == Some(0.0);
        let scanned = self.json["tls_scan"]["versions"].as_object().into_iter().flatten();
        let spoken = scanned.filter(|(_, spoken)| is_spoken && **spoken == Value::Bool(true));
        Some(spoken.filter_map(|(version, _)| version.parse().ok()).fold(0.0, f64::max))
    }

    fn certificate_end(self) -> Option<f64> {
        seconds(&self.json["tls"]["chain"][0]["not_after"])
    }

    /// The lines of its last EHLO reply.
    fn extensions(self) -> impl Iterator<Item = &'a str> {
        list(&self.json["extensions"]["last"]).filter_map(Value::as_str)
    }

    /// Stage and cause of what could not be concluded of itself; its postmaster is a matter of the domain.
    fn doubts(self) -> BTreeSet<Vec<Label>> {
        let subject = self.subject();
        let own = self
            .domain
            .standings()
            .filter(|(rule, it)| it["subject"] == subject && *rule != "smtp.postmaster");
        let doubts = own.map(|(_, it)| &it["inconclusive"]).filter(|doubt| !doubt.is_null());
        doubts.map(|doubt| vec![label(doubt, "stage"), label(doubt, "cause")]).collect()
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}

fn label(json: &Value, key: &str) -> Label {
    (key.to_owned(), json[key].as_str().map_or_else(|| json[key].to_string(), str::to_owned))
}

fn with(
    mut labels: BTreeMap<String, String>,
    more: impl IntoIterator<Item = Label>,
) -> BTreeMap<String, String> {
    labels.extend(more);
    labels
}

/// A time of the JSON, which leaves out the part of a second.
fn seconds(time: &Value) -> Option<f64> {
    moment(time).map(|time| time.as_second() as f64)
}

fn moment(time: &Value) -> Option<Timestamp> {
    time.as_str()?.parse().ok()
}

/// A series for each kind of sender of which it is known.
fn deliverable(of: Domain<'_>) -> Vec<Sample> {
    let senders = ["opportunistic", "mta_sts", "dane"].into_iter().filter_map(|sender| {
        let works = of.json["deliverable"][sender].as_bool()?;
        Some((with(of.labels(), [("sender".to_owned(), sender.to_owned())]), f64::from(u8::from(works))))
    });
    senders.collect()
}
