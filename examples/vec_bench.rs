#![allow(dead_code, unused)]
#[path = "../benches/endless.rs"]
mod endless;
#[path = "../benches/filters.rs"]
mod filters;
#[path = "../benches/packets.rs"]
mod packets;
#[path = "../jit-tests/splitmix64.rs"]
mod random;
use cbpf::*;
use std::time::Instant;
fn main() {
    let only = std::env::args().nth(1);
    let data = packets::mix(packets::COUNT, &filters::hosts());
    let few: usize = std::env::var("FEW").ok().map_or(packets::COUNT, |f| f.parse().unwrap());
    let packets: Vec<Packet> = data.iter().map(Packet::from).collect();
    let packets: Vec<Packet> = (0..packets.len()).map(|i| packets[i % few]).collect();
    let mut logs = [0.0f64; 2];
    let mut n = 0;
    let texts = [
        ("Tret", "ret #1"),
        ("Tlda", "ldh [12]\njeq #0x800,a\nret #0\na: ret #1"),
        ("T2", "ldh [12]\njeq #0x800,a\nret #0\na: ldb [23]\njeq #6,b\nret #0\nb: ret #1"),
        (
            "T3",
            "ldh [12]\njeq #0x800,a\nret #0\na: ldb [23]\njeq #6,b\nret #0\nb: ld [26]\n jeq #0x01020304,c\nret #0\n c: ret #1",
        ),
        (
            "T4",
            "ldh [12]\njeq #0x800,a\nret #0\na: ldb [23]\njeq #6,b\nret #0\nb: ld [26]\n jgt #0x01020304,c\nret #0\n c: ld [30]\njgt #0x1020304,d\nret #0\n d: ret #1",
        ),
    ];
    for (name, text) in filters::FILTERS.into_iter().map(|(n, _)| (n, "")).chain(texts) {
        if only.as_ref().is_some_and(|o| !name.starts_with(o.as_str())) {
            continue;
        }
        let v = if text.is_empty() {
            filters::verify(name, &filters::program(name))
        } else {
            text.parse::<Program>().unwrap().verify(Dialect::Pcap).unwrap()
        };
        let a = Filter::compile(&v).unwrap();
        unsafe { std::env::set_var("NOVEC", "1") }; a.prepare_batch().unwrap();
        let b = Filter::compile(&v).unwrap();
        unsafe { std::env::set_var("NOVEC", "0") }; b.prepare_batch().unwrap();
        for (oi, (on, order)) in packets::orders().into_iter().enumerate() {
            let batches = endless::batches(&packets, &order);
            let (mut va, mut vb) = ([1u32; endless::BATCH], [2u32; endless::BATCH]);
            let mut best = [f64::MAX; 2];
            for bt in &batches {
                a.run_batch(bt, &mut va);
                b.run_batch(bt, &mut vb);
                if va != vb {
                    println!("{name} DIFFER");
                    break;
                }
            }
            for round in 0..60 {
                for (i, f) in [&a, &b].into_iter().enumerate() {
                    let s = Instant::now();
                    for bt in &batches[..32] {
                        f.run_batch(bt, &mut va);
                    }
                    let t = s.elapsed().as_nanos() as f64 / (32.0 * 1024.0);
                    if t < best[i] {
                        best[i] = t;
                    }
                }
            }
            println!("{name} {on}: {:.3} -> {:.3}  {:.3}", best[0], best[1], best[1] / best[0]);
            if name.starts_with('S') {
                logs[oi] += (best[1] / best[0]).ln();
                n += 1;
            }
        }
    }
    println!("geomean {:.3} {:.3}", (logs[0] / (n as f64 / 2.0)).exp(), (logs[1] / (n as f64 / 2.0)).exp());
}
