//! The report of `cbpf rules` as JSON.

use cbpf::filter_set::{Conflict, ExamplePacket, Overlap, RuleStatus, Uncaught};
use serde_json::{Value, json};

use crate::cli::rules::Report;

impl Report<'_> {
    pub fn json(&self) -> Value {
        let Report { analysis, tables, .. } = self;
        let rule = |id: u32| self.rule(id);
        let with = |id: u32, key: &str, value: Value| {
            let mut rule = self.rule(id);
            rule[key] = value;
            rule
        };
        let all = |ids: &[u32]| ids.iter().map(|&id| rule(id)).collect::<Value>();
        let reasons = tables.fallbacks.iter().map(|(id, why)| with(*id, "reason", why.to_string().into()));
        let mut json = json!({
            "link_type": self.link_type.to_string(),
            "rules": self.rules.names().len(),
            "looked_up": tables.indexed,
            "tables": tables.tables,
            "table_bytes": tables.table_bytes,
            "linear_prefix": tables.linear_prefix,
            "run_for_every_packet": reasons.collect::<Value>(),
            "match_nothing": self.never.iter().map(|&id| rule(id)).collect::<Value>(),
            "never_first": analysis.shadowed().map(|(id, by)| with(id, "by", all(by))).collect::<Value>(),
            "equal": analysis.duplicates().iter().map(|&(id, first)| with(id, "to", rule(first))).collect::<Value>(),
            "unknown": analysis.unknown().map(|(id, why)| with(id, "reason", why.to_string().into())).collect::<Value>(),
            "uncaught": match analysis.uncaught() {
                Uncaught::Packets(packets) => packets.iter().map(packet).collect(),
                Uncaught::Nothing => json!([]),
                _ => Value::Null,
            },
        });
        if self.prints_packets {
            let first = analysis.rules().filter_map(|(id, status)| match status {
                RuleStatus::CanBeFirst(example) => Some(with(id, "packet", packet(example))),
                _ => None,
            });
            json["can_be_first"] = first.collect();
        }
        if let Some(conflicts) = &self.conflicts {
            json["different_actions"] = conflicts.iter().map(|conflict| self.conflict(conflict)).collect();
        }
        json
    }

    fn rule(&self, id: u32) -> Value {
        let (name, line) = self.rules.name_and_line(id);
        json!({ "name": name, "line": line })
    }

    fn conflict(&self, conflict: &Conflict) -> Value {
        let relation = match conflict.overlap {
            Overlap::Exception => "exception",
            Overlap::Shadowed => "shadowed",
            Overlap::Equal => "equal",
            _ => "partial",
        };
        json!({
            "earlier": self.rule(conflict.earlier),
            "later": self.rule(conflict.later),
            "relation": relation,
            "packet": conflict.example.as_ref().map(packet),
        })
    }
}

fn packet(packet: &ExamplePacket) -> Value {
    json!({ "data": packet.to_string(), "wire_len": packet.wire_len() })
}
