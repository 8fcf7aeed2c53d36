//! DPDK's classifiers, behind the C functions of `dpdk.c`, which are compiled while the bench runs (Debian: `gcc
//! libdpdk-dev`).
//!
//! DPDK runs without huge pages, devices and files. On this crate's side, tables have no huge pages either.

use std::ffi::{CString, c_char, c_int, c_void};
use std::fs;
use std::io::IoSlice;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::sync::OnceLock;
use std::thread;

use libloading::Library;

use crate::areas::Area;
use crate::compiler;
use crate::engine::{Built, Firsts, Loaded, Mode, Skip, Subject, Way};
use crate::families::Nature;

/// The most areas for librte_acl, which takes seconds and gigabytes to build its tries.
const MOST_FOR_ACL: usize = 110_000;

/// The most areas of rules that have several each: of 20,000 for 10,000 ports, librte_acl 22.11 misses some.
const MOST_ALTERNATIVES_FOR_ACL: usize = 5_000;

/// Makes a classifier of areas and the numbers of their rules.
type New = unsafe extern "C" fn(*const Area, *const u32, u32, c_int) -> *mut c_void;

/// Writes the number of the first rule of each packet.
type Run = unsafe extern "C" fn(*mut c_void, c_int, *const c_void, u32, *mut u32);

type Free = unsafe extern "C" fn(*mut c_void);

/// The library, after DPDK has started.
struct Dpdk {
    library: Library,
    allocated: unsafe extern "C" fn() -> u64,
}

static DPDK: OnceLock<Result<Dpdk, String>> = OnceLock::new();

/// Starts DPDK, if the machine has it.
pub fn start() {
    DPDK.get_or_init(Dpdk::start);
}

impl Dpdk {
    fn start() -> Result<Dpdk, String> {
        if !cfg!(target_os = "linux") {
            return Err("it is for Linux".to_owned());
        }
        let library = compile()?;
        // This thread, as DPDK's only one, may run on all processors: building takes them.
        let last = thread::available_parallelism().map_or(0, |count| count.get() - 1);
        let [memory, processors] = [memory().to_string(), format!("0@(0-{last})")]
            .map(|text| CString::new(text).expect("text without a zero byte"));
        // SAFETY: these are the prototypes of `dpdk.c`; DPDK keeps its arguments, which are never freed.
        unsafe {
            let start: unsafe extern "C" fn(*const c_char, *const c_char) -> c_int = symbol(&library, "start")?;
            let allocated = symbol(&library, "allocated")?;
            if start(CString::into_raw(memory), CString::into_raw(processors)) < 0 {
                return Err("DPDK does not start".to_owned());
            }
            Ok(Dpdk { library, allocated })
        }
    }

    fn get() -> Result<&'static Dpdk, Skip> {
        let started = DPDK.get().ok_or_else(|| Skip::Because("DPDK has not started".to_owned()))?;
        started.as_ref().map_err(|reason| Skip::Because(format!("DPDK: {reason}")))
    }

    /// Makes a classifier from some areas, with an argument that its functions have.
    fn build(
        &'static self,
        name: &str,
        areas: &[Area],
        ids: &[u32],
        argument: c_int,
    ) -> Result<(Rc<Classifier>, u64), Skip> {
        let problem = |reason: String| Skip::Because(format!("{name}: {reason}"));
        // SAFETY: these are the prototypes of `dpdk.c`, and both slices have the same length.
        unsafe {
            let new: New = symbol(&self.library, &format!("{name}_new")).map_err(problem)?;
            let free: Free = symbol(&self.library, &format!("{name}_free")).map_err(problem)?;
            let before = (self.allocated)();
            let object = new(areas.as_ptr(), ids.as_ptr(), areas.len() as u32, argument);
            if object.is_null() {
                return Err(problem(format!("it cannot be built of {} areas", areas.len())));
            }
            Ok((Rc::new(Classifier { object, free }), (self.allocated)() - before))
        }
    }

    /// Returns a way to classify: a function of `dpdk.c` with an argument.
    fn way(
        &'static self,
        classifier: &Rc<Classifier>,
        (name, mode, function, argument): (&'static str, Mode, &str, c_int),
    ) -> Result<Way<'static>, Skip> {
        // SAFETY: this is its prototype in `dpdk.c`.
        let run: Run = unsafe { symbol(&self.library, function) }.map_err(Skip::Because)?;
        let classifier = Rc::clone(classifier);
        let run = move |packets: &[IoSlice], ids: &mut [u32]| {
            let count = packets.len().min(ids.len()) as u32;
            // SAFETY: `IoSlice` is `struct iovec`; no more than `count` packets, which are at most a batch, are read
            // and as many numbers written; the object is live.
            unsafe { run(classifier.object, argument, packets.as_ptr().cast(), count, ids.as_mut_ptr()) }
        };
        Ok(Way { name, mode, classify: Box::new(Firsts::new(run)) })
    }
}

/// An object of DPDK.
struct Classifier {
    object: *mut c_void,
    free: Free,
}

impl Drop for Classifier {
    fn drop(&mut self) {
        // SAFETY: the object is of the library that has this function, and this is its only owner.
        unsafe { (self.free)(self.object) }
    }
}

/// Returns a function of the library.
///
/// # Safety
/// It has this type, and the library stays loaded.
unsafe fn symbol<T: Copy>(library: &Library, name: &str) -> Result<T, String> {
    // SAFETY: as this function's.
    unsafe { library.get(name.as_bytes()) }.map(|symbol| *symbol).map_err(|error| error.to_string())
}

fn compile() -> Result<Library, String> {
    let output = Command::new("pkg-config").args(["--cflags", "libdpdk"]).output();
    let output = output.map_err(|error| format!("pkg-config: {error}"))?;
    if !output.status.success() {
        return Err("pkg-config finds no libdpdk (Debian: libdpdk-dev)".to_owned());
    }
    let flags = String::from_utf8_lossy(&output.stdout).into_owned();
    let libraries = ["acl", "lpm", "fib", "hash", "eal"].map(|library| format!("-lrte_{library}"));
    let options = flags.split_whitespace().map(str::to_owned);
    let options = options.chain(["-march=native", "-Wl,--no-as-needed"].map(str::to_owned)).chain(libraries);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/classifiers/dpdk.c");
    compiler::library("cc", &options.collect::<Vec<_>>(), &[source])
}

/// Returns the memory for DPDK in mebibytes: half of what is free, which it takes only as it needs it.
fn memory() -> usize {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.split_whitespace().next());
    let mebibytes = available.and_then(|number| number.parse::<usize>().ok()).map_or(2_048, |number| number >> 10);
    (mebibytes / 2).clamp(512, 8_192)
}

/// librte_acl: tries over the bytes of the fields, with several widths of vectors.
pub fn acl(subject: &Subject) -> Loaded {
    let dpdk = Dpdk::get()?;
    let has_alternatives = subject.areas.len() > subject.rules.len();
    let most = if has_alternatives { MOST_ALTERNATIVES_FOR_ACL } else { MOST_FOR_ACL };
    if subject.areas.len() > most {
        return Err(Skip::Because(format!("{} areas are too many", subject.areas.len())));
    }
    let has_ranges = c_int::from(subject.nature == Nature::Ranges);
    let (classifier, bytes) = dpdk.build("acl", &subject.areas, &subject.ids, has_ranges)?;
    // SAFETY: this is its prototype in `dpdk.c`.
    let has: unsafe extern "C" fn(*mut c_void, c_int) -> c_int =
        unsafe { symbol(&dpdk.library, "acl_has") }.map_err(Skip::Because)?;
    // The numbers are those of `enum rte_acl_classify_alg`.
    let ways = [
        ("acl scalar, single", Mode::Single, "acl_one_by_one", 1),
        ("acl scalar", Mode::Batch, "acl_batch", 1),
        ("acl AVX2", Mode::Batch, "acl_batch", 3),
        ("acl AVX-512 x16", Mode::Batch, "acl_batch", 6),
        ("acl AVX-512 x32", Mode::Batch, "acl_batch", 7),
        ("acl AVX-512 x32, given", Mode::Given, "acl_given", 7),
    ];
    // SAFETY: the object is one of librte_acl.
    let ways = ways.into_iter().filter(|&(.., algorithm)| unsafe { has(classifier.object, algorithm) } != 0);
    let ways = ways.map(|way| dpdk.way(&classifier, way)).collect::<Result<Vec<_>, Skip>>()?;
    Ok(Built { ways, bytes: Some(bytes), set: None })
}

/// Returns the place of the address in the fields, as `dpdk.c` counts them.
fn side(subject: &Subject) -> Result<c_int, Skip> {
    match subject.nature {
        Nature::SourceNet => Ok(3),
        Nature::DestinationNet => Ok(7),
        _ => Err(Skip::OtherRules),
    }
}

/// rte_lpm: a table of the first three bytes, and of the last one.
pub fn lpm(subject: &Subject) -> Loaded {
    let side = side(subject)?;
    let dpdk = Dpdk::get()?;
    let (classifier, bytes) = dpdk.build("lpm", &subject.areas, &subject.ids, side)?;
    let ways = vec![
        dpdk.way(&classifier, ("rte_lpm, single", Mode::Single, "lpm_one_by_one", side))?,
        dpdk.way(&classifier, ("rte_lpm", Mode::Batch, "lpm_batch", side))?,
    ];
    Ok(Built { ways, bytes: Some(bytes), set: None })
}

/// rte_fib: the same tables, looked up with gathers.
pub fn fib(subject: &Subject) -> Loaded {
    let side = side(subject)?;
    let dpdk = Dpdk::get()?;
    let (classifier, bytes) = dpdk.build("fib", &subject.areas, &subject.ids, side)?;
    let ways = vec![dpdk.way(&classifier, ("rte_fib", Mode::Batch, "fib_batch", side))?];
    Ok(Built { ways, bytes: Some(bytes), set: None })
}

/// rte_hash: cuckoo hashing with prefetches in bulk.
pub fn hash(subject: &Subject) -> Loaded {
    let kind = match subject.nature {
        Nature::FiveTuple => 0,
        Nature::Host => 1,
        _ => return Err(Skip::OtherRules),
    };
    let dpdk = Dpdk::get()?;
    // The first area of a host has the address that both have.
    let areas: Vec<Area> = subject.rules.iter().map(|rule| rule.areas[0]).collect();
    let ids: Vec<u32> = (0..areas.len() as u32).collect();
    let (classifier, bytes) = dpdk.build("hash", &areas, &ids, kind)?;
    let ways = vec![
        dpdk.way(&classifier, ("rte_hash, single", Mode::Single, "hash_one_by_one", kind))?,
        dpdk.way(&classifier, ("rte_hash", Mode::Batch, "hash_batch", kind))?,
    ];
    Ok(Built { ways, bytes: Some(bytes), set: None })
}
