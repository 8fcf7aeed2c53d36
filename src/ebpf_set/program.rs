//! The program of a set: fields, tables, added terms, and the result.

use crate::bpf::isa::AluOp;
use crate::classifier::build::Classifier;
use crate::classifier::packet_fields::PacketFields;
use crate::classifier::table::Tables;
use crate::ebpf::hook::XDP;
use crate::ebpf::results::{self, XDP_PASS};
use crate::ebpf::{
    Action, Comparison, EbpfError, Helper, Hook, Instruction, Map, Options, Program, Register, Size, Source,
};
use crate::ebpf_set::added_terms::{COUNTER, NO_ORDER, TermLayout};
use crate::ebpf_set::assembler::{Assembler, Label, immediate};
use crate::ebpf_set::lookup::{BEST, LookupCode};
use crate::ebpf_set::maps::TablesValue;
use crate::ebpf_set::{fields, frame, maps};

use Register::{R0, R1, R2, R3, R10};

/// Emits the program of some tables.
pub(crate) struct SetCode<'a> {
    options: &'a Options,
    tables: &'a Tables,
    value: TablesValue,
    terms: &'a TermLayout,
    counters: usize,
    asm: Assembler,
    maps: Vec<Map>,
}

/// Returns the program of tables with some ids. Added rules have counters from the number of rules on, `counters` in
/// total.
pub(crate) fn compile(
    options: &Options,
    Classifier { fields, tables, .. }: &Classifier,
    ids: &[u32],
    terms: &TermLayout,
    counters: usize,
) -> Result<Program, EbpfError> {
    results::check_actions(options.hook, [options.on_match, options.on_mismatch])?;
    let is_big_endian = options.is_big_endian;
    let removed = maps::NEVER.to_le_bytes().repeat(ids.len().max(1));
    let maps = vec![
        maps::array("tables", Vec::new()),
        maps::array("state", vec![0; 8]),
        maps::array("removed", removed),
        maps::array("added", vec![0; terms.stride() * terms.capacity]),
    ];
    let value = TablesValue::new(tables, ids, is_big_endian);
    let code = SetCode { options, tables, value, terms, counters, asm: Assembler::default(), maps };
    code.program(fields)
}

impl SetCode<'_> {
    fn program(mut self, fields: &PacketFields) -> Result<Program, EbpfError> {
        let Options { hook, has_direct_access, .. } = *self.options;
        let is_wanted = |action: Action| [self.options.on_match, self.options.on_mismatch].contains(&action);
        let [wants_verdict, wants_id] = [Action::Verdict, Action::Rule].map(is_wanted);
        fields::emit(&mut self.asm, &mut self.value, fields, self.options);
        self.state();
        for (place, is_wanted) in [(frame::VERDICT, wants_verdict), (frame::ID, wants_id)] {
            if is_wanted {
                self.asm.store(Size::U32, R10, place, Source::Immediate(0));
            }
        }
        let mut lookup = LookupCode {
            asm: &mut self.asm,
            tables: self.tables,
            value: &mut self.value,
            wants_verdict,
            is_big_endian: self.options.is_big_endian,
        };
        lookup.all();
        self.order(wants_id);
        self.terms.emit(&mut self.asm, (wants_verdict, wants_id));
        self.result();
        self.maps[maps::TABLES as usize] = maps::array("tables", self.value.finish(self.tables));
        let Options { name, license, is_big_endian, .. } = self.options.clone();
        let (instructions, maps) = (self.asm.finish()?, self.maps);
        Ok(Program { hook, name, license, is_big_endian, has_direct_access, instructions, maps })
    }

    /// Emits the load of the version and the number of added terms, at once.
    fn state(&mut self) {
        self.asm.map_value(R1, maps::STATE, 0);
        self.asm.load(Size::U64, R1, R1, 0);
        self.asm.store(Size::U32, R10, frame::VERSION, R1);
        self.asm.alu(AluOp::Rsh, R1, Source::Immediate(32));
        self.asm.store(Size::U32, R10, frame::ADDED, R1);
    }

    /// Emits the counter, the id and the order of the best rank.
    fn order(&mut self, wants_id: bool) {
        let [none, end] = [self.asm.label(), self.asm.label()];
        self.asm.load(Size::U32, BEST, R10, frame::BEST);
        self.asm.copy(COUNTER, BEST);
        self.asm.jump_if(BEST, Comparison::GreaterOrEqual, immediate(self.tables.none), none);
        if wants_id {
            self.asm.copy(R1, BEST);
            self.asm.alu(AluOp::Lsh, R1, Source::Immediate(2));
            self.asm.map_value(R2, maps::TABLES, self.value.ids);
            self.asm.alu(AluOp::Add, R2, R1);
            self.asm.load(Size::U32, R1, R2, 0);
            self.asm.store(Size::U32, R10, frame::ID, R1);
        }
        self.asm.alu(AluOp::Add, BEST, Source::Immediate(1));
        self.asm.alu(AluOp::Lsh, BEST, Source::Immediate(32));
        self.asm.jump(end);
        self.asm.bind(none);
        self.asm.long_constant(BEST, NO_ORDER);
        self.asm.bind(end);
    }

    /// Emits the count and the result.
    fn result(&mut self) {
        let mismatch = self.asm.label();
        self.asm.long_constant(R1, NO_ORDER);
        self.asm.jump_if(BEST, Comparison::Equal, R1, mismatch);
        if self.options.has_counters {
            self.count();
        }
        self.action(self.options.on_match);
        self.asm.bind(mismatch);
        self.action(self.options.on_mismatch);
    }

    /// Emits the increment of a counter. On one processor, XDP programs run one after the other.
    fn count(&mut self) {
        let absent = self.asm.label();
        self.asm.store(Size::U32, R10, frame::KEY, COUNTER);
        self.asm.copy(R2, R10);
        self.asm.alu(AluOp::Add, R2, Source::Immediate(frame::KEY.into()));
        let map = self.add_map(maps::counters(self.counters));
        self.asm.push(Instruction::LoadMap { dst: R1, map });
        self.asm.call(Helper::MapLookupElem);
        self.asm.jump_if(R0, Comparison::Equal, Source::Immediate(0), absent);
        match self.options.hook {
            Hook::Xdp => {
                self.asm.load(Size::U64, R1, R0, 0);
                self.asm.alu(AluOp::Add, R1, Source::Immediate(1));
                self.asm.store(Size::U64, R0, 0, R1);
            }
            _ => {
                self.asm.constant(R1, 1);
                self.asm.push(Instruction::AtomicAdd { size: Size::U64, base: R0, offset: 0, src: R1 });
            }
        }
        self.asm.bind(absent);
    }

    fn add_map(&mut self, map: Map) -> u32 {
        let index = self.maps.iter().position(|other| other.name == map.name).unwrap_or(self.maps.len());
        if index == self.maps.len() {
            self.maps.push(map);
        }
        index as u32
    }

    /// Emits the end of the program for packets that match, or that do not.
    fn action(&mut self, action: Action) {
        match (action, self.options.hook) {
            (Action::Return(result), _) => self.asm.copy(R0, Source::Immediate(result)),
            (Action::Verdict, Hook::CgroupSkb) => self.allow_if(frame::VERDICT),
            (Action::Verdict, _) => self.asm.load(Size::U32, R0, R10, frame::VERDICT),
            (Action::Rule, Hook::CgroupSkb) => self.allow_if(frame::ID),
            (Action::Rule, _) => self.asm.load(Size::U32, R0, R10, frame::ID),
            (Action::RedirectMap { key, .. }, _) => {
                if let Some(targets) = results::targets([self.options.on_match, self.options.on_mismatch]) {
                    let map = self.add_map(targets);
                    self.asm.push(Instruction::LoadMap { dst: R1, map });
                }
                match key {
                    Some(key) => self.asm.constant(R2, key),
                    None => {
                        self.asm.load(Size::U64, R2, R10, frame::CONTEXT);
                        self.asm.load(Size::U32, R2, R2, XDP.rx_queue_index);
                    }
                }
                self.asm.copy(R3, Source::Immediate(XDP_PASS));
                self.asm.call(Helper::RedirectMap);
            }
            (Action::Redirect(interface), _) => {
                self.asm.constant(R1, interface);
                self.asm.constant(R2, 0);
                self.asm.call(Helper::Redirect);
            }
        }
        self.asm.push(Instruction::Exit);
    }

    /// Emits 1 if a number in the frame is not 0, and else 0: control groups take no other result.
    fn allow_if(&mut self, place: i16) {
        let end: Label = self.asm.label();
        self.asm.load(Size::U32, R1, R10, place);
        self.asm.constant(R0, 0);
        self.asm.jump_if(R1, Comparison::Equal, Source::Immediate(0), end);
        self.asm.constant(R0, 1);
        self.asm.bind(end);
    }
}
