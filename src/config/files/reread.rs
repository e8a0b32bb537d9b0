//! Domain files that change while they are watched: what is taken in, and what is kept.

use super::{Clash, DomainFile, Error, List, MOST, Settings, Sources};
use crate::name::DomainName;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::error::Error as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is another when somebody writes a file, replaces it or changes who may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    size: u64,
    /// Of the inode, in seconds and nanoseconds; nobody can set it.
    changed: (i64, i64),
}

impl Stamp {
    /// How a file looks; none where it is not there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let data = fs::metadata(path).ok()?;
        Some(Self { inode: data.ino(), size: data.len(), changed: (data.ctime(), data.ctime_nsec()) })
    }
}

impl Sources {
    /// The same with the files as they are now; none where they all look as before. Whatever goes wrong with a file,
    /// the domains it had stay.
    pub(in crate::config) fn reread(&self, defaults: &Arc<Settings>) -> Option<Self> {
        let stamps = self.stamps();
        let is_known = |(path, stamp): (&PathBuf, &Option<Stamp>)| {
            self.files.get(path).is_some_and(|file| file.stamp == *stamp)
        };
        if stamps.iter().all(is_known) {
            return None;
        }
        let (main, own, patterns) = (self.main.clone(), self.own.clone(), self.patterns.clone());
        let mut now = Self { main, own, patterns, files: BTreeMap::new() };
        let mut fresh = BTreeSet::new();
        for (path, stamp) in stamps {
            let before = self.files.get(&path).cloned().unwrap_or_default();
            if before.stamp == stamp && before.fault.is_none() {
                now.files.insert(path, before);
                continue;
            }
            match before.list.renewed(&path, stamp, defaults) {
                Ok(list) if stamp.is_none() && list.domains.is_empty() => {}
                Ok(list) => {
                    fresh.insert(path.clone());
                    now.files.insert(path, DomainFile { list, stamp, fault: None });
                }
                Err(fault) => {
                    now.files.insert(path, DomainFile { list: before.list, stamp, fault: Some(fault) });
                }
            }
        }
        self.settle(&mut now, fresh);
        Some(now)
    }

    /// How all files look that there are or were.
    fn stamps(&self) -> BTreeMap<PathBuf, Option<Stamp>> {
        let found = self.paths().into_iter().flatten().take(MOST);
        let paths: BTreeSet<PathBuf> = found.chain(self.files.keys().cloned()).collect();
        paths.into_iter().map(|path| (path.clone(), Stamp::of(&path))).collect()
    }

    /// Takes fresh files back until no domain stands in two.
    fn settle(&self, now: &mut Self, mut fresh: BTreeSet<PathBuf>) {
        loop {
            let mut settled = true;
            for Clash { first, second, problem } in now.clashes() {
                let Some(path) = [&second, &first].into_iter().find(|path| fresh.contains(*path)) else {
                    continue;
                };
                fresh.remove(path);
                settled = false;
                if let Some(file) = now.files.get_mut(path) {
                    file.list = self.files.get(path).map(|before| before.list.clone()).unwrap_or_default();
                    file.fault = Some(format!("{}:{problem}", second.display()));
                }
            }
            if settled {
                return;
            }
        }
    }
}

impl List {
    /// What stands in the file now, unless too much of this is lost.
    fn renewed(&self, path: &Path, stamp: Option<Stamp>, defaults: &Arc<Settings>) -> Result<Self, String> {
        let now = match stamp {
            Some(_) => Self::load(path, defaults).map_err(|error| told(&error))?,
            None => Self::default(),
        };
        let names: HashSet<&DomainName> = now.domains.iter().map(|(_, domain)| &domain.name).collect();
        let had = self.domains.len();
        let lost = self.domains.iter().filter(|(_, domain)| !names.contains(&domain.name)).count();
        if 2 * lost > had {
            let path = path.display();
            return Err(format!(
                "{path}: {lost} of {had} domains are gone: kept until a reload is asked for"
            ));
        }
        Ok(now)
    }
}

fn told(error: &Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
