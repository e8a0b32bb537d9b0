//! Where the domains stand: in the configuration itself, and in the files that `domain_files` names.

use super::domain::{Domain, List, Reader};
use super::error::{Error, Place, Problem, quoted};
use super::node::Node;
use super::settings::Settings;
use super::text;
use crate::name::DomainName;
use glob::MatchOptions;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod reread;

use reread::Stamp;

/// As many files are read.
const MOST: usize = 10_000;

/// As many warnings are told.
const WARNINGS: usize = 20;

/// `*` stops at folders and passes over hidden files, as in a shell.
const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The domains by the files they stand in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    main: PathBuf,
    own: List,
    patterns: Vec<Pattern>,
    files: BTreeMap<PathBuf, DomainFile>,
}

/// What `domain_files` names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    One(PathBuf),
    Matching(String),
}

/// One of `domain_files`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct DomainFile {
    list: List,
    /// How it looked just before it was last read; none where it was not there.
    stamp: Option<Stamp>,
    /// Why its domains are not those that stand in it now.
    fault: Option<String>,
}

/// A domain that stands in two files.
struct Clash {
    first: PathBuf,
    second: PathBuf,
    problem: Problem,
}

impl Sources {
    /// The configuration's own domains, and patterns of files that have not been read.
    pub(super) fn new(main: &Path, own: List, patterns: Vec<String>) -> Self {
        let folder = main.parent().unwrap_or(Path::new(""));
        let patterns = patterns.iter().map(|pattern| Pattern::within(folder, pattern)).collect();
        Self { main: main.to_owned(), own, patterns, files: BTreeMap::new() }
    }

    /// Reads all files.
    pub(super) fn load(&mut self, defaults: &Arc<Settings>) -> Result<(), Error> {
        let paths: BTreeSet<PathBuf> = self.paths().into_iter().collect::<Result<_, _>>()?;
        if paths.len() > MOST {
            return Err(Error::TooMany { path: self.main.clone(), limit: MOST });
        }
        for path in paths {
            let stamp = Stamp::of(&path);
            let file = DomainFile { list: List::load(&path, defaults)?, stamp, fault: None };
            self.files.insert(path, file);
        }
        match self.clashes().into_iter().next() {
            Some(Clash { second, problem, .. }) => Err(Error::Invalid { path: second, problem }),
            None => Ok(()),
        }
    }

    /// All domains, sorted by name.
    pub(super) fn domains(&self) -> Vec<Arc<Domain>> {
        let domains =
            self.lists().flat_map(|(_, list)| list.domains.iter().map(|(_, domain)| domain.clone()));
        let mut domains: Vec<Arc<Domain>> = domains.collect();
        domains.sort_by(|a, b| a.name.cmp(&b.name));
        domains
    }

    /// What is odd, but no error.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut all = self.lists().flat_map(|(path, list)| {
            list.warnings.iter().map(move |warning| format!("{}:{warning}", path.display()))
        });
        let mut warnings: Vec<String> = all.by_ref().take(WARNINGS).collect();
        match all.count() {
            0 => {}
            more => warnings.push(format!("{}: {more} more names like these", self.main.display())),
        }
        warnings
    }

    /// Whether there may be files.
    pub(super) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Every file, and why its domains are not those that stand in it now.
    pub(super) fn files(&self) -> impl Iterator<Item = (&Path, Option<&str>)> {
        self.files.iter().map(|(path, file)| (path.as_path(), file.fault.as_deref()))
    }

    /// The files that the patterns name; those of one pattern are sorted.
    fn paths(&self) -> Vec<Result<PathBuf, Error>> {
        self.patterns.iter().flat_map(Pattern::paths).collect()
    }

    /// The files in their order, each with its domains.
    fn lists(&self) -> impl Iterator<Item = (&Path, &List)> {
        let files = self.files.iter().map(|(path, file)| (path.as_path(), &file.list));
        std::iter::once((self.main.as_path(), &self.own)).chain(files)
    }

    /// Domains that stand in two files: of each file the first that an earlier one has, too.
    fn clashes(&self) -> Vec<Clash> {
        let mut first: HashMap<&DomainName, (&Path, Place)> = HashMap::new();
        let mut clashes: Vec<Clash> = Vec::new();
        for (path, list) in self.lists() {
            for (place, domain) in &list.domains {
                match first.entry(&domain.name) {
                    Entry::Vacant(vacant) => drop(vacant.insert((path, *place))),
                    Entry::Occupied(_) if clashes.last().is_some_and(|clash| clash.second == path) => {}
                    Entry::Occupied(first) => {
                        clashes.push(Clash::new(&domain.name, *first.get(), (path, *place)))
                    }
                }
            }
        }
        clashes
    }
}

impl Pattern {
    fn within(folder: &Path, pattern: &str) -> Self {
        if !pattern.contains(['*', '?', '[']) {
            return Self::One(folder.join(pattern));
        }
        let folder = glob::Pattern::escape(&folder.to_string_lossy());
        Self::Matching(Path::new(&folder).join(pattern).to_string_lossy().into_owned())
    }

    fn paths(&self) -> Vec<Result<PathBuf, Error>> {
        let pattern = match self {
            Self::One(path) => return vec![Ok(path.clone())],
            Self::Matching(pattern) => pattern,
        };
        let matching = glob::glob_with(pattern, MATCHING).into_iter().flatten();
        let unreadable = |error: glob::GlobError| Error::Unreadable {
            path: error.path().to_owned(),
            source: error.into(),
        };
        let paths = matching.map(|path| path.map_err(unreadable)).take(MOST + 1);
        paths.filter(|path| path.as_ref().map_or(true, |path| path.is_file())).collect()
    }
}

impl List {
    /// Reads one of `domain_files`: YAML by its name, else one domain a line.
    fn load(path: &Path, defaults: &Arc<Settings>) -> Result<Self, Error> {
        let text = text::read_file(path)?;
        let is_yaml = path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
        Self::read(&text, is_yaml, defaults)
            .map_err(|problem| Error::Invalid { path: path.to_owned(), problem })
    }

    /// Reads what stands in one of them.
    pub(super) fn read(text: &str, is_yaml: bool, defaults: &Arc<Settings>) -> Result<Self, Problem> {
        let reader = Reader::new(defaults.clone());
        match is_yaml {
            true => Node::parse(text).and_then(|node| reader.read("the file", node)),
            false => reader.read_lines(text),
        }
    }
}

impl Clash {
    fn new(name: &DomainName, first: (&Path, Place), second: (&Path, Place)) -> Self {
        let (path, place) = first;
        let found = format!(
            "{}, which stands on line {} of {} already",
            quoted(name.as_str()),
            place.line,
            path.display()
        );
        let problem = Problem::of(second.1, "domain", found, "each domain once");
        Self { first: path.to_owned(), second: second.0.to_owned(), problem }
    }
}
