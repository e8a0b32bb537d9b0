//! `state:`: what survives a restart.

use super::error::Problem;
use super::kind;
use super::section::Section;
use std::path::{Path, PathBuf};

/// `state:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The folder that what is known is kept in; none: memory only.
    pub path: Option<PathBuf>,
}

impl State {
    pub(super) fn read(mut section: Section, folder: &Path) -> Result<Self, Problem> {
        let mut state = Self::default();
        section.set("path", &mut state.path, &kind::PATH)?;
        section.finish()?;
        state.path = state.path.map(|path| folder.join(path));
        Ok(state)
    }
}
