//! Batches: their pieces, their longest packets, and their code. The engine `jit-batch` runs the corpus in batches.

use std::io::IoSlice;

use cbpf::packet::{Frames, Span};
use cbpf::{Dialect, Filter, Packet, Program};
use libtest_mimic::{Failed, Trial};

use crate::layouts::verdicts;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("batches::of_any_size", of_any_size),
        Trial::test("batches::packets_far_apart", packets_far_apart),
        Trial::test("batches::long_packets", long_packets),
        Trial::test("batches::clones_share_the_loop", clones_share_the_loop),
    ]
}

fn compile(text: &str) -> Result<Filter, Failed> {
    Ok(Filter::compile(&text.parse::<Program>()?.verify(Dialect::Pcap)?)?)
}

/// Programs with each operation of vectors.
const PROGRAMS: [&str; 9] = [
    "ldb [3]\ntax\nld #len\nadd x\nret a",
    "ldb [0]\njgt #99, far\nret #1\nfar: ldb [6]\nret a",
    "ldh [1]\njset #0x810, odd\nld [2]\nrsh #5\nret a\nodd: ldh [4]\nmul #3\nneg\nret a",
    "ldb [0]\nand #3\ntax\nldh [x + 2]\njge #0x4000, keep\nret #0\nkeep: ret a",
    "ldb [0]\nand #7\ntax\nld [1]\nlsh x\nxor #5\nst M[1]\nldb [2]\nldx M[1]\nsub x\nret a",
    "ldb [0]\nldx #2\njgt #128, join\nldx #4\njoin: ldb [x + 1]\nret a",
    "ldb [1]\njeq #7, in\njeq #14, in\njeq #21, in\njeq #63, in\njeq #70, in\njeq #200, in\nret #0\nin: ret #9",
    "ldb [0]\njeq #7, in\njeq #14, in\njeq #29, in\nldb [1]\ntax\nldb [2]\njgt x, in\nret #0\nin: txa\nret a",
    "ld [0]\njeq #0x070e151c, in\njeq #0x5b626970, in\njeq #0xe7eef5fc, in\njeq #0x0e151c23, in\njeq #0, in\nret #0\nin: ret #1",
];

/// Batches run in pieces: no packet is lost between them, and none runs twice.
fn of_any_size() -> Result<(), Failed> {
    let bytes: Vec<u8> = (0..5000_u32).map(|number| (number * 7) as u8).collect();
    for text in PROGRAMS {
        let filter = compile(text)?;
        for size in [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025, 1040, 4096, 4200] {
            let packets: Vec<Packet> = (0..size).map(|place| Packet::new(&bytes[place..][..place % 9])).collect();
            let expected: Vec<u32> = packets.iter().map(|packet| filter.run(packet)).collect();
            let mut outcomes = verdicts(&filter, &packets).into_iter();
            if let Some((layout, _)) = outcomes.find(|(_, verdicts)| *verdicts != expected) {
                return Err(format!("{size} {layout} have other verdicts than alone:\n{text}").into());
            }
        }
    }
    Ok(())
}

/// Packets of a batch may lie anywhere in memory.
fn packets_far_apart() -> Result<(), Failed> {
    static FIXED: [u8; 100] = [9; 100];
    let (stack, heap) = ([8; 100], vec![7; 100]);
    let places = [&FIXED[..], &stack, &heap, &[]];
    for text in PROGRAMS {
        let filter = compile(text)?;
        let packets: Vec<Packet> = (0..300).map(|place| Packet::new(places[place / 60 * place % 4])).collect();
        let expected: Vec<u32> = packets.iter().map(|packet| filter.run(packet)).collect();
        if let Some((layout, _)) = verdicts(&filter, &packets).into_iter().find(|(_, verdicts)| *verdicts != expected) {
            return Err(format!("{layout} have other verdicts than alone:\n{text}").into());
        }
    }
    Ok(())
}

/// Programs see the first 2^31 - 1 bytes; a packet's length is at most that, or its wire length.
fn long_packets() -> Result<(), Failed> {
    const LEN: usize = (1 << 31) + 100;
    let memory = vec![0; LEN];
    let spans = [1, 2, 3].map(|wire_len| Span { start: 0, captured: LEN, wire_len });
    for (text, bare, framed) in [
        ("ld #len\nret a", 0x7fff_ffff, [1, 2, 3]),
        ("ldx #0x7ffffff0\nldb [x + 14]\nret #5", 5, [5; 3]),
        ("ldx #0x7ffffff0\nldb [x + 15]\nret #5", 0, [0; 3]),
        ("ld #len\nadd #0x7ffffff0\ntax\nldb [x + 0]\nret #5", 0, [5; 3]),
        ("ldb [0]\nadd #0x7fffffff\ntax\nldb [x + 0]\nret #5", 0, [0; 3]),
        ("ldb [0]\nadd #0x7ffffffe\ntax\nldb [x + 0]\nret #5", 5, [5; 3]),
    ] {
        let filter = compile(text)?;
        let (mut of_slices, mut of_frames) = ([7; 2], [7; 3]);
        filter.run_batch(&[IoSlice::new(&memory), IoSlice::new(&memory)], &mut of_slices);
        filter.run_batch(Frames::new(&memory, &spans)?, &mut of_frames);
        if (of_slices, of_frames) != ([bare; 2], framed) {
            return Err(format!("got {of_slices:?} and {of_frames:?} of {text}").into());
        }
    }
    Ok(())
}

/// The first clone and thread that runs a batch compiles the loop, which lives as long as the last clone.
fn clones_share_the_loop() -> Result<(), Failed> {
    let filter = compile("ldb [0]\nret a")?;
    let clones: Vec<Filter> = (0..8).map(|_| filter.clone()).collect();
    drop(filter);
    let run = |filter: &Filter| verdicts(filter, &[Packet::new(&[7]), Packet::new(&[9])]);
    std::thread::scope(|scope| {
        let threads: Vec<_> = clones.iter().map(|filter| scope.spawn(|| run(filter))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(outcomes) if outcomes.iter().all(|(_, verdicts)| verdicts[..] == [7, 9]) => Ok(()),
            Ok(outcomes) => Err(format!("{outcomes:?}")),
            Err(_) => Err("a thread panicked".to_owned()),
        })
    })?;
    Ok(())
}
