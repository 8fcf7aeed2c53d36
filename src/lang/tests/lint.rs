//! Tests of warnings about expressions that no packet matches, or every packet does.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::lang::tests::contradictions::CONTRADICTIONS;
use crate::lang::tests::link_type;
use crate::lang::{Cause, Effect, Expr, LinkType, Target, compile_expression, lint};
use crate::prove;

/// Checks the warning of an expression: effect and cause, the part that is marked, and the message.
#[track_caller]
fn check(text: &str, link_type: LinkType, (effect, cause): (Effect, Cause), part: &str, message: &str) {
    let warnings = lint(text, &Target::new(link_type)).unwrap_or_else(|error| panic!("{text}: {error}"));
    let found: Vec<_> =
        warnings.iter().map(|it| ((it.effect(), it.cause()), &text[it.span()], it.message().to_string())).collect();
    assert_eq!(found, [((effect, cause), part, message.to_string())], "{text} on {link_type}");
    let place = text[..warnings[0].span().start].chars().count() + 1;
    assert_eq!((warnings[0].line(), warnings[0].column()), (1, place));
}

#[test]
fn blames_parts_that_contradict_each_other() {
    let (none, all) = (Effect::RejectsAll, Effect::AcceptsAll);
    for (text, effect, part, message) in [
        ("tcp and udp", none, "udp", "no packet matches both `tcp` and `udp`"),
        ("port 80 and 443 and host 1.1.1.1 and  arp", none, "arp", "no packet matches both `port 443` and `arp`"),
        ("port 80 or 22 and arp and len > 9", none, "arp", "no packet matches both `port 80 or 22` and `arp`"),
        ("(arp) and port 80 and (443)", none, "port 80", "no packet matches both `arp` and `port 80`"),
        ("host 1.1.1.1 and arp and (port 80)", none, "port 80", "no packet matches both `arp` and `port 80`"),
        ("arp and port (80 or 443)", none, "80 or 443", "no packet matches both `arp` and `80 or 443`"),
        ("tcp and (udp or (arp))", none, "udp or (arp)", "no packet matches both `tcp` and `udp or (arp)`"),
        ("not (ip or not ip)", none, "not ip", "every packet matches `ip` or `not ip`"),
        ("not (ip and ip6)", all, "ip6", "no packet matches both `ip` and `ip6`"),
        (
            "arp or tcp or ! (icmp or tcp) or icmp",
            all,
            "icmp",
            "every packet matches one of `tcp`, `! (icmp or tcp)` and `icmp`",
        ),
        ("len < 10 or len > 5", all, "len > 5", "every packet matches `len < 10` or `len > 5`"),
        (
            "ip src 1.1.1.1 and udp and src net 2.0.0.0/8 and port 80",
            none,
            "src net 2.0.0.0/8",
            "no packet matches both `ip src 1.1.1.1` and `src net 2.0.0.0/8`",
        ),
        (
            "ip host 1.1.1.1 and not src 1.1.1.1 and udp and not dst 1.1.1.1",
            none,
            "not dst 1.1.1.1",
            "no packet matches all of `ip host 1.1.1.1`, `not src 1.1.1.1` and `not dst 1.1.1.1`",
        ),
    ] {
        check(text, LinkType::ETHERNET, (effect, Cause::Parts), part, message);
    }
}

#[test]
fn blames_comparisons_with_one_outcome() {
    for (text, effect, part) in [
        ("ip[0] > 255", Effect::RejectsAll, "ip[0] > 255"),
        ("udp and (ip[0] & 0xf) * 4 > 60", Effect::RejectsAll, "(ip[0] & 0xf) * 4 > 60"),
        ("arp and ip[0] % 4 = 7", Effect::RejectsAll, "ip[0] % 4 = 7"),
        ("ip[0] + ip[1] > 510", Effect::RejectsAll, "ip[0] + ip[1] > 510"),
        ("byte 3 > 255 and tcp", Effect::RejectsAll, "byte 3 > 255"),
        ("len >= 0", Effect::AcceptsAll, "len >= 0"),
        ("ip or greater 0", Effect::AcceptsAll, "greater 0"),
        ("not 5 = 4", Effect::AcceptsAll, "5 = 4"),
        ("ip and len >= 0", Effect::RedundantPart, "len >= 0"),
        ("arp or ip and (tcp or tcp[0] > 0x1ff)", Effect::DeadPart, "tcp[0] > 0x1ff"),
    ] {
        let outcome = if matches!(effect, Effect::AcceptsAll | Effect::RedundantPart) != text.starts_with("not") {
            "this comparison always holds"
        } else {
            "this comparison never holds"
        };
        check(text, LinkType::ETHERNET, (effect, Cause::Comparison), part, outcome);
    }
    // A division by zero rejects the packet.
    assert_eq!(lint("ip[0] / ip[1] >= 0 or not ip", &Target::new(LinkType::ETHERNET)), Ok(Vec::new()));
}

#[test]
fn blames_tests_that_stand_too_late() {
    for (text, part, others, keyword) in [
        ("port 80 and vlan", "vlan", "both `port 80` and `vlan`", "vlan"),
        ("vlan 5 and tcp and ip and (vlan 6)", "vlan 6", "both `ip` and `vlan 6`", "vlan"),
        ("ip and mpls 7 and udp", "mpls 7", "both `ip` and `mpls 7`", "mpls"),
        ("arp and (len > 9 and pppoes 7)", "pppoes 7", "both `arp` and `pppoes 7`", "pppoes"),
        ("tcp port 80 and geneve 5", "geneve 5", "both `tcp port 80` and `geneve 5`", "geneve"),
        ("tcp and vxlan", "vxlan", "both `tcp` and `vxlan`", "vxlan"),
    ] {
        let message =
            format!("no packet matches {others}: `{keyword}` moves the headers of what follows; write it first");
        check(text, LinkType::ETHERNET, (Effect::RejectsAll, Cause::Order), part, &message);
    }
    // Another order does not help these.
    for text in ["vlan and tcp and udp", "geneve and tcp and udp", "mpls and ip and not ip", "pppoes and ip and ip6"] {
        let warnings = lint(text, &Target::new(LinkType::ETHERNET)).unwrap();
        assert_eq!(warnings[0].cause(), Cause::Parts, "{text}: {}", warnings[0]);
    }
}

#[test]
fn blames_link_types() {
    let (none, all) = (Effect::RejectsAll, Effect::AcceptsAll);
    for (text, link_type, effect, part, message) in [
        ("ip6", LinkType::IPV4, none, "ip6", "`ip6` matches no packet of link type IPV4"),
        (
            "tcp and ip6 host ::1",
            LinkType::IPV4,
            none,
            "ip6 host ::1",
            "`ip6 host ::1` matches no packet of link type IPV4",
        ),
        ("ip", LinkType::IPV4, all, "ip", "`ip` matches every packet of link type IPV4"),
        ("not ip6", LinkType::IPV6, none, "ip6", "`ip6` matches every packet of link type IPV6"),
        ("ip[0] = 5", LinkType::IPV6, none, "ip[0] = 5", "`ip[0] = 5` matches no packet of link type IPV6"),
    ] {
        check(text, link_type, (effect, Cause::LinkType), part, message);
    }
    // Parts that are meant for other link types.
    for text in ["ip or ip6", "ip6 and tcp or ip and udp", "ip and tcp"] {
        assert_eq!(lint(text, &Target::new(LinkType::IPV4)).map(|it| it.len()), Ok(usize::from(text == "ip or ip6")));
    }
}

#[test]
fn finds_parts_of_expressions() {
    let target = Target::new(LinkType::ETHERNET);
    let found = |text: &str| -> Vec<(Effect, String)> {
        lint(text, &target).unwrap().iter().map(|it| (it.effect(), text[it.span()].to_string())).collect()
    };
    let dead = |part: &str| (Effect::DeadPart, part.to_string());
    assert_eq!(found("ip6 and (port 80 or icmp)"), [dead("icmp")]);
    assert_eq!(found("ip and ip6 or arp or (tcp and udp)"), [dead("ip6"), dead("udp")]);
    assert_eq!(found("arp or (port 80 and vlan)"), [dead("vlan")]);
    assert_eq!(found("not (tcp and udp) and ip"), [(Effect::RedundantPart, "udp".to_string())]);
    for text in
        ["", "ip", "vlan or not vlan", "vlan 5 and vlan 6", "tcp port 443 or (udp and port 443) and host 1.1.1.1"]
    {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn agrees_with_the_compiler_on_every_link_type() {
    let mut count = 0;
    for (place, link_type) in LinkType::all().enumerate() {
        for (number, text) in CONTRADICTIONS.into_iter().enumerate() {
            let target = Target::new(link_type);
            // Each link type has its share.
            let share = place + number;
            let Some(Ok(warnings)) = (share % 4 == 0).then(|| lint(text, &target)) else { continue };
            let rejects_all = text.parse::<Expr>().unwrap().compile(&target).is_err();
            let effects: Vec<Effect> = warnings.iter().map(|warning| warning.effect()).collect();
            // Some link types do not tell what follows, so `ip and ip6` matches every packet of them.
            assert_eq!(effects.contains(&Effect::RejectsAll), rejects_all, "{text} on {link_type}: {effects:?}");
            count += usize::from(rejects_all);
            if share % 16 != 0 {
                continue;
            }
            let negation = format!("not ({text})");
            let negated: Vec<Effect> = lint(&negation, &target).unwrap().iter().map(|it| it.effect()).collect();
            if negated.contains(&Effect::AcceptsAll) != rejects_all {
                // On PPI, every expression needs a header that some packets lack.
                let program = compile_expression(&negation, &target).unwrap().verify(target.get_dialect()).unwrap();
                let is_unproven = prove::Options::new().accepts_all(&program).unwrap().witness().is_some();
                assert!(rejects_all && is_unproven, "{negation} on {link_type}: {negated:?}");
            }
        }
    }
    assert!(count > 250, "{count}");
}

#[test]
fn bounds_the_work() {
    let target = Target::new(LinkType::ETHERNET);
    let hosts =
        |count: usize| (0..count).map(|host| format!("host 10.0.{}.{}", host / 250, host % 250)).collect::<Vec<_>>();
    assert_eq!(lint(&hosts(1000).join(" or "), &target), Ok(Vec::new()));
    let text = format!("tcp and ({}) and udp", hosts(1000).join(" or "));
    let warnings = lint(&text, &target).unwrap();
    assert_eq!(warnings[0].message(), "no packet matches both `tcp` and `udp`");
    let text = format!("arp and not ({})", hosts(200).join(") and not ("));
    assert_eq!(lint(&format!("{text} and ip"), &target).unwrap()[0].message(), "no packet matches both `arp` and `ip`");
    // Each number excludes one value, and all of them every value.
    let all = (0..256).map(|value| format!("ip[8] != {value}")).collect::<Vec<_>>().join(" and ");
    let warnings = lint(&all, &target).unwrap();
    assert_eq!(
        (warnings[0].effect(), warnings[0].message()),
        (Effect::RejectsAll, "no packet matches all parts of this")
    );
}

#[test]
fn positions_are_those_of_the_text() {
    let sll = Target::new(link_type("LINUX_SLL"));
    let warnings = lint("ip\n and (ip6)", &sll).unwrap();
    assert_eq!((warnings[0].line(), warnings[0].column(), warnings[0].span()), (2, 7, 9..12));
    let expr: Expr = "port 80 and 443 and arp".parse().unwrap();
    let warnings = expr.lint(&sll).unwrap();
    assert_eq!(&expr.to_string()[warnings[0].span()], "arp");
    assert_eq!(
        warnings[0].to_string(),
        "line 1, column 26: no packet matches both `port 443` and `arp`\n  |\n1 | port 80 and port 443 and arp\n  |                          ^^^"
    );
}

#[test]
fn numbers_that_are_addresses_are_reported() {
    for (text, column, message) in [
        ("dst 443", 5, "`dst 443` is the address 0.0.1.187; for a port, write `dst port 443`"),
        ("tcp and src 80", 13, "`src 80` is the address 0.0.0.80; for a port, write `src port 80`"),
        ("host 80", 6, "`host 80` is the address 0.0.0.80; for a port, write `port 80`"),
        ("src or dst 80", 12, "`src or dst 80` is the address 0.0.0.80; for a port, write `src or dst port 80`"),
        ("host 10.0.0.1 or 80", 18, "`host 80` is the address 0.0.0.80; for a port, write `port 80`"),
    ] {
        let warnings = lint(text, &Target::new(LinkType::ETHERNET)).unwrap();
        let [warning] = &warnings[..] else { panic!("{text}: {warnings:?}") };
        assert_eq!((warning.effect(), warning.cause()), (Effect::Address, Cause::Number), "{text}");
        assert_eq!((warning.column(), warning.message()), (column, message), "{text}");
    }
    for text in ["port 80", "net 10", "host 0x0a000001", "ip proto 6", "dst 10.0.0.1", "vlan 5"] {
        assert!(lint(text, &Target::new(LinkType::ETHERNET)).unwrap().is_empty(), "{text}");
    }
}
