//! The answer as JSON.

use cbpf::prove::Witness;
use cbpf::seccomp::{Action, SeccompData};
use cbpf::{Context, Dialect};
use serde_json::{Map, Value, json};

use crate::cli::prove::operands::{NamedProgram, Programs};
use crate::cli::prove::{Answer, Kind, QuestionArguments};
use crate::cli::trace;

/// Returns the answer, its assumptions, the packet, and what the programs do with it.
pub fn answer(kind: Kind, arguments: &QuestionArguments, programs: &Programs, answer: &Answer) -> Value {
    let program = |program: &NamedProgram| match &answer.witness {
        None => json!({ "name": program.name }),
        Some(witness) => traced(program, witness, programs.dialect),
    };
    let packet = answer.witness.as_ref().map(|witness| packet(witness, arguments, programs.dialect));
    json!({
        "question": kind.name(),
        "answer": match answer.holds { Some(true) => "yes", Some(false) => "no", None => "unknown" },
        "reason": answer.unknown.map(|unknown| unknown.to_string()),
        "dialect": programs.dialect.name(),
        "truncated": arguments.truncated,
        "verdicts": arguments.verdicts,
        "assumed": programs.assumed.as_ref().map(|assumed| &assumed.name),
        "packet": packet,
        "programs": programs.list.iter().map(program).collect::<Vec<Value>>(),
    })
}

fn traced(program: &NamedProgram, witness: &Witness, dialect: Dialect) -> Value {
    let trace = program.verified.trace(witness.packet());
    let action = (dialect == Dialect::Seccomp).then(|| Action::from(trace.verdict()).to_string());
    json!({
        "name": program.name,
        "verdict": trace.verdict(),
        "action": action,
        "end": trace::end(&trace),
        "executed": trace::executed(&program.verified, &trace),
    })
}

fn packet(witness: &Witness, arguments: &QuestionArguments, dialect: Dialect) -> Value {
    let bytes: String = witness.data().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut packet = json!({ "bytes": bytes, "deciding": witness.deciding_bytes() });
    if dialect == Dialect::Seccomp {
        packet["call"] =
            witness.data().first_chunk().map(SeccompData::from_bytes).map_or(Value::Null, |data| call(&data));
        return packet;
    }
    packet["captured"] = witness.data().len().into();
    packet["wire_len"] = witness.wire_len().into();
    packet["link_type"] = arguments.link_type.to_string().into();
    packet["context"] = context(witness.context());
    packet
}

fn call(data: &SeccompData) -> Value {
    json!({
        "nr": data.nr,
        "name": data.arch.syscall_name(data.nr),
        "arch": data.arch.to_string(),
        "instruction_pointer": data.instruction_pointer,
        "args": data.args,
    })
}

/// Returns the parts of a context that are not those of the default.
fn context(context: &Context) -> Value {
    let mut parts = Map::new();
    let numbers = [
        ("protocol", context.get_protocol().into()),
        ("packet_type", context.get_packet_type().into()),
        ("mark", context.get_mark()),
        ("queue", context.get_queue().into()),
        ("receive_hash", context.get_receive_hash()),
        ("cpu", context.get_cpu()),
    ];
    parts.extend(
        numbers.into_iter().filter(|(_, number)| *number != 0).map(|(name, number)| (name.into(), number.into())),
    );
    if let Some(device) = context.get_device() {
        parts.insert("device".into(), json!({ "index": device.index, "hardware_type": device.hardware_type }));
    }
    if let Some(vlan) = context.get_vlan() {
        parts.insert("vlan".into(), json!({ "tci": vlan.tci, "tpid": vlan.tpid }));
    }
    if context.get_network_header() != 0 {
        parts.insert("network_header".into(), context.get_network_header().into());
    }
    let optional =
        [("link_header", context.get_link_header().map(Value::from)), ("seed", context.get_seed().map(Value::from))];
    parts.extend(optional.into_iter().filter_map(|(name, value)| Some((name.into(), value?))));
    Value::Object(parts)
}
