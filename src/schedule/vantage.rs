//! Whether this machine can reach port 25 at all, family by family: until a family gave its first SMTP greeting,
//! a connection that fails there says more about this machine than about the server.

use crate::observe::{Cause, Session, Stage, Trouble, Unseen};
use std::net::IpAddr;

/// What both families have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vantage {
    v4: Family,
    v6: Family,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Family {
    answered: bool,
    blocked: Option<bool>,
}

impl Vantage {
    /// Whether port 25 is out of reach over IPv4; none before anything was tried.
    pub fn v4_blocked(&self) -> Option<bool> {
        self.v4.blocked
    }

    /// The same over IPv6.
    pub fn v6_blocked(&self) -> Option<bool> {
        self.v6.blocked
    }

    /// What a session counts for from here: a failed connect in a family that never answered is our own trouble.
    pub(super) fn weigh(&mut self, address: IpAddr, mut session: Session) -> Session {
        let family = if address.is_ipv4() { &mut self.v4 } else { &mut self.v6 };
        if session.dialogue.as_ref().is_ok_and(|dialogue| dialogue.banner.is_ok()) {
            *family = Family { answered: true, blocked: Some(false) };
        }
        if family.answered {
            family.notice(&session);
            return session;
        }
        session.dialogue = session.dialogue.map_err(put_down);
        session.null_sender = session.null_sender.map(|seen| seen.map_err(put_down));
        session.relay = session.relay.map(|seen| seen.map_err(put_down));
        let postmasters = session.postmasters.into_iter();
        session.postmasters = postmasters.map(|(domain, seen)| (domain, seen.map_err(put_down))).collect();
        family.notice(&session);
        session
    }

    /// Whether a trouble that was put down to this machine deserves another look by now.
    pub(super) fn has_cleared(&self, address: IpAddr, trouble: Option<(Stage, Cause)>) -> bool {
        let family = if address.is_ipv4() { self.v4 } else { self.v6 };
        trouble == Some((Stage::Connect, Cause::VantageBlocked)) && family.blocked == Some(false)
    }
}

impl Family {
    fn notice(&mut self, session: &Session) {
        let cause = session.dialogue.as_ref().err().map(Unseen::cause);
        if cause == Some(Cause::VantageBlocked) {
            self.blocked = Some(true);
        }
    }
}

/// A failed connect as this machine's trouble; everything else as it is.
fn put_down(unseen: Unseen) -> Unseen {
    let ours = |trouble: &Trouble| trouble.stage == Stage::Connect && trouble.cause.needs_second_look();
    let blocked = |trouble: Trouble| Trouble { cause: Cause::VantageBlocked, ..trouble };
    match unseen {
        Unseen::Failed(trouble) if ours(&trouble) => Unseen::Failed(blocked(trouble)),
        Unseen::Blocked(trouble) if ours(&trouble) => Unseen::Blocked(blocked(trouble)),
        unseen => unseen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::testing::reply;
    use crate::observe::{Dialogue, Seen};
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::SystemTime;

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    fn session(dialogue: Seen<Dialogue>) -> Session {
        let relay = dialogue.as_ref().err().map(|unseen| Err(unseen.behind()));
        Session {
            at: SystemTime::UNIX_EPOCH,
            dialogue,
            null_sender: None,
            relay,
            postmasters: Vec::new(),
            owed: false,
        }
    }

    fn failed(cause: Cause) -> Session {
        session(Err(Unseen::failed(Stage::Connect, cause, "")))
    }

    fn greeted() -> Session {
        let ehlo = Err(Unseen::failed(Stage::Ehlo, Cause::Timeout, ""));
        session(Ok(Dialogue { steps: Vec::new(), local: None, banner: Ok(reply("220 mx")), ehlo }))
    }

    fn causes(session: &Session) -> (Cause, Cause) {
        let cause = |unseen: Option<&Unseen>| unseen.map(Unseen::cause).expect("a failure");
        (
            cause(session.dialogue.as_ref().err()),
            cause(session.relay.as_ref().and_then(|seen| seen.as_ref().err())),
        )
    }

    #[test]
    fn a_family_that_never_answered_blames_nobody() {
        let mut vantage = Vantage::default();
        assert_eq!((vantage.v4_blocked(), vantage.v6_blocked()), (None, None));
        let weighed = vantage.weigh(V4, failed(Cause::Refused));
        assert_eq!(causes(&weighed), (Cause::VantageBlocked, Cause::VantageBlocked));
        assert_eq!(vantage.v4_blocked(), Some(true));
        vantage.weigh(V4, greeted());
        assert_eq!((vantage.v4_blocked(), vantage.v6_blocked()), (Some(false), None));
        assert_eq!(causes(&vantage.weigh(V4, failed(Cause::Refused))), (Cause::Refused, Cause::Refused));
        assert_eq!(causes(&vantage.weigh(V6, failed(Cause::NoAnswer))).0, Cause::VantageBlocked);
        assert_eq!(causes(&vantage.weigh(V6, failed(Cause::NotPublic))).0, Cause::NotPublic);
    }

    #[test]
    fn what_was_put_down_to_this_machine_is_looked_at_again_once_it_can() {
        let trouble = Some((Stage::Connect, Cause::VantageBlocked));
        let mut vantage = Vantage::default();
        vantage.weigh(V4, failed(Cause::Refused));
        assert!(!vantage.has_cleared(V4, trouble));
        vantage.weigh(V4, greeted());
        assert!(vantage.has_cleared(V4, trouble) && !vantage.has_cleared(V6, trouble));
        vantage.weigh(V4, failed(Cause::VantageBlocked));
        assert!(!vantage.has_cleared(V4, trouble), "the route went away");
    }
}
