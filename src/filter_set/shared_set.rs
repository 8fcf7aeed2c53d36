//! Sets that change while other threads use them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::{hint, mem, process, thread};

use crate::bpf::verify::Verified;
use crate::codegen::OnceBox;
use crate::filter_set::FilterSet;
use crate::filter_set::change::RuleChange;
use crate::filter_set::error::SetError;

/// A [`FilterSet`] that changes while other threads use it. Each thread has a [`SetReader`], which sees a change at the
/// next packet.
///
/// A change takes as long as indexing the few rules that were added. When these are many, all rules are indexed anew in
/// the background, while readers use the present set. Clones are the same set. A forked process has its own set from
/// then on, with the rules of that moment.
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

/// The state that the clones of a set share in one process.
///
/// A forked process inherits the state of that moment, with locks of threads that do not exist in it. It only reads the
/// newest version, which is complete and never locked for writing, and continues with its own [`Shared`].
#[derive(Debug)]
struct Shared {
    /// The process that changes the set.
    process: u32,
    /// Locked during a change.
    newest: Mutex<Newest>,
    /// The number of changes.
    version: AtomicU64,
    /// The newest version, at the place of its number modulo 2. The next version is written to the other place first.
    versions: [RwLock<FilterSet>; 2],
    /// The state of a forked process.
    forked: OnceBox<Arc<Shared>>,
}

/// The newest set and, while its rules are indexed anew in the background, the changes since that began.
#[derive(Debug)]
struct Newest {
    set: FilterSet,
    changes: Option<Vec<RuleChange>>,
}

/// The view that one thread has of a [`SharedSet`].
#[derive(Clone, Debug)]
pub struct SetReader {
    shared: Arc<Shared>,
    version: u64,
    set: FilterSet,
}

impl SetReader {
    /// Returns the set with all changes up to now.
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

    /// Creates a view of the set for a thread.
    pub fn reader(&self) -> SetReader {
        let shared = self.0.here();
        let (version, set) = shared.snapshot();
        SetReader { shared, version, set }
    }

    /// Adds a rule after all others, as [`FilterSet::add`].
    ///
    /// # Errors
    /// As [`FilterSet::add`].
    pub fn add(&self, id: u32, program: &Verified) -> Result<(), SetError> {
        self.change(RuleChange::Add(id, program.clone()))
    }

    /// Adds a rule before another one, as [`FilterSet::insert_before`].
    ///
    /// # Errors
    /// As [`FilterSet::insert_before`].
    pub fn insert_before(&self, id: u32, before: u32, program: &Verified) -> Result<(), SetError> {
        self.change(RuleChange::Insert(id, before, program.clone()))
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// As [`FilterSet::remove`].
    pub fn remove(&self, id: u32) -> Result<(), SetError> {
        self.change(RuleChange::Remove(id))
    }

    /// Replaces the program of a rule, as [`FilterSet::replace`].
    ///
    /// # Errors
    /// As [`FilterSet::replace`].
    pub fn replace(&self, id: u32, program: &Verified) -> Result<(), SetError> {
        self.change(RuleChange::Replace(id, program.clone()))
    }

    fn change(&self, change: RuleChange) -> Result<(), SetError> {
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
            process: this_process(),
            version: AtomicU64::new(0),
            versions: [set.clone(), set.clone()].map(RwLock::new),
            newest: Mutex::new(Newest { set, changes: None }),
            forked: OnceBox::new(),
        })
    }

    /// Returns the state of this process: in a forked process, a copy of the newest version that it inherited.
    fn here(self: &Arc<Self>) -> Arc<Shared> {
        let (mut shared, process) = (self, this_process());
        while shared.process != process {
            shared = match shared.forked.get() {
                Some(forked) => forked,
                None => shared.fork(),
            };
        }
        shared.clone()
    }

    /// Makes the copy for a forked process. Its rules are indexed anew if that had begun or is due.
    fn fork(&self) -> &Arc<Shared> {
        let forked = Shared::new(self.snapshot().1);
        // Makes readers look for the copy. The place of the version stays the same.
        self.version.fetch_add(2, Ordering::AcqRel);
        let (forked, is_first) = self.forked.get_or_set(forked);
        let mut newest = forked.lock();
        if is_first && newest.changes.is_none() && newest.set.is_stale() {
            forked.rebuild(&mut newest);
        }
        drop(newest);
        forked
    }

    /// Returns the newest version and its number.
    fn snapshot(&self) -> (u64, FilterSet) {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let set = match self.versions[version as usize % 2].try_read() {
                Ok(set) => Some(set),
                Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
                // Another version is the newest by now, and this place is being written.
                Err(TryLockError::WouldBlock) => None,
            };
            if let Some(set) = set.filter(|_| self.version.load(Ordering::Acquire) == version) {
                return (version, set.clone());
            }
            hint::spin_loop();
        }
    }

    /// Publishes a set to readers. The caller holds the lock of `newest`.
    fn publish(&self, set: &FilterSet) {
        let put = |version: u64| {
            let mut place = self.versions[version as usize % 2].write().unwrap_or_else(PoisonError::into_inner);
            mem::replace(&mut *place, set.clone())
        };
        let version = self.version.load(Ordering::Relaxed) + 1;
        drop(put(version));
        self.version.store(version, Ordering::Release);
        // Frees the previous version.
        drop(put(version + 1));
    }

    fn lock(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Indexes all rules anew in the background. If no thread can be started, the next change tries again; systems
    /// without threads index at once.
    fn rebuild(self: &Arc<Self>, newest: &mut Newest) {
        if cfg!(target_family = "wasm") {
            newest.set.rebuild();
            return self.publish(&newest.set);
        }
        let (shared, mut set) = (self.clone(), newest.set.clone());
        let work = move || {
            set.rebuild();
            shared.adopt(set);
        };
        let is_begun = thread::Builder::new().name("cbpf-set".to_owned()).spawn(work).is_ok();
        newest.changes = is_begun.then(Vec::new);
    }

    /// Publishes a set whose rules were indexed anew, after applying the changes since that began.
    fn adopt(&self, mut set: FilterSet) {
        let mut newest = self.lock();
        let changes = newest.changes.take().unwrap_or_default();
        let is_done = changes.iter().try_for_each(|change| set.change(change));
        debug_assert!(is_done.is_ok(), "the other set accepted the same changes: {is_done:?}");
        newest.set = set;
        self.publish(&newest.set);
    }
}

/// Returns the number of this process: 0 on systems without processes, where the standard library panics.
fn this_process() -> u32 {
    if cfg!(target_family = "wasm") { 0 } else { process::id() }
}
