//! The thread that writes, and what it writes.

use super::super::keeper::{Error, Keeper, keep, open};
use super::super::ledger::Ledger;
use super::*;
use std::thread::{sleep, yield_now};

fn offer(keeper: &Keeper, picture: &Picture) {
    keeper.offer(picture.reports.clone(), picture.manners.clone());
}

/// Offers the picture until something is so.
fn offer_until(keeper: &Keeper, picture: &Picture, is_so: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        offer(keeper, picture);
        sleep(Duration::from_millis(5));
    }
    panic!("not in time");
}

#[test]
fn the_last_picture_is_written_before_the_end() {
    let folder = Folder::new();
    let (keeper, known) = open(&folder.0, now).unwrap();
    assert!(known.reports.is_empty());
    for runs in 1..20 {
        offer(&keeper, &picture(runs));
        yield_now();
    }
    keeper.finish();
    let (keeper, known) = open(&folder.0, now).unwrap();
    assert_eq!((known.reports, known.manners), (picture(19).reports, picture(19).manners));
    assert_eq!((keeper.health().failures, keeper.health().successful), (0, true));
}

#[test]
fn a_second_one_is_turned_away_and_does_no_harm() {
    let folder = Folder::with(&picture(1));
    let (first, _) = open(&folder.0, now).unwrap();
    let refused = open(&folder.0, now).unwrap_err();
    assert!(matches!(refused, Error::InUse { .. }));
    let want = format!("`{}` is in use by another process", folder.file().display());
    assert!(refused.to_string().starts_with(&want), "{refused}");
    offer(&first, &picture(2));
    first.finish();
    let (_again, known) = open(&folder.0, now).unwrap();
    assert_eq!(known.reports, picture(2).reports);
    assert_eq!(folder.aside(), Vec::<PathBuf>::new());
}

#[test]
fn a_folder_that_cannot_be_is_tried_again() {
    let folder = Folder::new();
    fs::write(&folder.0, "a file stands here").unwrap();
    let (keeper, known) = open(&folder.0, now).unwrap();
    assert!(known.reports.is_empty());
    assert_eq!((keeper.health().failures, keeper.health().successful), (1, false));
    offer_until(&keeper, &picture(1), || keeper.health().failures > 2);
    fs::remove_file(&folder.0).unwrap();
    offer_until(&keeper, &picture(1), || keeper.health().successful);
    let failures = keeper.health().failures;
    offer(&keeper, &picture(2));
    keeper.finish();
    assert!(failures > 2);
    let (_, known) = open(&folder.0, now).unwrap();
    assert_eq!(known.reports, picture(2).reports);
}

/// A file that fails and is opened anew has everything in the end, and nothing more.
#[test]
fn what_was_missed_is_made_up_for() {
    let folder = Folder::with(&picture(1));
    let (place, opened) = (folder.0.clone(), Arc::new(AtomicUsize::new(0)));
    let count = opened.clone();
    let opening = Box::new(move || match count.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Err(Failure::Unavailable("no space left on device".to_owned())),
        _ => File::open(&place, now()),
    });
    let (keeper, _) = keep(folder.file(), opening, now).unwrap();
    let one = Picture { reports: picture(3).reports.into_iter().skip(1).collect(), ..picture(3) };
    offer_until(&keeper, &one, || opened.load(Ordering::Relaxed) > 2 && keeper.health().successful);
    assert_eq!(keeper.health().failures, 2);
    keeper.finish();
    let (_, known) = open(&folder.0, now).unwrap();
    assert_eq!(known.reports, one.reports);
}

#[test]
fn only_what_has_changed_is_written() {
    let folder = Folder::with(&picture(1));
    let (_file, contents) = File::open(&folder.0, now()).unwrap();
    let mut ledger = Ledger::of(&contents);
    let known = Picture { reports: contents.reports.clone(), manners: contents.manners.clone() };
    assert!(ledger.due(&known, now()).unwrap().batch.is_empty());
    let newer = kept("b.example", &known.reports[1].report.observation, 2);
    let next = Picture { reports: vec![known.reports[0].clone(), newer.clone()], ..known.clone() };
    let due = ledger.due(&next, now()).unwrap();
    let names: Vec<&str> = due.batch.reports.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, due.batch.contacts.len(), due.batch.manners.is_none()), (vec!["b.example"], 0, true));
    ledger.book(due);
    assert!(ledger.due(&next, now()).unwrap().batch.is_empty());
    let less = Picture { reports: vec![newer], ..next };
    let due = ledger.due(&less, now()).unwrap();
    assert_eq!(due.batch.reports, [("a.example".to_owned(), None)]);
}

/// Two domains finish in another order than they visited their common endpoint.
#[test]
fn the_newer_contact_stays_unless_the_clock_was_set_back() {
    let visited = |seconds: u64| {
        let mut seen = observation().of([endpoint()]).build();
        let contact = Arc::make_mut(&mut seen.endpoints[0].contact);
        contact.dialogue.at = now() + Duration::from_secs(seconds);
        seen
    };
    let contacts = |first: &Observation, then: &Observation, now| {
        let mut ledger = Ledger::default();
        let first = Picture { reports: vec![kept("a.example", first, 1)], ..Picture::default() };
        let due = ledger.due(&first, now).unwrap();
        ledger.book(due);
        let both = [first.reports, vec![kept("b.example", then, 1)]].concat();
        ledger.due(&Picture { reports: both, ..Picture::default() }, now).unwrap().batch.contacts.len()
    };
    let (early, late) = (visited(100), visited(200));
    let hour = Duration::from_secs(3600);
    assert_eq!(contacts(&early, &late, now() + hour), 1);
    assert_eq!(contacts(&late, &early, now() + hour), 0);
    assert_eq!(contacts(&late, &early, now() + Duration::from_secs(150)), 1, "200 is still to come");
}

#[test]
fn contacts_that_nobody_uses_are_removed_in_time() {
    let mut ledger = Ledger::default();
    let due = ledger.due(&picture(1), now()).unwrap();
    ledger.book(due);
    let removed = (0..100).map(|_| {
        let due = ledger.due(&Picture::default(), now()).unwrap();
        let removed = due.batch.contacts.iter().filter(|(_, value)| value.is_none()).count();
        ledger.book(due);
        removed
    });
    assert_eq!(removed.sum::<usize>(), 1);
}
