//! What sessions with an endpoint reached at last, whenever that was.

use super::phases;
use crate::observe::{Dialogue, Extensions, Phase, Reply, StartTls, Tls, TlsScan, stored};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The last value of each thing that was ever reached, however the sessions after it went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest {
    /// Durations of the phases.
    #[serde(with = "stored::spans")]
    pub phases: BTreeMap<Phase, Duration>,
    /// The greeting.
    pub banner: Option<Reply>,
    /// The extensions of the last accepted EHLO, inside TLS where it got there.
    pub extensions: Option<Extensions>,
    /// The encrypted session.
    pub tls: Option<Arc<Tls>>,
    /// The TLS scan.
    pub scan: Option<Arc<TlsScan>>,
}

impl Latest {
    /// Takes in what a session reached.
    pub(super) fn absorb(&mut self, dialogue: &Dialogue) {
        for (phase, took) in phases(&dialogue.steps) {
            self.phases.insert(phase, took);
        }
        if let Ok(banner) = &dialogue.banner {
            self.banner = Some(banner.clone());
        }
        let Ok(ehlo) = &dialogue.ehlo else { return };
        let tls = match &ehlo.starttls {
            Ok(StartTls::Secured(tls)) => Some(tls),
            _ => None,
        };
        let inside = tls.and_then(|tls| tls.ehlo.as_ref().ok()).filter(|inside| inside.reply.is_positive());
        if ehlo.welcome().is_ok() {
            self.extensions = Some(inside.map_or_else(|| ehlo.extensions.clone(), |i| i.extensions.clone()));
        }
        if let Some(tls) = tls {
            self.tls = Some(Arc::new((**tls).clone()));
        }
    }
}
