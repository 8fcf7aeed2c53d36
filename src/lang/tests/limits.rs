//! Tests of depth, length and the dialect's limits.

use std::fmt::Write;

use crate::bpf::dialect::Dialect;
use crate::bpf::verify::Rule;
use crate::lang::{Expr, ExprError, LinkType, Target, compile_expression};

#[test]
fn nesting_is_unlimited() {
    const DEEP: usize = 100_000;
    let target = Target::new(LinkType::ETHERNET);
    let nested = format!("{}ip{}", "(".repeat(DEEP), ")".repeat(DEEP));
    assert_eq!(compile_expression(&nested, &target), compile_expression("ip", &target));
    let negated = format!("{}ip", "not ".repeat(DEEP));
    assert_eq!(compile_expression(&negated, &target), compile_expression("ip", &target));
    assert_eq!(negated.parse::<Expr>().unwrap().to_string(), negated);
    let number = format!("{}len{} = 1", "(1 + ".repeat(DEEP), ")".repeat(DEEP));
    assert_eq!(compile_expression(&number, &target).unwrap().len(), DEEP + 4);
    let right = format!("{}ip{}", "(arp or ".repeat(DEEP), ")".repeat(DEEP));
    let tree: Expr = right.parse().unwrap();
    assert_eq!(tree.to_string().parse::<Expr>().unwrap(), tree);
    assert!(compile_expression(&right, &target).is_ok());
}

#[test]
fn long_lists_compile_to_programs_of_linear_length() {
    let list = |count: u32| {
        (0..count).fold(String::from("host 10.0.0.0"), |mut text, number| {
            let _ = write!(text, " or 10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
            text
        })
    };
    let target = Target::new(LinkType::ETHERNET);
    let lengths = [1_000, 10_000].map(|count| compile_expression(&list(count), &target).unwrap().len());
    assert!(lengths[1] < 11 * lengths[0], "{lengths:?}");
    let target = target.dialect(Dialect::Linux);
    let too_long = compile_expression(&list(10_000), &target);
    assert!(matches!(too_long, Err(ExprError::TooLong { instructions: 10_001.., max: 4096 })));
    // A thousand hosts are too many as they are generated.
    let optimized = compile_expression(&list(1_000), &target);
    assert!(optimized.is_ok_and(|program| program.verify(Dialect::Linux).is_ok()));
}

#[test]
fn shortened_programs_verify() {
    for count in [180, 230, 250, 300] {
        let term = |i: u32| format!("tcp[{}:2] + tcp[{}:4] * tcp[{}] = {i}", i % 60, i * 7 % 60, i % 50);
        let text = (0..count).map(term).collect::<Vec<_>>().join(" or ");
        match compile_expression(&text, &Target::new(LinkType::ETHERNET).dialect(Dialect::Linux)) {
            Ok(program) => assert!(program.verify(Dialect::Linux).is_ok(), "{count}"),
            Err(ExprError::TooLong { .. }) => {}
            Err(ExprError::Verify(error)) => assert_eq!(error.rule, Rule::ConvertedJumpTooFar),
            Err(error) => panic!("{count}: {error}"),
        }
    }
}

/// Returns an IPv6 packet with this number of option headers before TCP.
fn chain(headers: u8) -> Vec<u8> {
    let mut packet = vec![0x60; 40];
    packet[6] = if headers == 0 { 6 } else { 60 };
    for left in (0..headers).rev() {
        packet.extend([if left == 0 { 6 } else { 60 }, 0, 0, 0, 0, 0, 0, 0]);
    }
    packet
}

#[test]
fn protochain_follows_a_limited_number_of_headers() {
    let text = "ip6 protochain 6";
    let found = |target: &Target| {
        let program = compile_expression(text, target).unwrap().verify(Dialect::Pcap).unwrap();
        (0..100).take_while(|&headers| program.interpret(&chain(headers)) > 0).count().checked_sub(1)
    };
    let target = Target::new(LinkType::RAW);
    assert_eq!(found(&target), Some(16));
    assert_eq!(found(&target.clone().chain_depth(0)), Some(0));
    assert_eq!(found(&target.clone().chain_depth(40)), Some(40));
    let expr: Expr = text.parse().unwrap();
    assert_eq!(expr.chain_depth(&target), Some(16));
    assert_eq!("ip6 proto 6".parse::<Expr>().unwrap().chain_depth(&target), None);
    // There is no IPv6, so no packet has headers that are not gone through.
    assert_eq!("ip6 protochain 6".parse::<Expr>().unwrap().chain_depth(&Target::new(LinkType::IPV4)), None);
    assert_eq!("protochain 6".parse::<Expr>().unwrap().chain_depth(&Target::new(LinkType::IPV4)), Some(16));
}

#[test]
fn protochain_depth_depends_on_the_dialect() {
    let many = |count: u32| {
        let text = (0..count).fold(String::new(), |text, number| format!("{text} or protochain {number}"));
        text[4..].parse::<Expr>().unwrap()
    };
    let target = Target::new(LinkType::RAW);
    assert_eq!(many(12).chain_depth(&target), Some(16));
    let linux = target.clone().dialect(Dialect::Linux);
    assert_eq!(many(4).chain_depth(&linux), Some(16));
    assert_eq!(many(12).chain_depth(&linux), Some(8));
    assert!(matches!(many(20).compile(&linux), Err(ExprError::TooLong { .. })));
    // An explicit depth is not reduced.
    assert!(many(12).compile(&linux.chain_depth(16)).is_err());
    let endless = |text: &str, link_type| {
        text.parse::<Expr>().unwrap().compile(&Target::new(link_type).allow_reject_all(true).chain_depth(u32::MAX))
    };
    let error = endless("protochain 6", LinkType::RAW).unwrap_err();
    assert!(error.to_string().contains("expected fewer headers"), "{error}");
    assert!(endless("ip6 protochain 6", LinkType::IPV4).is_ok());
}
