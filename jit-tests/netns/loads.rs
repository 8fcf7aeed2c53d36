//! Ancillary loads and header-relative loads on frames of every kind.

use arbitrary::Unstructured;
use cbpf::bpf::{Register, Width};
use cbpf::packet::Extension;
use cbpf::{Context, Dialect, Instruction, Packet, Program};
use libtest_mimic::Failed;
use socket2::Type;

use super::frames;
use super::namespace::Namespace;
use super::ours::Ours;
use super::tap::{End, Tap};
use crate::splitmix64::Random;
use crate::{generate, oracle, random};

/// Runs all ancillary loads but `rand`, in some width, with A and X set for those that read them.
pub fn ancillary(namespace: &Namespace) -> Result<(), Failed> {
    let is_fixed = |extension: &Extension| *extension != Extension::Random;
    let texts = Extension::all().filter(is_fixed).enumerate().map(|(place, extension)| {
        let width = ["ld", "ldh", "ldb"][place % 3];
        format!("ld #44\nldx #0x1002\n{width} [{:#x}]\nret a", extension.offset())
    });
    let mut programs: Vec<Ours> = texts.map(|text| Ours::parse(&text)).collect::<Result<_, _>>()?;
    // Native code fetches several inputs of one program together.
    programs.push(folded(&["mark", "rxhash", "queue", "vlan_tci", "poff"])?);
    programs.push(folded(&["proto", "ifidx", "hatype", "type", "cpu", "vlan_tpid", "vlan_avail"])?);
    Tap::each(namespace, |name, tap| {
        for (frame_name, frame) in frames::all() {
            let seen = tap.see_all(&frame)?.ok_or_else(|| format!("{name}: {frame_name} does not arrive"))?;
            if tap.reports_another_protocol(&frame)? {
                continue;
            }
            for program in &programs {
                tap.agrees(program, &frame, &seen).map_err(|error| located(name, frame_name, &error))?;
            }
        }
        Ok(())
    })
}

/// Returns a program that combines several ancillary loads in one number.
fn folded(names: &[&str]) -> Result<Ours, Failed> {
    let folds = names.iter().map(|name| format!("tax\nld {name}\nadd x\nmul #0x01000193\n"));
    Ours::parse(&format!("{}ret a", folds.collect::<String>()))
}

fn located(tap: &str, frame: &str, error: &Failed) -> Failed {
    format!("{tap}, {frame}: {}", error.message().unwrap_or_default()).into()
}

/// `SKF_NET_OFF` and `SKF_LL_OFF`.
const NETWORK: u32 = 0xfff0_0000;
const LINK: u32 = 0xffe0_0000;

/// The number of header-relative loads, and of those that run on each frame.
const LOADS: usize = 300;
const LOADS_A_FRAME: usize = 40;

/// Runs loads of all kinds at random places around the headers of each frame.
pub fn header_relative(namespace: &Namespace) -> Result<(), Failed> {
    let mut random = Random::new(0x6865_6164);
    let loads: Vec<(u32, Ours)> = (0..LOADS).map(|_| header_relative_load(&mut random)).collect::<Result<_, _>>()?;
    let mut loads = loads.iter().cycle();
    Tap::each(namespace, |name, tap| {
        for (frame_name, frame) in frames::all() {
            let seen = tap.see(&frame)?.ok_or_else(|| format!("{name}: {frame_name} does not arrive"))?;
            if tap.reports_another_protocol(&frame)? {
                continue;
            }
            // The kernel may keep bytes before the first one, which are not captured.
            let before = LINK..LINK + seen.context.get_link_header().unwrap_or(0).min(0).unsigned_abs();
            for (_, load) in loads.by_ref().take(LOADS_A_FRAME).filter(|(offset, _)| !before.contains(offset)) {
                tap.agrees(load, &frame, &seen).map_err(|error| located(name, frame_name, &error))?;
            }
        }
        Ok(())
    })
}

/// Returns a header-relative offset that is probably inside a frame, and a load at that offset.
fn header_relative_load(random: &mut Random) -> Result<(u32, Ours), Failed> {
    let mut below = |limit| random.below(limit);
    let offset = match below(8) {
        0 => NETWORK - 20 + below(40) as u32,
        1 => LINK - 1 - below(20) as u32,
        2..=4 => NETWORK + below(140) as u32,
        _ => LINK + below(140) as u32,
    };
    let width = [Width::Byte, Width::Half, Width::Word][below(3)];
    let x = below(200) as u32;
    let x_is = |value| Instruction::LoadConstant { dst: Register::X, value };
    let loads = match below(4) {
        0 => vec![Instruction::LoadAbsolute { offset, width }],
        1 => vec![Instruction::LoadMemShift { offset }, Instruction::TransferXToA],
        2 => vec![x_is(x), Instruction::LoadIndirect { offset: offset - x, width }],
        _ => vec![x_is(offset - x), Instruction::LoadIndirect { offset: x, width }],
    };
    let program = loads.into_iter().chain([Instruction::ReturnA]).collect();
    Ok((offset, Ours::new(&program)?))
}

/// Loads the payload's offset in each frame, cut at every length.
pub fn payload_offset(namespace: &Namespace) -> Result<(), Failed> {
    let tap = Tap::new(namespace, Type::RAW, End::Receiving)?;
    let program = Ours::parse("ld poff\nret a")?;
    for (name, frame) in frames::all() {
        for len in ETHERNET_HEADER..=frame.len().min(160) {
            let Some(seen) = tap.see(&frame[..len])? else { continue };
            tap.agrees(&program, &frame[..len], &seen)
                .map_err(|error| located(&format!("{len} bytes"), name, &error))?;
        }
    }
    Ok(())
}

const ETHERNET_HEADER: usize = 14;

/// Runs loads that depend on the packet's bytes on damaged frames.
pub fn damaged_frames(namespace: &Namespace) -> Result<(), Failed> {
    let tap = Tap::new(namespace, Type::RAW, End::Receiving)?;
    let program = folded(&["vlan_tci", "proto", "poff"])?;
    let frames = frames::all();
    let mut random = Random::new(0x6461_6d61);
    let mut below = |limit| random.below(limit);
    for _ in 0..6_000 {
        let (name, mut frame) = frames[below(frames.len())].clone();
        for _ in 0..=below(4) {
            let place = 12 + below(frame.len().min(90) - 12);
            frame[place] = match below(3) {
                0 => [0, 1, 0x40, 0x45, 0x60, 0x81, 0x88, 0xff][below(8)],
                1 => frame[place] ^ 1 << below(8),
                _ => below(256) as u8,
            };
        }
        let Some(seen) = tap.see(&frame)? else { continue };
        tap.agrees(&program, &frame, &seen).map_err(|error| located("damaged", name, &error))?;
    }
    Ok(())
}

/// The kernel's random numbers and ours have the same distribution, and change from load to load.
pub fn random_numbers(namespace: &Namespace) -> Result<(), Failed> {
    const TRIES: usize = 600;
    let tap = Tap::new(namespace, Type::RAW, End::Receiving)?;
    let frame = &frames::all()[0].1;
    let unseeded = Context::default();
    let count = |program: &Program| -> Result<[usize; 2], Failed> {
        let verified = program.verify(Dialect::Linux)?;
        let mut kept = [0; 2];
        for _ in 0..TRIES {
            kept[0] += usize::from(tap.keeps(program.instructions(), frame)?);
            kept[1] += usize::from(verified.interpret(Packet::new(frame).with_context(&unseeded)) != 0);
        }
        Ok(kept)
    };
    for bit in [0, 1, 15, 16, 31] {
        let kept = count(&format!("ld rand\nand #{:#x}\nret a", 1_u32 << bit).parse()?)?;
        if kept.iter().any(|kept| !(TRIES / 3..TRIES * 2 / 3).contains(kept)) {
            return Err(format!("bit {bit}: {kept:?} of {TRIES}, in the kernel and here").into());
        }
    }
    let kept = count(&"ld rand\ntax\nld rand\nsub x\nret a".parse()?)?;
    if kept != [TRIES; 2] { Err(format!("two loads give the same: {kept:?} of {TRIES} differ").into()) } else { Ok(()) }
}

/// Runs random programs with all kinds of loads.
pub fn random_programs(namespace: &Namespace) -> Result<(), Failed> {
    let frames = frames::all();
    for end in [End::Sending, End::Receiving] {
        let tap = Tap::new(namespace, Type::RAW, end)?;
        let mut random = Random::new(0x7072_6f67);
        for number in 0..800 {
            let program = generate::program(&mut Unstructured::new(&random::bytes(&mut random)), Dialect::Linux)?;
            let may_load = |extension| oracle::may_load(&program, extension);
            if program.verify(Dialect::Linux).is_err() || may_load(Extension::Random) {
                continue;
            }
            let (name, frame) = &frames[number % frames.len()];
            let is_reported = !may_load(Extension::ReceiveHash) && !may_load(Extension::Queue);
            let seen = if is_reported { tap.see(frame)? } else { tap.see_all(frame)? };
            let seen = seen.ok_or_else(|| format!("{name} does not arrive"))?;
            tap.agrees(&Ours::new(&program)?, frame, &seen)
                .map_err(|error| located(&format!("{end:?}"), name, &error))?;
        }
    }
    Ok(())
}
