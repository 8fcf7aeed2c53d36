use cbpf::{
    Dialect, FilterSet, Packet, Program, Verified,
    filter_set::{BatchMatches, Matches},
    packet::Packets,
};
use std::fmt::Write;
use std::time::Instant;
struct R(u64);
impl R {
    fn n(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e3779b97f4a7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
        z ^ (z >> 31)
    }
    fn b(&mut self, n: u64) -> u64 {
        self.n() % n
    }
}
fn ver(t: &str) -> Verified {
    t.parse::<Program>().unwrap().verify(Dialect::Pcap).unwrap()
}
fn main() {
    let kind = std::env::args().nth(1).unwrap();
    let n: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let check = std::env::args().nth(3).is_some();
    let mut r = R(7);
    let mut rules = Vec::new();
    let mut ex = Vec::new();
    for i in 0..n {
        let mut t = String::new();
        let e: (u32, u32, u16, u16);
        match kind.as_str() {
            "net" | "bgp" => {
                let x = r.b(100);
                let len = if kind == "bgp" {
                    if x < 60 {
                        24
                    } else if x < 70 {
                        22
                    } else if x < 78 {
                        23
                    } else if x < 85 {
                        20
                    } else if x < 90 {
                        21
                    } else if x < 95 {
                        16 + r.b(4) as u32
                    } else if x < 96 {
                        8 + r.b(8) as u32
                    } else {
                        24
                    }
                } else {
                    8 + r.b(25) as u32
                };
                let base = (r.n() as u32) % 0xdfff_ffff;
                let m = u32::MAX << (32 - len);
                write!(
                    t,
                    "ldh [12]\n jne #0x800, drop\n ld [26]\n and #{m}\n jne #{}, drop\n ret #262144\n drop: ret #0",
                    base & m
                )
                .unwrap();
                e = (base & m | (r.n() as u32 & !m), r.n() as u32, 1, 2);
            }
            "range" => {
                let base = r.n() as u32 % 0x0100_0000;
                let w = 1 + r.b(4096) as u32;
                write!(t, "ldh [12]\n jne #0x800, drop\n ld [26]\n jlt #{base}, drop\n jgt #{}, drop\n ret #262144\n drop: ret #0", base + w).unwrap();
                e = (base + r.b(w as u64) as u32, r.n() as u32, 1, 2);
            }
            "dport" => {
                let a = r.b(65536) as u32;
                let b = r.b(65536) as u32;
                let (a, b) = (a.min(b), a.max(b));
                write!(t, "ldh [12]\n jne #0x800, drop\n ldb [23]\n jne #6, drop\n ldh [20]\n jset #0x1fff, drop\n ldxb 4*([14]&0xf)\n ldh [x + 16]\n jlt #{a}, drop\n jgt #{b}, drop\n ret #262144\n drop: ret #0").unwrap();
                e = (r.n() as u32, r.n() as u32, 1, (a + r.b((b - a + 1) as u64) as u32) as u16);
            }
            "host" => {
                let h = 0x0a000000 + i as u32 * 7;
                write!(t, "ldh [12]\n jne #0x800, drop\n ld [26]\n jne #{h}, drop\n ret #262144\n drop: ret #0")
                    .unwrap();
                e = (h, 1, 1, 2);
            }
            "netpair" => {
                let l1 = 8 + r.b(25) as u32;
                let l2 = 8 + r.b(25) as u32;
                let (b1, b2) = (r.n() as u32, r.n() as u32);
                let (m1, m2) = (u32::MAX << (32 - l1), u32::MAX << (32 - l2));
                write!(t, "ldh [12]\n jne #0x800, drop\n ld [26]\n and #{m1}\n jne #{}, drop\n ld [30]\n and #{m2}\n jne #{}, drop\n ret #262144\n drop: ret #0", b1 & m1, b2 & m2).unwrap();
                e = (b1 & m1 | (r.n() as u32 & !m1), b2 & m2 | (r.n() as u32 & !m2), 1, 2);
            }
            _ => panic!(),
        }
        rules.push(ver(&t));
        ex.push(e);
    }
    let packets: Vec<Vec<u8>> = (0..4096)
        .map(|_| {
            let (s, d, sp, dp) = if r.b(5) > 0 {
                ex[r.b(n as u64) as usize]
            } else {
                (r.n() as u32, r.n() as u32, r.n() as u16, r.n() as u16)
            };
            let mut p = vec![0u8; 60];
            p[12] = 8;
            p[14] = 0x45;
            p[23] = 6;
            p[26..30].copy_from_slice(&s.to_be_bytes());
            p[30..34].copy_from_slice(&d.to_be_bytes());
            p[34..36].copy_from_slice(&sp.to_be_bytes());
            p[36..38].copy_from_slice(&dp.to_be_bytes());
            p
        })
        .collect();
    let programs: Vec<Verified> = if check { rules.clone() } else { vec![] };
    let t = Instant::now();
    let set = FilterSet::new((0..).zip(rules)).unwrap();
    let build = t.elapsed();
    let rss = || {
        std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse::<usize>().unwrap() / 256
    };
    println!("{kind} {n}: build {build:?}, rss {} MB, {:?}", rss(), set.report());
    let ps: Vec<Packet> = packets.iter().map(|p| Packet::from(&p[..])).collect();
    if check {
        let mut m = Matches::new();
        for p in ps.iter().take(512) {
            let all: Vec<u32> =
                programs.iter().enumerate().filter(|(_, v)| v.interpret(p) != 0).map(|(i, _)| i as u32).collect();
            assert_eq!(set.first_match(p), all.first().copied());
            set.matches(p, &mut m);
            assert_eq!(m.ids(), &all[..]);
        }
        println!("checked");
    }
    let mut best = [f64::MAX; 3];
    let mut m = Matches::new();
    let mut matched = 0usize;
    for _ in 0..if kind == "x" { 1 } else { 7 } {
        let rounds = 4;
        let t = Instant::now();
        let mut c = 0usize;
        for _ in 0..rounds {
            for p in &ps {
                c += set.first_match(p).is_some() as usize;
            }
        }
        best[0] = best[0].min(t.elapsed().as_nanos() as f64 / (rounds * ps.len()) as f64);
        std::hint::black_box(c);
        let t = Instant::now();
        matched = 0;
        for p in &ps {
            set.matches(p, &mut m);
            matched += m.len();
        }
        best[1] = best[1].min(t.elapsed().as_nanos() as f64 / ps.len() as f64);
        if t.elapsed().as_secs() > 2 {
            break;
        }
    }
    println!("first {:.1} ns, all {:.1} ns, {:.1} matches", best[0], best[1], matched as f64 / ps.len() as f64);
    let _ = (&mut best[2], std::any::type_name::<BatchMatches>(), std::any::type_name::<Packets>());
}
