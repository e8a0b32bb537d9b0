//! Files of domains: how they are found and read, and what becomes of the domains when they change.
#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

use mx_exporter::config::{self, Config, Interval};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder of its own with a configuration in it.
struct Folder(PathBuf);

impl Folder {
    fn named(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("domain_files").join(test);
        fs::remove_dir_all(&path).ok();
        fs::create_dir_all(path.join("domains.d")).unwrap();
        let folder = Self(path);
        folder.write("mx.yml", "domains: [own.example]\ndomain_files: [domains.d/*, customers.txt]");
        folder.write("customers.txt", "");
        folder
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.0.join(file)).unwrap();
    }

    fn load(&self) -> Result<Config, String> {
        config::load(&self.0.join("mx.yml"), None).map_err(|error| self.shortened(&error.to_string()))
    }

    fn shortened(&self, message: &str) -> String {
        message.replace(&format!("{}/", self.0.display()), "")
    }

    /// The files whose domains are not those that stand in them, and why.
    fn faults(&self, config: &Config) -> Vec<String> {
        config.domain_files().filter_map(|(_, fault)| fault).map(|fault| self.shortened(fault)).collect()
    }
}

fn names(config: &Config) -> String {
    config.domains.iter().map(|domain| domain.name.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn lists_of_both_kinds_add_up() {
    let folder = Folder::named("kinds");
    folder.write("domains.d/a.yml", "- z.example\n- domain: b.example\n  interval: 5m\n");
    folder.write("domains.d/b.yaml", "");
    folder.write("domains.d/.a.yml.swp", "neither a domain nor a list");
    folder.write("customers.txt", "\u{feff}# customers\r\n\r\n  bücher.example # Unicode\r\na.example\r\n");
    fs::create_dir(folder.0.join("domains.d/folder")).unwrap();
    let config = folder.load().unwrap();
    assert_eq!(names(&config), "a.example b.example own.example xn--bcher-kva.example z.example");
    assert_eq!(config.domains[1].settings.interval, Interval::Every(Duration::from_secs(300)));
    assert_eq!(config.domain_files().count(), 3);
    assert!(config.summary().starts_with("5 domains (3 domain files read), "), "{}", config.summary());
    assert_eq!(config.reread(), None);
}

#[test]
fn a_folder_may_be_called_anything() {
    let folder = Folder::named("[a]*?");
    folder.write("domains.d/a.txt", "a.example");
    assert_eq!(names(&folder.load().unwrap()), "a.example own.example");
}

#[test]
fn files_that_change_are_read_again() {
    let folder = Folder::named("changes");
    folder.write("customers.txt", "a.example\nb.example\n");
    let first = folder.load().unwrap();
    folder.write("customers.txt", "a.example\nc.example\nd.example\n");
    folder.write("domains.d/new.yml", "[e.example]");
    let second = first.reread().unwrap();
    assert_eq!(names(&second), "a.example c.example d.example e.example own.example");
    assert_eq!((folder.faults(&second).len(), second.reread()), (0, None));
    assert_eq!(second, folder.load().unwrap(), "as if it had just been started");
}

#[test]
fn a_file_that_loses_more_than_half_keeps_its_domains_until_a_reload() {
    let folder = Folder::named("half");
    folder.write("customers.txt", "a.example\nb.example\nc.example\nd.example\n");
    let first = folder.load().unwrap();
    folder.write("customers.txt", "a.example\ne.example\nf.example\n");
    let second = first.reread().unwrap();
    assert_eq!(names(&second), names(&first));
    let told = "customers.txt: 3 of 4 domains are gone: kept until a reload is asked for";
    assert_eq!(folder.faults(&second), [told]);
    assert_eq!(second.reread(), None, "it is told once");
    assert_eq!(names(&folder.load().unwrap()), "a.example e.example f.example own.example");
    folder.write("customers.txt", "a.example\nb.example\n");
    let third = second.reread().unwrap();
    assert_eq!((names(&third).as_str(), folder.faults(&third).len()), ("a.example b.example own.example", 0));
}

#[test]
fn a_file_that_goes_away_or_becomes_wrong_keeps_its_domains() {
    let folder = Folder::named("wrong");
    folder.write("domains.d/a.yml", "- a.example\n- b.example\n");
    folder.write("domains.d/empty.txt", "# nothing yet\n");
    let first = folder.load().unwrap();
    folder.remove("domains.d/a.yml");
    folder.remove("domains.d/empty.txt");
    folder.write("domains.d/new.txt", "c example\n");
    folder.write("customers.txt", "d.example\n");
    let second = first.reread().unwrap();
    assert_eq!(names(&second), "a.example b.example d.example own.example");
    let faults = folder.faults(&second);
    assert_eq!(faults[0], "domains.d/a.yml: 2 of 2 domains are gone: kept until a reload is asked for");
    assert!(faults[1].starts_with("domains.d/new.txt:1:1: domain: found `c example`"), "{faults:?}");
    assert_eq!((faults.len(), second.domain_files().count(), second.reread()), (2, 3, None));
    folder.write("domains.d/a.yml", "- a.example\n- b.example: 1\n");
    let third = second.reread().unwrap();
    assert_eq!(names(&third), names(&second));
    assert!(folder.faults(&third)[0].starts_with("domains.d/a.yml:2:3: b.example: found an unknown key"));
    folder.write("domains.d/a.yml", "- a.example\n- b.example\n- e.example\n");
    folder.write("domains.d/new.txt", "c.example\n");
    let fourth = third.reread().unwrap();
    assert_eq!(names(&fourth), "a.example b.example c.example d.example e.example own.example");
    assert_eq!(folder.faults(&fourth).len(), 0);
}

#[test]
fn a_domain_may_move_from_file_to_file() {
    let folder = Folder::named("moves");
    folder.write("domains.d/a.txt", "a.example\nb.example\nc.example\n");
    folder.write("domains.d/b.txt", "d.example\n");
    let first = folder.load().unwrap();
    folder.write("domains.d/a.txt", "a.example\nb.example\n");
    folder.write("domains.d/b.txt", "d.example\nc.example\n");
    let at_once = first.reread().unwrap();
    assert_eq!((names(&at_once), folder.faults(&at_once).len()), (names(&first), 0));
    folder.write("domains.d/a.txt", "a.example\nb.example\nc.example\nnew.example\n");
    let added = at_once.reread().unwrap();
    assert_eq!(names(&added), names(&first), "as long as it stands in both, nothing changes");
    let told = "domains.d/b.txt:2:1: domain: found `c.example`, which stands on line 3 of domains.d/a.txt already, \
                allowed: each domain once";
    assert_eq!(folder.faults(&added), [told]);
    folder.write("domains.d/b.txt", "d.example\n");
    let removed = added.reread().unwrap();
    assert_eq!(names(&removed), "a.example b.example c.example d.example new.example own.example");
    assert_eq!(folder.faults(&removed).len(), 0);
}

#[test]
fn a_domain_of_the_configuration_itself_stays_there() {
    let folder = Folder::named("own");
    let first = folder.load().unwrap();
    folder.write("customers.txt", "a.example\nOwn.Example.\n");
    let told = "customers.txt:2:1: domain: found `own.example`, which stands on line 1 of mx.yml already, \
                allowed: each domain once";
    assert_eq!(folder.load(), Err(told.to_owned()));
    let second = first.reread().unwrap();
    assert_eq!((names(&second).as_str(), folder.faults(&second)), ("own.example", vec![told.to_owned()]));
}

#[test]
fn a_pattern_that_matches_half_the_disk_is_a_slip() {
    let folder = Folder::named("many");
    for number in 0..=10_000 {
        folder.write(&format!("domains.d/{number}"), "");
    }
    assert_eq!(folder.load(), Err("mx.yml: domain_files match more than 10000 files".to_owned()));
}

#[test]
fn what_is_no_file_is_refused_and_nothing_waits_for_it() {
    let folder = Folder::named("no_file");
    folder.write("mx.yml", "domain_files: [/dev/zero]");
    assert_eq!(folder.load(), Err("/dev/zero: cannot be read".to_owned()));
    folder.write("mx.yml", "domain_files: [domains.d/*]");
    fs::write(folder.0.join("domains.d/a.txt"), b"a.example\n\xff\n").unwrap();
    assert_eq!(folder.load(), Err("domains.d/a.txt:2:1: found a byte that is not UTF-8".to_owned()));
}
