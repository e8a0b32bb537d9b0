//! A name followed through its CNAMEs, to the records or to the reason why there are none.

use super::answer::Answer;
use super::asking::Asking;
use crate::observe::{Dnssec, Outcome};
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

/// CNAMEs followed, as many as BIND does; a longer chain has no end worth waiting for.
const ALIASES: usize = 16;

/// Asks for the records of `name`, wherever CNAMEs lead.
pub(super) async fn resolve(asking: &Asking, name: Name, kind: RecordType) -> Answer {
    let mut names = vec![name];
    let (mut dnssec, mut wildcard) = (None, None);
    while let Some(name) = names.last().filter(|_| names.len() <= ALIASES + 1) {
        let answer = ask(asking, name, kind).await;
        let so_far = dnssec.map_or(answer.dnssec, |so_far| weaker(so_far, answer.dnssec));
        dnssec = Some(so_far);
        wildcard = wildcard.or(answer.wildcard);
        let goes_on = matches!(answer.outcome, Outcome::NoData) && !answer.aliases.is_empty();
        let is_loop = answer.aliases.iter().any(|alias| names.contains(alias));
        names.extend(answer.aliases);
        if is_loop || !goes_on {
            let outcome = if is_loop { Outcome::Loop } else { answer.outcome };
            return Answer { outcome, aliases: names.split_off(1), dnssec: so_far, wildcard };
        }
    }
    let dnssec = dnssec.unwrap_or_default();
    Answer { outcome: Outcome::Loop, aliases: names.drain(1..).take(ALIASES).collect(), dnssec, wildcard }
}

/// One question. Where the answer is a failure, the name is asked for its CNAME alone: a resolver may give up on a
/// loop with SERVFAIL, and a denial that belongs to the target of a CNAME does not validate for the name.
async fn ask(asking: &Asking, name: &Name, kind: RecordType) -> Answer {
    let query = Query::query(name.clone(), kind);
    let answer = asking.ask(&query).await;
    if !matches!(answer.outcome, Outcome::ServerFailure) {
        return answer;
    }
    let alias = asking.ask(&cname(name)).await;
    let (dnssec, wildcard) = (alias.dnssec, alias.wildcard.clone());
    if let Some(target) = target(alias) {
        return Answer { outcome: Outcome::NoData, aliases: vec![target], dnssec, wildcard };
    }
    let answer = if answer.dnssec == Dnssec::Bogus { asking.look_again(&query).await } else { answer };
    if matches!(answer.outcome, Outcome::ServerFailure) && answer.dnssec != Dnssec::Bogus {
        return unless_loop(asking, name, answer).await;
    }
    answer
}

/// A loop fails the validation's own questions, too: without it, the loop can still be seen.
async fn unless_loop(asking: &Asking, name: &Name, failure: Answer) -> Answer {
    let mut names = vec![name.clone()];
    while let Some(last) = names.last().filter(|_| names.len() <= ALIASES) {
        let Some(target) = target(asking.ask_unvalidated(&cname(last)).await) else { return failure };
        let is_loop = names.contains(&target);
        names.push(target);
        if is_loop {
            break;
        }
    }
    Answer { aliases: names.split_off(1), ..Answer::failed(Outcome::Loop) }
}

fn cname(name: &Name) -> Query {
    Query::query(name.clone(), RecordType::CNAME)
}

fn target(answer: Answer) -> Option<Name> {
    let Outcome::Answer(records) = answer.outcome else { return None };
    match records.into_iter().next() {
        Some(RData::CNAME(target)) => Some(target.0),
        _ => None,
    }
}

fn weaker(one: Dnssec, other: Dnssec) -> Dnssec {
    match (one, other) {
        (Dnssec::Bogus, _) | (_, Dnssec::Bogus) => Dnssec::Bogus,
        (Dnssec::Unchecked, _) | (_, Dnssec::Unchecked) => Dnssec::Unchecked,
        (one, other) => one.min(other),
    }
}
