//! The mail transactions of a session, none of which sends a message: the null sender, postmasters, the relay test
//! with its confirmation. One command at a time; RSET where a sender was accepted.

use super::command::Command;
use super::dialogue::Connection;
use super::record::Record;
use super::{Plan, RelayPlan};
use crate::name::{DomainName, Mailbox};
use crate::observe::{
    Dialogue, NullSender, RelayTest, Reply, Scanned, Seen, Session, Stage, Transaction, Unseen,
};
use std::time::SystemTime;
use tokio::io::{AsyncRead, AsyncWrite};

/// Transactions of one session: with their RSETs and the rest of the session they make eight commands that are not
/// MAIL or RCPT, and Exim takes ten.
const TRANSACTIONS: usize = 4;
/// Recipients of one MAIL.
const RECIPIENTS: usize = 5;
/// What became of the tests of a plan; those it did not ask for are none.
#[derive(Debug, Default)]
pub(super) struct Tests {
    pub(super) null_sender: Option<Seen<NullSender>>,
    pub(super) relay: Option<Seen<RelayTest>>,
    pub(super) postmasters: Vec<(DomainName, Seen<Transaction>)>,
    pub(super) owed: bool,
    pub(super) scan: Option<Seen<Scanned>>,
}

impl Tests {
    /// All that a plan asks for, behind a trouble.
    pub(super) fn behind(plan: &Plan, unseen: &Unseen) -> Self {
        Self {
            null_sender: plan.null_sender.as_ref().map(|_| Err(unseen.behind())),
            relay: plan.relay.as_ref().map(|_| Err(unseen.behind())),
            postmasters: plan.postmasters.iter().map(|d| (d.clone(), Err(unseen.behind()))).collect(),
            owed: false,
            scan: plan.scan.as_ref().map(|_| Err(unseen.behind())),
        }
    }

    /// All that a plan asks for, left for another connection.
    pub(super) fn owed(plan: &Plan) -> Self {
        let owed = plan.null_sender.is_some() || plan.relay.is_some() || !plan.postmasters.is_empty();
        Self { owed, ..Self::default() }
    }

    /// The session they were part of.
    pub(super) fn beside(self, at: SystemTime, dialogue: Seen<Dialogue>) -> Session {
        let Self { null_sender, mut relay, postmasters, owed, scan } = self;
        if let (Some(Ok(test)), Ok(dialogue)) = (&mut relay, &dialogue) {
            test.local = dialogue.local;
        }
        Session { at, dialogue, null_sender, relay, postmasters, owed, scan }
    }
}

/// Makes all transactions of a plan on a connection that has said EHLO.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    record: &mut Record,
    plan: &Plan,
    mail_from: &Mailbox,
) -> Tests {
    let refusals = plan.refusals;
    let mut run = Run { connection, record, mail_from, made: 0, refusals, null_refused: false };
    let null = match &plan.null_sender {
        Some(domain) => Some((domain, run.null_sender(domain).await)),
        None => None,
    };
    let asked = run.postmasters(plan, null.as_ref().map(|(domain, null)| (*domain, null))).await;
    let relay = match &plan.relay {
        Some(relay) => Some(run.relay(relay).await),
        None => None,
    };
    let postmaster = |domain: &DomainName| {
        let by_null = null.as_ref().filter(|(tested, null)| *tested == domain && decides(null));
        let answer = by_null.map(|(_, null)| null).or_else(|| find(&asked, domain))?;
        Some((domain.clone(), Ok(answer.clone())))
    };
    Tests {
        postmasters: plan.postmasters.iter().filter_map(postmaster).collect(),
        null_sender: null.as_ref().map(|(domain, null)| {
            let ordinary = is_refused(null).then(|| find(&asked, domain).cloned()).flatten();
            Ok(NullSender { null: null.clone(), ordinary })
        }),
        relay,
        ..Tests::default()
    }
}

struct Run<'a, S> {
    connection: &'a mut Connection<S>,
    record: &'a mut Record,
    mail_from: &'a Mailbox,
    made: usize,
    /// So many more recipients may be refused.
    refusals: usize,
    null_refused: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Run<'_, S> {
    async fn null_sender(&mut self, domain: &DomainName) -> Transaction {
        let transaction = self.one(None, Mailbox::postmaster(domain)).await;
        self.null_refused = self.is_unwelcome(&transaction);
        transaction
    }

    /// Asks for the postmasters that the null sender's transaction did not decide. Those left over, where the server
    /// wants one domain a transaction and the session has no more of them, or has refused enough, are not asked.
    async fn postmasters(
        &mut self,
        plan: &Plan,
        null: Option<(&DomainName, &Transaction)>,
    ) -> Vec<(DomainName, Transaction)> {
        let again = null.filter(|(_, null)| is_refused(null)).map(|(domain, _)| domain);
        let decided = null.filter(|(_, null)| decides(null)).map(|(domain, _)| domain);
        let others =
            plan.postmasters.iter().filter(|domain| again != Some(*domain) && decided != Some(*domain));
        let domains: Vec<_> = again.into_iter().chain(others).take(RECIPIENTS).collect();
        let (transactions, refusals) = if plan.relay.is_some() { (2, 1) } else { (0, 0) };
        let mut asked: Vec<(DomainName, Transaction)> = Vec::new();
        while asked.len() < domains.len()
            && self.made + transactions < TRANSACTIONS
            && self.refusals > refusals
        {
            let left: Vec<_> =
                domains.iter().skip(asked.len()).map(|domain| Mailbox::postmaster(domain)).collect();
            let answers = self.many(&left, refusals).await;
            let names = domains.iter().skip(asked.len()).map(|domain| (*domain).clone());
            let answered: Vec<_> = names.zip(answers).collect();
            asked.extend(answered);
        }
        asked
    }

    async fn relay(&mut self, plan: &RelayPlan) -> Seen<RelayTest> {
        if let Some(unseen) = self.connection.ended() {
            return Err(unseen.behind().doubtful());
        }
        let mut attempts: Vec<Transaction> = Vec::new();
        for recipient in &plan.recipients {
            if self.made == TRANSACTIONS
                || self.refusals == 0
                || attempts.last().is_some_and(|last| !last.is_about_recipient())
            {
                break;
            }
            attempts.push(self.one(Some(self.mail_from), recipient.clone()).await);
        }
        let confirmation = match attempts.last().filter(|last| is_promised(last)) {
            Some(accepted) => self.confirmation(&plan.confirmations, &accepted.recipient).await,
            None => None,
        };
        Ok(RelayTest { attempts, confirmation, local: None })
    }

    /// Asks for a second outside recipient from the null sender, or from the ordinary one where that is refused.
    async fn confirmation(&mut self, recipients: &[Mailbox], first: &Mailbox) -> Option<Transaction> {
        let mut last = None;
        let others = recipients.iter().filter(|other| other.domain() != first.domain());
        for recipient in others {
            while self.made < TRANSACTIONS && self.refusals > 0 {
                let sender = self.null_refused.then_some(self.mail_from);
                let asked = self.one(sender, recipient.clone()).await;
                let again = sender.is_none() && self.is_unwelcome(&asked);
                self.null_refused |= again;
                last = Some(asked);
                if !again {
                    break;
                }
            }
            if !last.as_ref().is_some_and(Transaction::is_about_recipient) {
                break;
            }
        }
        last
    }

    /// A transaction with one recipient.
    async fn one(&mut self, sender: Option<&Mailbox>, recipient: Mailbox) -> Transaction {
        let mail = self.mail(sender).await;
        let rcpt = self.rcpt(&mail, &recipient).await;
        self.reset(&mail).await;
        Transaction { sender: sender.cloned(), recipient, mail, rcpt }
    }

    /// One MAIL from the ordinary sender with these recipients, up to the first that the server wants by itself; some
    /// refusals are `kept` for later.
    async fn many(&mut self, recipients: &[Mailbox], kept: usize) -> Vec<Transaction> {
        let mail = self.mail(Some(self.mail_from)).await;
        let mut answers = Vec::new();
        for recipient in recipients {
            if self.refusals <= kept {
                break;
            }
            let rcpt = self.rcpt(&mail, recipient).await;
            if !answers.is_empty() && rcpt.as_ref().is_ok_and(wants_one_domain) {
                break;
            }
            let (sender, recipient) = (Some(self.mail_from.clone()), recipient.clone());
            answers.push(Transaction { sender, recipient, mail: mail.clone(), rcpt });
        }
        self.reset(&mail).await;
        answers
    }

    /// Whether the sender was refused and another can be tried.
    fn is_unwelcome(&self, transaction: &Transaction) -> bool {
        self.connection.ended().is_none() && transaction.mail.as_ref().is_ok_and(|mail| !mail.is_positive())
    }

    async fn mail(&mut self, sender: Option<&Mailbox>) -> Seen<Reply> {
        self.made += 1;
        self.ask(Command::Mail(sender)).await
    }

    async fn rcpt(&mut self, mail: &Seen<Reply>, recipient: &Mailbox) -> Seen<Reply> {
        let mail = mail.as_ref().map_err(|unseen| unseen.behind().doubtful())?;
        mail.accepted(Stage::Mail).map_err(|unseen| unseen.behind())?;
        let reply = self.ask(Command::Rcpt(recipient)).await?;
        if !reply.is_positive() {
            self.refusals = self.refusals.saturating_sub(1);
        }
        Ok(reply)
    }

    /// A connection that was lost on the way proves nothing about what it did not get to.
    async fn ask(&mut self, command: Command<'_>) -> Seen<Reply> {
        if let Some(unseen) = self.connection.ended() {
            return Err(unseen.behind().doubtful());
        }
        self.connection.ask(self.record, command).await
    }

    /// Ends a transaction that was begun. A server that will not have it gets no other.
    async fn reset(&mut self, mail: &Seen<Reply>) {
        if !mail.as_ref().is_ok_and(Reply::is_positive) || self.connection.ended().is_some() {
            return;
        }
        if let Ok(reply) = self.ask(Command::Rset).await
            && let Err(unseen) = reply.accepted(Stage::Rset)
        {
            self.connection.end(unseen.doubtful());
        }
    }
}

fn find<'a>(asked: &'a [(DomainName, Transaction)], domain: &DomainName) -> Option<&'a Transaction> {
    asked.iter().find(|(name, _)| name == domain).map(|(_, transaction)| transaction)
}

/// Whether the null sender's transaction tells about the postmaster as well: it does when it was accepted.
fn decides(null: &Transaction) -> bool {
    null.answer().is_ok_and(Reply::is_positive)
}

/// Whether the recipient was refused for good, from whatever sender that may be.
fn is_refused(null: &Transaction) -> bool {
    null.answer().is_ok_and(Reply::is_permanent)
}

/// Whether delivery was promised: 252 does not (RFC 5321 §3.5.3).
fn is_promised(transaction: &Transaction) -> bool {
    transaction.answer().is_ok_and(|reply| matches!(reply.code, 250 | 251))
}

/// Whether a recipient is put off only because another domain's is in the same transaction.
fn wants_one_domain(reply: &Reply) -> bool {
    let text = reply.text().to_lowercase();
    reply.is_transient()
        && (text.contains("per transaction") || text.contains("multiple destination domains"))
}
