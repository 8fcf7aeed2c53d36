use super::*;
use crate::LinkType;
use crate::bpf::program::Program;
use crate::lang::Expr;

fn verified(text: &str) -> Verified {
    text.parse::<Program>().expect("a program").verify(Dialect::Linux).expect("a valid program")
}

/// Returns a filter that runs in the interpreter, as if there were no native code for its program.
fn interpreted(verified: &Verified) -> Filter {
    Filter::interpreted(verified, Strategy::Auto, CompileError::UnsupportedMachine("a test".to_owned()))
}

const PROGRAMS: [&str; 5] = [
    "ldb [0]\n ret a",
    "ld [x + 4]\n jset #1, odd\n ret #0\n odd: ret #-1",
    "ld #len\n ret a",
    "ld rand\n ret a",
    "ld mark\n add #1\n ret a",
];

#[test]
fn interpreted_filters_have_the_verdicts_of_native_ones() {
    let context = crate::Context::default().mark(7).seed(3);
    let bytes = [7, 0, 0, 0, 0, 0, 0, 9];
    let packets: Vec<Packet> =
        (0..=bytes.len()).map(|len| Packet::new(&bytes[..len]).with_wire_len(99).with_context(&context)).collect();
    for verified in PROGRAMS.map(verified) {
        let filters = [interpreted(&verified), Filter::compile(&verified).expect("a filter")];
        let expected: Vec<u32> = packets.iter().map(|packet| verified.interpret(packet)).collect();
        for filter in &filters {
            let single: Vec<u32> = packets.iter().map(|packet| filter.run(packet)).collect();
            let mut batch = vec![1; packets.len()];
            filter.run_batch(&packets, &mut batch);
            assert_eq!((&single, &batch), (&expected, &expected), "{filter:?}: {}", verified.program());
            assert!(packets.iter().zip(&expected).all(|(packet, &verdict)| filter.is_match(packet) == (verdict != 0)));
        }
        let [interpreted, other] = filters.map(|filter| (filter.needs_context(), filter.dialect()));
        assert_eq!(interpreted, other);
    }
}

#[test]
fn engine_names_the_reason_of_the_interpreter() {
    let filter = interpreted(&verified("ret #1"));
    assert!(matches!(filter.engine(), Engine::Interpreter { why: CompileError::UnsupportedMachine(_) }));
    assert_eq!(filter.engine().to_string(), "interpreter (there is no native code for this machine: a test)");
    assert_eq!((filter.code_size(), filter.prepare_batch().is_ok()), (0, true));
    assert!(format!("{filter:?}").contains("a test"));
    assert_eq!(Engine::Native.to_string(), "native code");
}

#[test]
fn deferred_filters_have_the_verdicts_of_others_at_any_time() {
    let verified = verified("ldh [0]\n jeq #7, keep\n ret #0\n keep: ret #9");
    let filter = FilterConfig::new().interpret_first(10).compile(&verified).expect("a filter");
    let other = filter.clone();
    let packets: [&[u8]; 3] = [&[0, 7], &[7, 0], &[0]];
    let check = |filter: &Filter| {
        let mut batch = [1; 3];
        filter.run_batch(&packets, &mut batch);
        assert_eq!((packets.map(|packet| filter.run(packet)), batch), ([9, 0, 0], [9, 0, 0]));
    };
    check(&filter);
    assert!(matches!(filter.engine(), Engine::InterpreterFirst));
    assert_eq!((filter.code_size(), filter.prepare_batch().is_ok()), (0, true));
    // The tenth packet starts the compilation.
    let start = std::time::Instant::now();
    while matches!(other.engine(), Engine::InterpreterFirst) && start.elapsed().as_secs() < 60 {
        check(&filter);
        std::thread::yield_now();
    }
    check(&other);
    let compiled = Filter::compile(&verified).expect("a filter");
    assert_eq!(other.engine().to_string(), compiled.engine().to_string());
    assert_eq!((other.strategy(), filter.code_size()), (compiled.strategy(), compiled.code_size()));
    let required = FilterConfig::new().interpret_first(1).require_native(true).compile(&verified);
    assert_eq!(required.is_ok(), compiled.is_native());
}

#[test]
fn required_native_code_is_an_error_if_there_is_none() {
    let verified = verified("ret #1");
    let is_native = Filter::compile(&verified).expect("a filter").is_native();
    assert_eq!(Filter::compile(&verified).expect("a filter").code_size() != 0, is_native);
    let sample = [[0; 60]; 100];
    for config in [FilterConfig::new(), FilterConfig::new().sample(&sample)] {
        assert_eq!(config.compile(&verified).expect("a filter").is_native(), is_native);
        match config.require_native(true).compile(&verified) {
            Ok(filter) => assert!(is_native && filter.is_native()),
            Err(error) => assert!(!is_native && matches!(error, FilterError::Compile(_)), "{error}"),
        }
    }
    if !cfg!(feature = "jit") {
        assert!(!is_native);
    }
}

#[test]
fn errors_of_expressions_have_positions() {
    let error = Filter::from_expression("tcp prt 80", LinkType::ETHERNET).expect_err("an invalid expression");
    assert!(matches!(error, FilterError::Expression(_)), "{error:?}");
    assert!(std::error::Error::source(&error).is_some() && error.to_string().contains("did you mean `port`?"));
}

#[test]
fn types_can_be_sent_and_shared() {
    fn is_shareable<T: Send + Sync + Clone + fmt::Debug>() {}
    is_shareable::<Filter>();
    is_shareable::<FilterConfig>();
    is_shareable::<Verified>();
    is_shareable::<Program>();
    is_shareable::<Expr>();
    is_shareable::<Target>();
    is_shareable::<Packets>();
}

#[test]
#[should_panic = "the number of verdicts"]
fn each_packet_needs_a_verdict() {
    let program: Program = "ret #1".parse().expect("a program");
    let filter = Filter::compile(&program.verify(Dialect::Linux).expect("a valid one")).expect("a filter");
    filter.run_batch(&[&b"first"[..], &b"second"[..]], &mut [0]);
}
