//! Proofs: are two programs the same, or on which packet do they differ?
//!
//! Programs are finite and acyclic, so the answer can be exact. A graph is executed symbolically (`execution.rs`): the
//! verdict becomes a circuit over the bits of the packet (`circuit.rs`, `word.rs`, `inputs.rs`). A question is one bit of
//! that circuit (`question.rs`), and holds if the bit is 0 for all packets. Decision diagrams decide that first
//! (`decision_diagram.rs`), and where they become too large, clause learning does (`satisfiability.rs`).
//!
//! Invariants
//! - `Holds` is proven: the circuit has all the freedom of real packets, or more.
//! - `Fails` is confirmed: the interpreter has run the programs on the packet (`witness.rs`).
//! - Work and memory are bounded by [`Options`]; beyond the bounds the answer is `Unknown`.

mod activity;
pub(crate) mod circuit;
mod clause_learning;
mod decision_diagram;
mod error;
pub(crate) mod execution;
pub(crate) mod inputs;
pub(crate) mod numbers;
mod packet_search;
pub(crate) mod packets;
pub(crate) mod preservation;
mod program_execution;
mod question;
mod rejection;
mod satisfiability;
mod solution;
mod walk;
mod witness;
pub(crate) mod word;

use crate::bpf::verify::Verified;
use crate::ir::Graph;
use crate::prove::packets::Lengths;
use crate::prove::question::Question;

pub use error::{ProveError, Unknown, UnknownCause};
pub use witness::Witness;

/// The answer to a question about all packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The claim holds for all packets: it is proven.
    Holds,
    /// The claim fails on this packet: the interpreter confirms it.
    Fails(Witness),
    /// Neither was found within the bounds of [`Options`].
    Unknown(Unknown),
}

impl Proof {
    /// Returns `true` if the claim is proven.
    pub fn holds(&self) -> bool {
        matches!(self, Proof::Holds)
    }

    /// Returns the packet on which the claim fails.
    pub fn witness(&self) -> Option<&Witness> {
        match self {
            Proof::Fails(witness) => Some(witness),
            Proof::Holds | Proof::Unknown(_) => None,
        }
    }
}

/// What proofs assume, and how much work they may take.
///
/// The programs that a method compares must have the same dialect; the other assumptions are:
///
/// - **Lengths.** Packets are long enough for every load that one of the programs executes. Otherwise `tcp port 443` and
///   `tcp dst port 443 or tcp src port 443` differ, on packets that end between the two ports. With
///   [`Options::truncated`], packets may have any length. No packet is shorter on the wire than its captured bytes.
/// - **Answers.** A program keeps a packet if its verdict is not 0. With [`Options::verdicts`], verdicts are compared
///   bit for bit. In [`Dialect::Seccomp`](crate::Dialect::Seccomp), a program keeps a system call if it allows it
///   (`ALLOW`, `LOG`), and programs are equivalent if their actions are.
/// - **Packets.** With [`Options::assuming`], only packets count that a third program keeps.
///
/// # Performance
///
/// Comparing two programs of one expression mostly takes less than a millisecond; the time depends on how many fields
/// are compared with one another. The default bounds let no question take more than some seconds or 500 MB.
///
/// ```
/// use cbpf::{LinkType, Target, Verified, compile_expression, prove};
/// let target = Target::new(LinkType::ETHERNET);
/// let program = |text: &str| -> Result<Verified, Box<dyn std::error::Error>> {
///     Ok(compile_expression(text, &target)?.verify(target.get_dialect())?)
/// };
/// let [both, either] = [program("tcp port 443")?, program("tcp dst port 443 or tcp src port 443")?];
/// let options = prove::Options::new();
/// assert!(options.equivalent(&both, &either)?.holds());
///
/// let to = program("tcp dst port 443")?;
/// let proof = options.equivalent(&both, &to)?;
/// let witness = proof.witness().expect("a packet from port 443");
/// assert_ne!(both.interpret(witness.packet()), 0);
/// assert_eq!(to.interpret(witness.packet()), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    lengths: Lengths,
    /// Set if packets are not shorter on the wire than their captured bytes.
    is_wire_longest: bool,
    compares_verdicts: bool,
    assumed: Option<Verified>,
    max_gates: usize,
    max_nodes: usize,
    max_conflicts: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

impl Options {
    /// Creates the options with the defaults above.
    pub fn new() -> Options {
        Options {
            lengths: Lengths::Enough,
            is_wire_longest: true,
            compares_verdicts: false,
            assumed: None,
            max_gates: 1 << 22,
            max_nodes: 1 << 20,
            max_conflicts: 20_000,
        }
    }

    /// Sets whether packets may be too short for a load, which rejects them.
    pub fn truncated(self, are_truncated: bool) -> Options {
        Options { lengths: if are_truncated { Lengths::Any } else { Lengths::Enough }, ..self }
    }

    /// Sets whether programs are equivalent only if they have the same verdict on each packet, not only keep the same
    /// packets.
    pub fn verdicts(self, are_compared: bool) -> Options {
        Options { compares_verdicts: are_compared, ..self }
    }

    /// Sets a program that keeps the packets that count.
    ///
    /// ```
    /// use cbpf::{LinkType, Target, Verified, compile_expression, prove};
    /// let target = Target::new(LinkType::ETHERNET);
    /// let program = |text: &str| -> Result<Verified, Box<dyn std::error::Error>> {
    ///     Ok(compile_expression(text, &target)?.verify(target.get_dialect())?)
    /// };
    /// let [host, source] = [program("ip host 10.0.0.1")?, program("ip src 10.0.0.1")?];
    /// assert!(!prove::Options::new().implies(&host, &source)?.holds());
    /// let elsewhere = program("not ip dst 10.0.0.1")?;
    /// assert!(prove::Options::new().assuming(elsewhere).implies(&host, &source)?.holds());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn assuming(self, program: impl Into<Option<Verified>>) -> Options {
        Options { assumed: program.into(), ..self }
    }

    /// Sets the most nodes of a decision diagram, of about 40 bytes each; 2^20 by default.
    pub fn max_nodes(self, max_nodes: usize) -> Options {
        Options { max_nodes: max_nodes.clamp(1, 1 << 30), ..self }
    }

    /// Sets the most conflicts of the search that takes over from decision diagrams; 20,000 by default, each of which
    /// takes 5 to 100 us.
    pub fn max_conflicts(self, max_conflicts: u64) -> Options {
        Options { max_conflicts, ..self }
    }

    /// Proves that two programs keep the same packets.
    ///
    /// # Errors
    /// [`ProveError::DialectMismatch`] if the dialects differ, of these programs or of the one that is assumed.
    pub fn equivalent(&self, a: &Verified, b: &Verified) -> Result<Proof, ProveError> {
        self.ask(Question::Equivalent(a, b))
    }

    /// Proves that `b` keeps every packet that `a` keeps.
    ///
    /// # Errors
    /// As [`Options::equivalent`].
    pub fn implies(&self, a: &Verified, b: &Verified) -> Result<Proof, ProveError> {
        self.ask(Question::Implies(a, b))
    }

    /// Proves that every packet that `a` keeps is kept by one of some others, so that `a` behind them in a list is never
    /// the first program that keeps a packet.
    ///
    /// ```
    /// use cbpf::{LinkType, Target, Verified, compile_expression, prove};
    /// let target = Target::new(LinkType::ETHERNET);
    /// let program = |text: &str| -> Result<Verified, Box<dyn std::error::Error>> {
    ///     Ok(compile_expression(text, &target)?.verify(target.get_dialect())?)
    /// };
    /// let halves = [program("src net 10.0.0.0/9")?, program("src net 10.128.0.0/9")?];
    /// let whole = program("src net 10.0.0.0/8")?;
    /// assert!(prove::Options::new().covered(&whole, &halves)?.holds());
    /// assert!(!prove::Options::new().covered(&whole, &halves[..1])?.holds());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Options::equivalent`].
    pub fn covered(&self, a: &Verified, others: &[Verified]) -> Result<Proof, ProveError> {
        self.ask(Question::Covered(a, others))
    }

    /// Proves that no packet is kept by both programs; if they overlap, it [fails](Proof::Fails) on a packet that both
    /// keep.
    ///
    /// # Errors
    /// As [`Options::equivalent`].
    pub fn overlap(&self, a: &Verified, b: &Verified) -> Result<Proof, ProveError> {
        self.ask(Question::Disjoint(a, b))
    }

    /// Proves that a program keeps no packet; otherwise it [fails](Proof::Fails) on a packet that it keeps.
    ///
    /// # Errors
    /// As [`Options::equivalent`].
    pub fn example(&self, a: &Verified) -> Result<Proof, ProveError> {
        self.ask(Question::Empty(a))
    }

    /// Proves that a program keeps every packet; otherwise it [fails](Proof::Fails) on a packet that it rejects.
    ///
    /// # Errors
    /// As [`Options::equivalent`].
    pub fn accepts_all(&self, a: &Verified) -> Result<Proof, ProveError> {
        self.ask(Question::Full(a))
    }

    /// Proves that two graphs have the same verdicts on packets of any length, and that the second one computes no load
    /// that is out of bounds and no division by 0: what passes of the optimiser promise.
    ///
    /// The witness of a failure is what the search found; there is no interpreter of graphs to confirm it.
    ///
    /// ```
    /// use cbpf::{Dialect, Program, debug, prove};
    /// let program: Program = "ldh [12]\n jeq #0x800, keep, drop\n keep: ret #1\n drop: ret #0".parse()?;
    /// let before = debug::Graph::new(&program.verify(Dialect::Pcap)?);
    /// let mut after = before.clone();
    /// after.run(debug::Pass::ByteSwapFolding);
    /// assert!(prove::Options::new().preserved(&before, &after).holds());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn preserved(&self, before: &Graph, after: &Graph) -> Proof {
        preservation::preserved(self, before, after)
    }

    /// Proves that a graph has the verdicts of a program on packets of any length, as [`Options::preserved`] does for
    /// two graphs.
    ///
    /// The program is executed as the interpreter executes it, an instruction after the other, by other code than that
    /// which builds graphs.
    ///
    /// ```
    /// use cbpf::{Dialect, Program, debug, prove};
    /// let program: Program = "ldh [12]\n jeq #0x800, keep, drop\n keep: ret #1\n drop: ret #0".parse()?;
    /// let verified = program.verify(Dialect::Pcap)?;
    /// assert!(prove::Options::new().represents(&debug::Graph::optimized(&verified), &verified).holds());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn represents(&self, graph: &Graph, program: &Verified) -> Proof {
        preservation::represents(self, graph, program)
    }
}

/// Proves with the default [`Options`] that two programs keep the same packets.
///
/// # Errors
/// As [`Options::equivalent`].
pub fn equivalent(a: &Verified, b: &Verified) -> Result<Proof, ProveError> {
    Options::new().equivalent(a, b)
}

/// Proves with the default [`Options`] that `b` keeps every packet that `a` keeps.
///
/// # Errors
/// As [`Options::equivalent`].
pub fn implies(a: &Verified, b: &Verified) -> Result<Proof, ProveError> {
    Options::new().implies(a, b)
}

/// Proves with the default [`Options`] that no packet is kept by both programs, as [`Options::overlap`].
///
/// # Errors
/// As [`Options::equivalent`].
pub fn overlap(a: &Verified, b: &Verified) -> Result<Proof, ProveError> {
    Options::new().overlap(a, b)
}

/// Proves with the default [`Options`] that a program keeps no packet, as [`Options::example`].
///
/// # Errors
/// As [`Options::equivalent`].
pub fn example(a: &Verified) -> Result<Proof, ProveError> {
    Options::new().example(a)
}
