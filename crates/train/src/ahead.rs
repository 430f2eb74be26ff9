//! Batches whose pictures are made on other threads while the step before computes.
//!
//! Invariant: batches come in order, and at most [`AHEAD`] of them wait; what is in them does not depend on when they
//! were made.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use data::Augment;
use nn::Inputs;

use crate::batch::{Loader, Pictures};
use crate::error::Error;

/// Batches that wait.
const AHEAD: usize = 2;

/// Batches in order.
pub(crate) struct Ahead<'s> {
    loader: &'s Loader<'s>,
    batches: std::slice::Iter<'s, Vec<u32>>,
    augment: Option<Augment<'s>>,
    /// Pictures that were made; none where the batches have none.
    made: Option<Receiver<Result<Pictures, data::Error>>>,
}

impl<'s> Ahead<'s> {
    /// Begins with the first batches.
    pub(crate) fn start<'e: 's>(
        scope: &'s Scope<'s, 'e>,
        loader: &'e Loader<'e>,
        batches: &'e [Vec<u32>],
        augment: Option<Augment<'e>>,
    ) -> Self {
        let pictures = loader.pictures();
        let made = (!pictures.is_empty()).then(|| {
            let (send, receive) = sync_channel(AHEAD);
            scope.spawn(move || {
                for rows in batches {
                    let made = pictures.batch(rows, augment);
                    let failed = made.is_err();
                    // Nobody takes a batch any more where the step before it failed.
                    if send.send(made).is_err() || failed {
                        break;
                    }
                }
            });
            receive
        });
        Ahead { loader, batches: batches.iter(), augment, made }
    }

    /// The next batch; one without rows after the last.
    pub(crate) fn next(&mut self) -> Result<Inputs, Error> {
        let Some(rows) = self.batches.next() else { return self.loader.inputs(&[]) };
        let pictures = match &self.made {
            None => Pictures::new(),
            Some(made) => {
                let gone = |_| Error::Setting("the thread that makes pictures is gone".to_owned());
                made.recv().map_err(gone)??
            }
        };
        self.loader.assemble(rows, pictures, self.augment)
    }
}
