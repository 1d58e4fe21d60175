//! Round 1: live state beside what is known, in parallel.

use futures_util::future::join3;
use undrift_core::decide::protected;
use undrift_core::kind::ResourceRef;
use undrift_core::record::ChangeKey;

use crate::Engine;
use crate::port::{CallError, Clock, Cloud, Journal, JournalError, Known, Seen, Switch};

/// What round 1 gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// The resource as it is.
    pub seen: Seen,
    /// What the journal knows.
    pub known: Known,
    /// The pause switch.
    pub paused: bool,
    /// Why only a person may change it back, where that is so.
    pub protected: Option<String>,
}

/// Why round 1 gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The resource can't be read.
    #[error(transparent)]
    Cloud(#[from] CallError),
    /// The journal or the pause switch can't be read: nothing may be written either.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Looks at a resource.
    pub(crate) async fn look(
        &self,
        resource: &ResourceRef,
        keys: &[ChangeKey],
    ) -> Result<Looked, LookError> {
        let (seen, known, paused) = join3(
            self.cloud.read(resource),
            self.journal.know(resource, keys),
            self.switch.paused(),
        )
        .await;
        let (known, paused, seen) = (known?, paused?, seen?);
        let path = seen.path.as_deref();
        Ok(Looked {
            protected: protected(resource, path, &self.bundle.settings, &self.own_roles),
            known,
            paused,
            seen,
        })
    }
}
