//! A set that changes while other threads ask it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::{hint, mem, process, thread};

use crate::bpf::verify::Verified;
use crate::codegen::OnceBox;
use crate::filter_set::FilterSet;
use crate::filter_set::change::Change;
use crate::filter_set::error::SetError;

/// A [`FilterSet`] that changes while other threads ask it: each thread has a [`SetReader`], which sees a change at the
/// next packet.
///
/// A change takes as long as to index the few rules that are new. When these have become many, all are indexed anew in
/// the background, while readers go on with what is there. Clones are the same set. A process that is forked has a set of
/// its own from then on, with the rules of that moment.
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

/// What the clones of a set share in one process.
///
/// A process that is forked inherits it as it was at that moment, with locks of threads that are not there. So it only
/// reads the newest version, which is whole and never locked to write, and goes on with a [`Shared`] of its own.
#[derive(Debug)]
struct Shared {
    /// The process that changes it.
    process: u32,
    /// Whoever changes the set has this.
    newest: Mutex<Newest>,
    /// How often the set has changed.
    version: AtomicU64,
    /// The newest version, in the place that its number has. Who shows the next one writes to the other place first.
    versions: [RwLock<FilterSet>; 2],
    /// What a process that was forked goes on with.
    forked: OnceBox<Arc<Shared>>,
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
        self.shared = self.shared.here();
        (self.version, self.set) = self.shared.snapshot();
    }
}

impl SharedSet {
    /// Shares a set.
    pub fn new(set: FilterSet) -> SharedSet {
        SharedSet(Shared::new(set))
    }

    /// A view of the set for a thread.
    pub fn reader(&self) -> SetReader {
        let shared = self.0.here();
        let (version, set) = shared.snapshot();
        SetReader { shared, version, set }
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
        let shared = self.0.here();
        let mut newest = shared.lock();
        newest.set.change(&change)?;
        shared.publish(&newest.set);
        if let Some(changes) = &mut newest.changes {
            changes.push(change);
        } else if newest.set.is_stale() {
            shared.rebuild(&mut newest);
        }
        Ok(())
    }
}

impl Shared {
    fn new(set: FilterSet) -> Arc<Shared> {
        Arc::new(Shared {
            process: process::id(),
            version: AtomicU64::new(0),
            versions: [set.clone(), set.clone()].map(RwLock::new),
            newest: Mutex::new(Newest { set, changes: None }),
            forked: OnceBox::new(),
        })
    }

    /// What is this process's own: if it was forked since, a copy of the newest version that it inherited.
    fn here(self: &Arc<Self>) -> Arc<Shared> {
        let (mut shared, process) = (self, process::id());
        while shared.process != process {
            shared = match shared.forked.get() {
                Some(forked) => forked,
                None => shared.fork(),
            };
        }
        shared.clone()
    }

    /// Makes the copy that this process goes on with. Its rules are indexed anew if that had begun, or should.
    fn fork(&self) -> &Arc<Shared> {
        let forked = Shared::new(self.snapshot().1);
        // Has readers look for the copy. The place of the version stays the same.
        self.version.fetch_add(2, Ordering::AcqRel);
        let (forked, is_first) = self.forked.get_or_set(forked);
        let mut newest = forked.lock();
        if is_first && newest.changes.is_none() && newest.set.is_stale() {
            forked.rebuild(&mut newest);
        }
        drop(newest);
        forked
    }

    /// The newest version, and its number.
    fn snapshot(&self) -> (u64, FilterSet) {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let set = match self.versions[version as usize % 2].try_read() {
                Ok(set) => Some(set),
                Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
                // It is being written, and was the newest.
                Err(TryLockError::WouldBlock) => None,
            };
            if let Some(set) = set.filter(|_| self.version.load(Ordering::Acquire) == version) {
                return (version, set.clone());
            }
            hint::spin_loop();
        }
    }

    /// Shows readers a set, for whoever changes it.
    fn publish(&self, set: &FilterSet) {
        let put = |version: u64| {
            let mut place = self.versions[version as usize % 2].write().unwrap_or_else(PoisonError::into_inner);
            mem::replace(&mut *place, set.clone())
        };
        let version = self.version.load(Ordering::Relaxed) + 1;
        drop(put(version));
        self.version.store(version, Ordering::Release);
        // Not to keep what nobody sees any more.
        drop(put(version + 1));
    }

    fn lock(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Indexes all rules anew in the background; without a thread for that, when the next change comes.
    fn rebuild(self: &Arc<Self>, newest: &mut Newest) {
        let (shared, mut set) = (self.clone(), newest.set.clone());
        let work = move || {
            set.rebuild();
            shared.adopt(set);
        };
        let is_begun = thread::Builder::new().name("cbpf-set".to_owned()).spawn(work).is_ok();
        newest.changes = is_begun.then(Vec::new);
    }

    /// Takes a set whose rules were indexed anew, and makes the changes that have come since.
    fn adopt(&self, mut set: FilterSet) {
        let mut newest = self.lock();
        let changes = newest.changes.take().unwrap_or_default();
        let is_done = changes.iter().try_for_each(|change| set.change(change));
        // What the one set took, the other does.
        debug_assert_eq!(is_done, Ok(()));
        newest.set = set;
        self.publish(&newest.set);
    }
}
