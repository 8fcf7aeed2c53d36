//! `cbpf explain -o OUT.html`, in a browser where there is one; and that all subcommands take the same program.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use cbpf::debug::meanings;
use cbpf::{Dialect, Filter, Instruction, LinkType, Target, compile_expression};
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::cli::{Bench, Outcome, Test, cbpf, equal, example, expect};

pub const TESTS: [(&str, Test); 8] = [
    ("picture_of_readme_is_current", picture_of_readme_is_current),
    ("meanings_agree_with_the_language", meanings_agree_with_the_language),
    ("subcommands_take_the_program_that_compile_prints", subcommands_take_the_program_that_compile_prints),
    ("page_needs_nothing_else", page_needs_nothing_else),
    ("page_escapes_names_and_comments", page_escapes_names_and_comments),
    ("page_of_large_programs_is_small", page_of_large_programs_is_small),
    ("page_of_several_link_types", page_of_several_link_types),
    ("pictures_fold_long_chains", pictures_fold_long_chains),
];

/// The trials that need a browser; they are skipped by name without one.
const IN_A_BROWSER: [(&str, Test); 5] = [
    ("browser_lights_the_way_of_a_packet", browser_lights_the_way_of_a_packet),
    ("browser_shows_traffic_first", browser_shows_traffic_first),
    ("browser_follows_links_and_keeps_the_packet", browser_follows_links_and_keeps_the_packet),
    ("browser_shows_instructions_beyond_the_listing", browser_shows_instructions_beyond_the_listing),
    ("browser_runs_no_script_of_a_name", browser_runs_no_script_of_a_name),
];

static BROWSER: LazyLock<Option<&str>> = LazyLock::new(|| {
    let runs = |name: &&str| {
        let output = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        output.is_ok_and(|status| status.success())
    };
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(runs)
});

pub fn trials_in_a_browser() -> impl Iterator<Item = Trial> {
    IN_A_BROWSER.into_iter().map(|(name, test)| {
        let run = move || test(&Bench { folder: TempDir::new()? });
        Trial::test(format!("cli::{name}"), run).with_ignored_flag(BROWSER.is_none())
    })
}

/// An expression with a chain of tests of this many hosts.
fn hosts(count: usize) -> String {
    let hosts: Vec<String> = (0..count).map(|number| format!("host 10.{}.1.{}", number % 7, number % 251)).collect();
    hosts.join(" or ")
}

fn subcommands_take_the_program_that_compile_prints(bench: &Bench) -> Outcome {
    let capture = example("mixed.pcap");
    for expression in ["tcp port 443 and not host 10.0.0.1", "ip6", "", "tcp and udp", "ip broadcast", "port 80 or 443"]
    {
        for stage in [&[][..], &["--no-optimize"]] {
            let with = |arguments: &[&str]| cbpf(&[arguments, stage, &[expression]].concat());
            let listing = with(&["compile", "--netmask", "0.0.0.0"])?;
            let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            let lines: Vec<String> = listing.lines().map(words).collect();

            let verified = with(&["verify", "--netmask", "0.0.0.0"])?;
            expect(&verified, 0, &[&format!("valid: {} instruction", lines.len())])?;
            let explained = with(&["explain", "--netmask", "0.0.0.0", "--format", "text", "-r", &capture])?;
            let text = String::from_utf8_lossy(&explained.stdout).into_owned();
            let shown = text.lines().filter_map(|line| line.strip_prefix("    ("));
            let shown: Vec<String> =
                shown.map(|line| words(&format!("({}", line.split(" ; ").next().unwrap_or("")))).collect();
            equal(&shown, &lines)?;
            let traced = with(&["trace", "--netmask", "0.0.0.0", "--packet", "9", "-r", &capture])?;
            let traced = String::from_utf8_lossy(&traced.stdout).into_owned();
            let executed: Vec<String> = traced.lines().filter(|line| line.starts_with('(')).map(words).collect();
            let is_line = |executed: &String| lines.iter().any(|line| executed.starts_with(line.as_str()));
            equal((executed.is_empty(), executed.iter().all(is_line)), (false, true))?;
        }
    }
    // A program is taken as it is written.
    let program = bench.file("long.asm", "ld #len\n st M[0]\n ld M[0]\n ret a")?;
    expect(&cbpf(&["verify", "-p", &program])?, 0, &["valid: 4 instructions"])
}

/// A test that has a meaning holds for the packets that match the expression of the same meaning.
fn meanings_agree_with_the_language(_: &Bench) -> Outcome {
    let capture = fs::read(example("mixed.pcap"))?;
    let expressions = [
        "tcp port 443 and not host 10.0.0.1",
        "ip6 or arp or tcp dst port 80",
        "port 53 or 443 or 80 or host 10.0.0.1 or host 93.184.216.34",
        "src net 10.0.0.0/8 and udp",
        "ip proto 1 or ip6 proto 58 or greater 200",
        "tcp[tcpflags] & tcp-syn != 0 or arp src host 10.0.0.1",
        "ip6 protochain 6 or llc or stp or tcp port 80 or sctp[12] = 3 or udp[10] = 2",
    ];
    let mut compared = 0;
    for (text, is_optimized) in expressions.into_iter().flat_map(|text| [(text, false), (text, true)]) {
        let program = compile_expression(text, &Target::new(LinkType::ETHERNET))?;
        let program = if is_optimized { program.optimize(Dialect::Pcap)? } else { program }.verify(Dialect::Pcap)?;
        for (pc, meaning) in meanings(&program, LinkType::ETHERNET).iter().enumerate() {
            let Some(same) = meaning.as_deref().and_then(expression_of) else { continue };
            let same =
                Filter::from_expression(&same, LinkType::ETHERNET).map_err(|error| format!("{same}: {error}"))?;
            let Instruction::JumpIf { skip_true, .. } = Instruction::from(program.program().instructions()[pc]) else {
                continue;
            };
            for packet in packets(&capture) {
                let trace = program.trace(packet);
                let Some(executed) = trace.iter().find(|executed| executed.pc == pc) else { continue };
                let holds = executed.next == Some(pc + 1 + usize::from(skip_true));
                equal((text, pc, meaning, holds), (text, pc, meaning, same.is_match(packet)))?;
                compared += 1;
            }
        }
    }
    equal(compared > 5000, true)
}

/// Returns an expression with the meaning of a test.
fn expression_of(meaning: &str) -> Option<String> {
    let (field, value) = meaning.split_once(" = ")?;
    let number = value.split(' ').next()?;
    Some(match (field, value) {
        ("ethertype", "IPv4") => "ip".to_owned(),
        ("ethertype", "IPv6") => "ip6".to_owned(),
        ("ethertype", "ARP") => "arp".to_owned(),
        ("ip protocol", "TCP" | "UDP" | "ICMP" | "SCTP") => format!("ip proto \\{}", value.to_lowercase()),
        ("next header", "TCP") => "ip6[6] = 6".to_owned(),
        ("next header", "UDP") => "ip6[6] = 17".to_owned(),
        ("next header", "ICMPv6") => "ip6[6] = 58".to_owned(),
        ("src port" | "dst port", _) => format!("{field} {number}"),
        ("src" | "dst", address) if address.contains('.') => format!("ip {field} net {address}"),
        ("arp src" | "arp dst", address) => format!("{field} net {address}"),
        _ => return None,
    })
}

/// Returns the packets of a pcap file.
fn packets(capture: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = &capture[24..];
    std::iter::from_fn(move || {
        let (header, after) = rest.split_first_chunk::<16>()?;
        let captured = u32::from_le_bytes(*header[8..].first_chunk()?) as usize;
        let packet;
        (packet, rest) = after.split_at(captured);
        Some(packet)
    })
}

/// Writes a page, and returns it.
fn page(bench: &Bench, arguments: &[&str]) -> Result<String, Failed> {
    let path = bench.path("page.html").display().to_string();
    expect(&cbpf(&[&["explain", "-o", &path], arguments].concat())?, 0, &[])?;
    Ok(fs::read_to_string(&path)?)
}

fn page_needs_nothing_else(bench: &Bench) -> Outcome {
    let arguments = ["tcp port 443 and not host 10.0.0.1", "-r", &example("mixed.pcap")];
    let html = page(bench, &arguments)?;
    equal(html.starts_with("<!DOCTYPE html>"), true)?;
    // The name of SVG is no address.
    let html_without_names = html.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "");
    for absent in ["http:", "https:", " src=", "<link", "@import", "url("] {
        equal((absent, html_without_names.contains(absent)), (absent, false))?;
    }
    for present in [
        "default-src 'none'",
        "Ethernet (EN10MB): 260 packets, 29 kept",
        "Before the optimiser: 32 instructions",
        "After the optimiser: 24 instructions",
        "<td>ethertype = IPv6<td",
        "<td>src = 10.0.0.1<td",
        "<title>tcp port 443 and not host 10.0.0.1</title>",
    ] {
        equal((present, html.contains(present)), (present, true))?;
    }
    equal(page(bench, &arguments)? == html, true)?;
    let standard_output = cbpf(&[&["explain", "--format", "html"], &arguments[..]].concat())?;
    equal(standard_output.stdout == html.as_bytes(), true)
}

fn page_escapes_names_and_comments(bench: &Bench) -> Outcome {
    let text = "ip # <script>alert(1)</script>\n and not (tcp[0:2] < 80 and ether[0] & 1 = 0)";
    let expression = bench.file("e.expr", text)?;
    let html = page(bench, &["-F", &expression, "-r", &example("mixed.pcap")])?;
    equal(
        (html.contains("alert(1)"), html.contains("tcp[0:2] &lt; 80"), html.contains("[0] &amp; 1")),
        (false, true, true),
    )?;
    equal(html.matches("<script").count(), 2)?;

    let program = bench.file("<script>\"'&.asm", fs::read(example("arp.asm"))?)?;
    let html = page(bench, &["-p", &program, "-r", &example("mixed.pcap")])?;
    equal(html.matches("<script").count(), 2)?;
    equal(html.contains("&lt;script&gt;&quot;&#39;&amp;.asm"), true)
}

fn page_of_large_programs_is_small(bench: &Bench) -> Outcome {
    const LARGEST: usize = 1_000_000;
    let capture = example("mixed.pcap");
    let ports: Vec<String> = (0..200).map(|number| (1000 + 3 * number).to_string()).collect();
    for expression in
        [hosts(80), hosts(700), format!("port {}", ports.join(" or ")), "not (".repeat(900) + "ip" + &")".repeat(900)]
    {
        let html = page(bench, &[&expression, "-r", &capture])?;
        equal((html.len() < LARGEST, html.contains("</html>")), (true, true))?;
    }
    let branching: String =
        (0..12_000).map(|number| format!("jgt #{number}, l{number}\n ld [{number}]\n l{number}: ")).collect();
    let straight = format!("{}ret a", "add #1\n".repeat(4095));
    for (name, text) in [("tests.asm", branching + "ret #1"), ("straight.asm", straight)] {
        let program = bench.file(name, text)?;
        let html = page(bench, &["-p", &program, "--dialect", "pcap", "-r", &capture])?;
        equal((html.len() < LARGEST, html.contains("more instructions are not shown")), (true, true))?;
    }
    Ok(())
}

fn page_of_several_link_types(bench: &Bench) -> Outcome {
    let raw = crate::cli::raw_capture(bench)?;
    let html = page(bench, &["tcp", "-r", &raw, "-r", &example("mixed.pcap")])?;
    equal((html.contains("Raw IP (RAW): 1 packet, 1 kept"), html.contains("<td>ip version = 4<td")), (true, true))?;
    equal(html.contains("Ethernet (EN10MB): 260 packets"), true)?;
    // The link type of a program is that of its packets.
    let program = bench.file("raw.asm", "ldb [9]\n jeq #6, keep\n ret #0\n keep: ret #1")?;
    let html = page(bench, &["-p", &program, "-r", &raw])?;
    equal((html.contains("Raw IP (RAW): 1 packet"), html.contains("The optimiser changes nothing")), (true, true))
}

fn pictures_fold_long_chains(bench: &Bench) -> Outcome {
    let picture = bench.path("out.svg").display().to_string();
    let explain = |count| cbpf(&["explain", &hosts(count), "-r", &example("mixed.pcap"), "-o", &picture]);
    expect(&explain(80)?, 0, &[])?;
    let svg = fs::read_to_string(&picture)?;
    for words in [
        "tests, of which the first ones:",
        "more: 0 packets",
        "<desc>",
        "data-fold",
        "src = 10.0.1.0",
        "host 10.0.1.0 or host",
    ] {
        equal((words, svg.contains(words)), (words, true))?;
    }
    expect(&explain(4)?, 0, &[])?;
    equal(fs::read_to_string(&picture)?.contains("data-fold"), false)
}

/// README says how `benches/explain.svg` is made.
fn picture_of_readme_is_current(_: &Bench) -> Outcome {
    let drawn = cbpf(&["explain", "tcp dst port 443", "-r", &example("mixed.pcap")])?;
    let picture = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/explain.svg"))?;
    equal(drawn.stdout == picture, true)
}

/// Returns the document after its scripts have run.
///
/// # Errors
/// If the browser fails, or if something is written to its console.
fn in_browser(bench: &Bench, hash: &str) -> Result<String, Failed> {
    let profile = bench.path("profile").display().to_string();
    let output = Command::new(BROWSER.ok_or("no browser")?)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=2000"])
        .args(["--enable-logging=stderr", &format!("--user-data-dir={profile}")])
        .arg(format!("file://{}{hash}", Path::new(&bench.path("page.html")).display()))
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    match errors.lines().find(|line| line.contains(":CONSOLE")) {
        Some(line) => Err(line.into()),
        None => Ok(String::from_utf8(output.stdout)?),
    }
}

/// Returns the elements that have a class, by what stands in their tag after `name`.
fn with_class<'h>(html: &'h str, element: &str, class: &str) -> Vec<&'h str> {
    let tags = html.split('<').filter(|tag| tag.starts_with(element)).filter_map(|tag| tag.split('>').next());
    let has_class = |tag: &&str| {
        let classes = tag.split("class=\"").nth(1).and_then(|rest| rest.split('"').next());
        classes.is_some_and(|classes| classes.split(' ').any(|other| other == class))
    };
    tags.filter(has_class).collect()
}

fn browser_lights_the_way_of_a_packet(bench: &Bench) -> Outcome {
    page(bench, &["tcp port 443 and not host 10.0.0.1", "-r", &example("mixed.pcap")])?;
    let html = in_browser(bench, "#packet=6&step=3")?;
    let trace = cbpf(&["trace", "tcp port 443 and not host 10.0.0.1", "-r", &example("mixed.pcap"), "--packet", "6"])?;
    let trace = String::from_utf8_lossy(&trace.stdout).into_owned();
    let executed: Vec<&str> = trace.lines().filter_map(|line| line.strip_prefix('(')?.split(')').next()).collect();
    let executed: Vec<usize> = executed.iter().filter_map(|number| number.parse().ok()).collect();
    let rows = with_class(&html, "tr ", "lit");
    let lit: Vec<usize> =
        rows.iter().filter_map(|row| row.split("id=\"g0a").nth(1)?.split('"').next()?.parse().ok()).collect();
    equal(&lit, &executed)?;
    // The other listing and the picture show the same way: boxes, and the edges between them.
    equal(rows.iter().any(|row| row.contains("id=\"g0b")), true)?;
    let boxes = with_class(&html, "g ", "lit");
    equal(boxes.iter().filter(|tag| tag.contains("data-box")).count() > 1, true)?;
    equal(
        boxes.iter().filter(|tag| tag.contains("data-target")).count() + 1,
        boxes.iter().filter(|tag| tag.contains("data-box")).count(),
    )?;
    let now = with_class(&html, "tr ", "now");
    equal((now.len(), now[0].contains(&format!("id=\"g0a{}\"", executed[2]))), (1, true))?;
    equal(html.contains("3 of "), true)?;
    // The third step reads the next header of IPv6.
    let read: Vec<_> = with_class(&html, "b ", "read").into_iter().filter(|tag| tag.contains("data-byte")).collect();
    equal((read.len(), read[0].contains("data-byte=\"20\"")), (1, true))
}

fn browser_shows_traffic_first(bench: &Bench) -> Outcome {
    page(bench, &[&hosts(80), "-r", &example("mixed.pcap")])?;
    let html = in_browser(bench, "")?;
    equal((html.contains("Choose a packet"), with_class(&html, "tr ", "lit").len()), (true, 0))?;
    // Folded chains can be opened with the keyboard.
    equal(html.contains("tests; show all"), true)
}

/// Appends a script to the page, which reports in the title.
fn with_script(bench: &Bench, script: &str) -> Outcome {
    let html = fs::read_to_string(bench.path("page.html"))?;
    Ok(fs::write(bench.path("page.html"), html.replace("</html>", &format!("<script>{script}</script></html>")))?)
}

fn browser_follows_links_and_keeps_the_packet(bench: &Bench) -> Outcome {
    page(bench, &["tcp port 443 and not host 10.0.0.1", "-r", &example("mixed.pcap")])?;
    with_script(bench, "document.querySelector('a[href=\"#g0a8\"]').click(); document.title = location.hash")?;
    let html = in_browser(bench, "#packet=6&step=3")?;
    let target = with_class(&html, "tr ", "target");
    equal((target.len(), target[0].contains("id=\"g0a8\"")), (1, true))?;
    equal(html.contains("<title>#packet=6&amp;step=3</title>"), true)
}

fn browser_shows_instructions_beyond_the_listing(bench: &Bench) -> Outcome {
    page(bench, &[&hosts(3000), "-r", &example("mixed.pcap")])?;
    let html = in_browser(bench, "#packet=1&step=9999")?;
    equal((html.contains("drop the packet</p>"), html.contains("(not in the listing)</p>")), (true, false))?;
    let straight = bench.file("straight.asm", format!("{}ret a", "add #1\n".repeat(4095)))?;
    page(bench, &["-p", &straight, "-r", &example("mixed.pcap")])?;
    let html = in_browser(bench, "#packet=1&step=9999")?;
    equal((html.contains("1,500 of 4,096"), html.contains("2,596 more steps are not on this page")), (true, true))
}

fn browser_runs_no_script_of_a_name(bench: &Bench) -> Outcome {
    let name = "<script>document.title='run'<!--.asm".replace('/', "");
    let program = bench.file(&name, fs::read(example("arp.asm"))?)?;
    page(bench, &["-p", &program, "-r", &example("mixed.pcap")])?;
    let html = in_browser(bench, "#packet=1")?;
    equal((html.contains("<title>run"), with_class(&html, "tr ", "now").len()), (false, 1))
}
