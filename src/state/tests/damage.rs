//! Files that are none of ours, or none any more: set aside, and never in the way.

use super::*;
use redb::TableDefinition;

/// Opens what lies in the folder: it is used as it is, or set aside for an empty one.
fn opened(folder: &Folder, may_be: &[&Picture]) -> bool {
    let (_file, contents) = File::open(&folder.0, now()).unwrap();
    if folder.aside().is_empty() {
        assert!(may_be.iter().any(|picture| is_same(&contents, picture)), "neither whole nor set aside");
        return true;
    }
    assert!(is_same(&contents, &Picture::default()), "set aside, and something is there");
    false
}

#[test]
fn truncated_files_are_set_aside() {
    let whole = fs::read(Folder::with(&picture(1)).file()).unwrap();
    let mut lengths = vec![1, 8, 9, 64, 320, 4095, 4096, 4097, 8192, whole.len() / 2, whole.len() - 1];
    lengths.extend((1..12).map(|n| n * 4096 * 7));
    for length in lengths.into_iter().filter(|length| *length < whole.len()) {
        let folder = Folder::new();
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.file(), &whole[..length]).unwrap();
        assert!(!opened(&folder, &[]), "{length} octets");
        assert_eq!(fs::read(&folder.aside()[0]).unwrap(), whole[..length], "kept as it was");
    }
}

#[test]
fn an_empty_file_is_as_good_as_none() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(folder.file(), "").unwrap();
    assert!(opened(&folder, &[&Picture::default()]));
}

#[test]
fn a_file_whose_making_was_cut_short_is_made_again() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(folder.0.join("state.redb.new"), [0; 5000]).unwrap();
    assert!(opened(&folder, &[&Picture::default()]));
}

#[test]
fn a_flipped_bit_is_found_or_does_not_matter() {
    let (old, new) = (picture(1), picture(2));
    let source = Folder::with(&old);
    File::open(&source.0, now()).unwrap().0.write(&all_of(&new)).unwrap();
    let whole = fs::read(source.file()).unwrap();
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let mut set_aside = 0;
    for n in 0..120 {
        let at = if n < 40 { n * 8 } else { used[n * used.len() / 120] };
        let folder = Folder::new();
        fs::create_dir_all(&folder.0).unwrap();
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (n % 8);
        fs::write(folder.file(), bytes).unwrap();
        let nothing = Picture::default();
        set_aside += usize::from(!opened(&folder, &[&old, &new, &nothing]));
    }
    assert!(set_aside > 10, "{set_aside} of 120");
}

#[test]
fn foreign_files_are_set_aside() {
    for bytes in [&b"not a database"[..], &[0; 10_000], &[0xff; 10_000], b"SQLite format 3\0 and more of it"]
    {
        let folder = Folder::new();
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.file(), bytes).unwrap();
        assert!(!opened(&folder, &[]));
    }
}

#[test]
fn databases_of_others_and_of_newer_versions_are_set_aside() {
    let meta: TableDefinition<'_, &str, u32> = TableDefinition::new("meta");
    let others: TableDefinition<'_, u64, u64> = TableDefinition::new("reports");
    for (format, want) in [(Some(2), "a newer version"), (Some(0), "format is unknown"), (None, "unknown")] {
        let folder = Folder::new();
        fs::create_dir_all(&folder.0).unwrap();
        let database = redb::Database::create(folder.file()).unwrap();
        let transaction = database.begin_write().unwrap();
        match format {
            Some(format) => drop(transaction.open_table(meta).unwrap().insert("all", format).unwrap()),
            None => drop(transaction.open_table(others).unwrap().insert(1, 2).unwrap()),
        }
        transaction.commit().unwrap();
        drop(database);
        let failure = File::read(redb::Database::open(folder.file()).unwrap()).err().expect("a failure");
        assert!(failure.to_string().contains(want), "{failure}");
        assert!(!opened(&folder, &[]));
    }
}

#[test]
fn entries_that_cannot_be_read_are_left_out_and_then_removed() {
    let folder = Folder::with(&picture(1));
    let (file, contents) = File::open(&folder.0, now()).unwrap();
    let odd = |key: &str| (key.to_owned(), Some(vec![1, 2, 3]));
    let moved = encode(&Record::of(&contents.reports[0])).unwrap();
    let batch = super::super::file::Batch {
        reports: vec![odd("b.example"), odd("no name"), ("c.example".to_owned(), Some(moved))],
        contacts: vec![odd("nowhere")],
        manners: None,
    };
    file.write(&batch).unwrap();
    drop(file);
    let (file, contents) = File::open(&folder.0, now()).unwrap();
    assert_eq!(contents.reports, picture(1).reports[..1]);
    assert_eq!((contents.unread.0.len(), contents.unread.1.len(), contents.nameless.len()), (2, 1, 1));
    let known = Picture { reports: contents.reports.clone(), manners: contents.manners.clone() };
    let due = super::super::ledger::Ledger::of(&contents).due(&known, now()).unwrap();
    assert!(due.batch.reports.iter().chain(&due.batch.contacts).all(|(_, value)| value.is_none()));
    file.write(&due.batch).unwrap();
    drop(file);
    let (_file, contents) = File::open(&folder.0, now()).unwrap();
    assert_eq!((contents.unread.0.len(), contents.unread.1.len(), contents.nameless.len()), (0, 0, 0));
}
