//! A set that changes while other threads ask it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::set::FilterSet;
use crate::set::change::Change;
use crate::set::error::SetError;
use crate::verify::Verified;

/// A [`FilterSet`] that changes while other threads ask it: each thread has a [`SetReader`], which sees a change at the
/// next packet.
///
/// A change takes as long as to index the few rules that are new. When these have become many, all are indexed anew in
/// the background, while readers go on with what is there. Clones are the same set.
///
/// ```
/// use cbpf::{Dialect, FilterSet, Program, SharedSet};
/// let program: Program = "ldb [0]\n ret a".parse()?;
/// let program = program.verify(Dialect::Linux)?;
/// let shared = SharedSet::new(FilterSet::new([(1, program.clone())])?);
///
/// let mut reader = shared.reader();
/// let other = std::thread::spawn(move || loop {
///     match reader.set().first_match(&[9]) {
///         None => break,
///         Some(rule) => assert_eq!(rule, 1),
///     }
/// });
/// shared.remove(1)?;
/// other.join().expect("a thread that ends");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedSet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    newest: Mutex<Newest>,
    /// How often the set has changed.
    version: AtomicU64,
}

/// The set as it is now, and what became of it since its rules began to be indexed anew, if that goes on.
#[derive(Debug)]
struct Newest {
    set: FilterSet,
    changes: Option<Vec<Change>>,
}

/// Where a thread sees a [`SharedSet`].
#[derive(Clone, Debug)]
pub struct SetReader {
    shared: Arc<Shared>,
    version: u64,
    set: FilterSet,
}

impl SetReader {
    /// The set as it is now.
    #[inline]
    pub fn set(&mut self) -> &FilterSet {
        if self.shared.version.load(Ordering::Acquire) != self.version {
            self.refresh();
        }
        &self.set
    }

    #[cold]
    fn refresh(&mut self) {
        let newest = self.shared.lock();
        // It changes only under the lock.
        self.version = self.shared.version.load(Ordering::Acquire);
        self.set = newest.set.clone();
    }
}

impl SharedSet {
    /// Shares a set.
    pub fn new(set: FilterSet) -> SharedSet {
        let newest = Mutex::new(Newest { set, changes: None });
        SharedSet(Arc::new(Shared { newest, version: AtomicU64::new(0) }))
    }

    /// A view of the set for a thread.
    pub fn reader(&self) -> SetReader {
        let newest = self.0.lock();
        let version = self.0.version.load(Ordering::Acquire);
        SetReader { shared: self.0.clone(), version, set: newest.set.clone() }
    }

    /// Adds a rule behind all others, as [`FilterSet::add`].
    ///
    /// # Errors
    /// As [`FilterSet::add`].
    pub fn add(&self, id: u32, program: &Verified) -> Result<(), SetError> {
        self.change(Change::Add(id, program.clone()))
    }

    /// Adds a rule before another one, as [`FilterSet::insert_before`].
    ///
    /// # Errors
    /// As [`FilterSet::insert_before`].
    pub fn insert_before(&self, id: u32, before: u32, program: &Verified) -> Result<(), SetError> {
        self.change(Change::Insert(id, before, program.clone()))
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// As [`FilterSet::remove`].
    pub fn remove(&self, id: u32) -> Result<(), SetError> {
        self.change(Change::Remove(id))
    }

    /// Gives a rule another program, as [`FilterSet::replace`].
    ///
    /// # Errors
    /// As [`FilterSet::replace`].
    pub fn replace(&self, id: u32, program: &Verified) -> Result<(), SetError> {
        self.change(Change::Replace(id, program.clone()))
    }

    fn change(&self, change: Change) -> Result<(), SetError> {
        let mut newest = self.0.lock();
        newest.set.change(&change)?;
        self.0.version.fetch_add(1, Ordering::Release);
        if let Some(changes) = &mut newest.changes {
            changes.push(change);
        } else if newest.set.is_stale() {
            self.rebuild(&mut newest);
        }
        Ok(())
    }

    /// Indexes all rules anew in the background; without a thread for that, when the next change comes.
    fn rebuild(&self, newest: &mut Newest) {
        let (shared, mut set) = (self.0.clone(), newest.set.clone());
        let work = move || {
            set.rebuild();
            shared.adopt(set);
        };
        let is_begun = thread::Builder::new().name("cbpf-set".to_owned()).spawn(work).is_ok();
        newest.changes = is_begun.then(Vec::new);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a set whose rules were indexed anew, and makes the changes that have come since.
    fn adopt(&self, mut set: FilterSet) {
        let mut newest = self.lock();
        let changes = newest.changes.take().unwrap_or_default();
        let is_done = changes.iter().try_for_each(|change| set.change(change));
        // What the one set took, the other does.
        debug_assert_eq!(is_done, Ok(()));
        newest.set = set;
        self.version.fetch_add(1, Ordering::Release);
    }
}
