//! Sets that change while other threads use them.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::Duration;
use std::{hint, mem, process, thread};

use crate::bpf::verify::Verified;
use crate::codegen::OnceBox;
use crate::filter_set::FilterSet;
use crate::filter_set::change::RuleChange;
use crate::filter_set::error::SetError;
use crate::filter_set::merge::Merge;
use crate::filter_set::segment::Segment;

/// A [`FilterSet`] that changes while other threads use it. Each thread has a [`SetReader`], which sees a change at the
/// next packet.
///
/// A change takes microseconds: an added rule runs by itself until it is indexed together with others, some milliseconds
/// later, and a removed rule is marked. When many rules have changed, all are indexed anew. Both happens in the
/// background, and neither readers nor changes wait for it. Clones are the same set. A forked process has its own set
/// from then on, with the rules of that moment.
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
    /// Notified when rules were indexed.
    indexed: Condvar,
    /// The number of changes.
    version: AtomicU64,
    /// The newest version, at the place of its number modulo 2. The next version is written to the other place first.
    versions: [RwLock<FilterSet>; 2],
    /// The state of a forked process.
    forked: OnceBox<Arc<Shared>>,
}

/// The newest set, and the work in the background.
#[derive(Debug)]
struct Newest {
    set: FilterSet,
    /// Indexes added rules; empty while it waits for more of them.
    of_recent: Option<Merge>,
    /// Indexes all rules anew.
    of_all: Option<Merge>,
}

/// The time for which added rules run by themselves, so that several are indexed together, and their number from which
/// on they are indexed at once.
const WAIT: Duration = Duration::from_millis(5);
const MANY: usize = 64;

/// The number of rules that are not indexed from which on a change waits [`WAIT`] for the background.
const TOO_MANY: usize = 1 << 12;

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

    pub(crate) fn change(&self, change: RuleChange) -> Result<(), SetError> {
        let shared = self.0.here();
        let mut newest = shared.lock();
        if newest.set.recent_len() >= TOO_MANY && newest.of_recent.is_some() {
            (newest, _) = shared.indexed.wait_timeout(newest, WAIT).unwrap_or_else(PoisonError::into_inner);
        }
        let effect = newest.set.change(&change)?;
        newest.merges().for_each(|merge| merge.note(&effect));
        shared.publish(&newest.set);
        shared.index(&mut newest);
        Ok(())
    }
}

impl Newest {
    /// Returns the work in the background.
    fn merges(&mut self) -> impl Iterator<Item = &mut Merge> {
        self.of_recent.iter_mut().chain(&mut self.of_all)
    }
}

impl Shared {
    fn new(set: FilterSet) -> Arc<Shared> {
        Arc::new(Shared {
            process: this_process(),
            version: AtomicU64::new(0),
            versions: [set.clone(), set.clone()].map(RwLock::new),
            newest: Mutex::new(Newest { set, of_recent: None, of_all: None }),
            indexed: Condvar::new(),
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

    /// Makes the copy for a forked process. Rules are indexed if that had begun or is due.
    fn fork(&self) -> &Arc<Shared> {
        let forked = Shared::new(self.snapshot().1);
        // Makes readers look for the copy. The place of the version stays the same.
        self.version.fetch_add(2, Ordering::AcqRel);
        let (forked, is_first) = self.forked.get_or_set(forked);
        let mut newest = forked.lock();
        if is_first {
            forked.index(&mut newest);
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

    /// Begins to index rules in the background if that is due. On a system without threads that happens at once. If a
    /// thread cannot be started for another reason, the next change tries again.
    fn index(self: &Arc<Self>, newest: &mut Newest) {
        let merge = Merge::of_segments(&newest.set, newest.of_recent.as_ref());
        if newest.of_all.is_none() && merge.is_due() {
            let (shared, of_thread) = (self.clone(), merge.clone());
            let work = move || {
                let merged = of_thread.run();
                drop(shared.adopt(merged, |newest| newest.of_all.take()));
            };
            match spawn(work) {
                Ok(()) => newest.of_all = Some(merge),
                Err(error) if error.kind() == ErrorKind::Unsupported => self.index_at_once(newest),
                Err(_) => {}
            }
        }
        if newest.of_recent.is_none() && newest.set.recent_len() > 0 {
            let shared = self.clone();
            match spawn(move || shared.index_recent()) {
                Ok(()) => newest.of_recent = Some(Merge::default()),
                Err(error) if error.kind() == ErrorKind::Unsupported => self.index_at_once(newest),
                Err(_) => {}
            }
        }
    }

    fn index_at_once(&self, newest: &mut Newest) {
        newest.set.index_changes();
        self.publish(&newest.set);
    }

    /// Indexes added rules until there are none left.
    fn index_recent(self: &Arc<Self>) {
        loop {
            let count = self.lock().set.recent_len();
            if count < MANY {
                thread::sleep(WAIT);
            }
            let merge = {
                let mut newest = self.lock();
                let merge = Merge::of_recent(&newest.set, newest.of_all.as_ref());
                newest.of_recent.insert(merge).clone()
            };
            let merged = merge.run();
            let mut newest = self.adopt(merged, |newest| newest.of_recent.replace(Merge::default()));
            if newest.set.recent_len() == 0 {
                newest.of_recent = None;
                return;
            }
        }
    }

    /// Publishes a set with a new segment in place of what a merge was made of, which `take` returns.
    fn adopt(
        self: &Arc<Self>,
        merged: Option<Segment>,
        take: impl FnOnce(&mut Newest) -> Option<Merge>,
    ) -> MutexGuard<'_, Newest> {
        let mut newest = self.lock();
        if let Some(merge) = take(&mut newest) {
            newest.set.adopt(&merge, merged);
            self.publish(&newest.set);
            self.index(&mut newest);
        }
        self.indexed.notify_all();
        newest
    }
}

/// Starts a thread.
fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("cbpf-set".to_owned()).spawn(work).map(drop)
}

/// Returns the number of this process: 0 on systems without processes, where the standard library panics.
fn this_process() -> u32 {
    if cfg!(target_family = "wasm") { 0 } else { process::id() }
}
