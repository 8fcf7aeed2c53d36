//! Symbolic execution of single instructions of the IR.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Inst, InstructionData, Opcode, Value};

use crate::bpf::isa::{AluOp, Condition};
use crate::codegen::validation::evaluation::Evaluation;
use crate::codegen::validation::item::Item;
use crate::codegen::validation::number::Number;
use crate::packet::ancillary::Extension;
use crate::prove::numbers::NumberedWord;

impl Evaluation<'_, '_> {
    /// Executes an instruction.
    pub(super) fn instruction(&mut self, inst: Inst) -> Result<(), String> {
        let dfg = &self.function.dfg;
        let data = dfg.insts[inst];
        let opcode = data.opcode();
        if opcode.is_terminator() {
            return self.end(inst);
        }
        let arguments = dfg.inst_args(inst).to_vec();
        if opcode == Opcode::Store {
            return self.store(&data, &arguments);
        }
        let result = *dfg.inst_results(inst).first().ok_or("no result")?;
        let width = dfg.value_type(result).bits();
        let item = self.result(&data, &arguments, width);
        let item = item.map_err(|error| format!("{}: {error}", self.function.dfg.display_inst(inst)))?;
        self.values.insert(result, item);
        Ok(())
    }

    fn result(&mut self, data: &InstructionData, arguments: &[Value], width: u32) -> Result<Item, String> {
        let opcode = data.opcode();
        if let Some(op) = operation(opcode) {
            return self.arithmetic(op, arguments, width);
        }
        match *data {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => {
                return Ok(Item::Number(Number::constant(width, imm.bits().cast_unsigned())));
            }
            InstructionData::Load { arg, offset, .. } => return self.load(opcode, arg, offset.into(), width),
            InstructionData::IntCompare { args, cond, .. } => return self.compare(cond, args),
            InstructionData::UnaryGlobalValue { global_value, .. } => return self.table(global_value),
            InstructionData::StackAddr { offset, .. } => return Ok(Item::Frame(i32::from(offset).into())),
            InstructionData::CallIndirect { .. } => return self.call(arguments),
            _ => {}
        }
        let number = |index: usize| self.number(arguments[index]);
        let number = match opcode {
            Opcode::Ineg => number(0)?.negated(&mut self.packets.circuit).ok_or("the width of a negation")?,
            Opcode::Bswap => number(0)?.swapped(),
            Opcode::Uextend => number(0)?.resized(width),
            Opcode::Sextend => number(0)?.sign_extended().ok_or("the widths of an extension")?,
            Opcode::Ireduce => self.reduced(&number(0)?, width),
            Opcode::Select => {
                let (test, yes, no) = (number(0)?, number(1)?, number(2)?);
                let holds = test.any(&mut self.packets.circuit);
                no.select(&mut self.packets.circuit, holds, &yes)
            }
            _ => return Err("an unknown instruction".to_owned()),
        };
        Ok(Item::Number(number))
    }

    /// Returns the lower bits of a number; the formula of a random number is the random number.
    fn reduced(&self, number: &Number, width: u32) -> Number {
        let reduced = number.resized(width);
        match self.random.get(&reduced.low.word) {
            Some(&random) if width == 32 => Number::narrow(32, NumberedWord::any(random)),
            _ => reduced,
        }
    }

    fn arithmetic(&mut self, op: AluOp, arguments: &[Value], width: u32) -> Result<Item, String> {
        let &[left, right] = arguments else { return Err("not two operands".to_owned()) };
        match (op, self.item(left)?, self.item(right)?) {
            (_, Item::Number(left), Item::Number(right)) => {
                if op.is_division() {
                    let is_possible = right.any(&mut self.packets.circuit);
                    self.fault_unless(is_possible);
                }
                let number = left.arithmetic(&mut self.packets.circuit, op, &right);
                Ok(Item::Number(number.filter(|it| it.width == width).ok_or("the width of arithmetic")?))
            }
            (AluOp::Add, address, Item::Number(number)) => self.advanced(address, &number),
            _ => Err("arithmetic with an address".to_owned()),
        }
    }

    /// Returns an address plus a number.
    fn advanced(&mut self, address: Item, number: &Number) -> Result<Item, String> {
        match (address, number.as_constant()) {
            (Item::Packet { base, offset }, Some(k)) => {
                let offset = offset.checked_add(k).ok_or("an address before the packet")?;
                Ok(Item::Packet { base, offset })
            }
            (Item::Packet { base: None, offset }, None) => {
                let base = number.as_word().ok_or("a base of more than 32 bits")?.clone();
                Ok(Item::Packet { base: Some(base), offset })
            }
            (Item::Table { table, offset }, _) => {
                let offset = offset.arithmetic(&mut self.packets.circuit, AluOp::Add, number);
                Ok(Item::Table { table, offset: offset.ok_or("the width of an offset")? })
            }
            _ => Err("an address with two bases".to_owned()),
        }
    }

    fn compare(&mut self, condition: IntCC, arguments: [Value; 2]) -> Result<Item, String> {
        let is_signed = condition != condition.unsigned();
        let condition = match condition.unsigned() {
            IntCC::Equal => Condition::Equal,
            IntCC::NotEqual => Condition::NotEqual,
            IntCC::UnsignedLessThan => Condition::Less,
            IntCC::UnsignedLessThanOrEqual => Condition::LessOrEqual,
            IntCC::UnsignedGreaterThan => Condition::Greater,
            IntCC::UnsignedGreaterThanOrEqual => Condition::GreaterOrEqual,
            _ => return Err("an unknown comparison".to_owned()),
        };
        let holds = match (self.item(arguments[0])?, self.item(arguments[1])?) {
            (Item::Number(left), Item::Number(right)) => {
                let [left, right] = [left, right].map(|it| if is_signed { it.with_inverted_sign() } else { it });
                left.compare(&mut self.packets.circuit, condition, &right)
            }
            (Item::Entry { table, offset }, Item::Number(number)) if condition == Condition::Equal => {
                self.is_entry(table, &offset, &number)?
            }
            _ => return Err("a comparison of an address".to_owned()),
        };
        Ok(Item::Number(Number::of_bit(holds)))
    }

    /// Calls the function of an ancillary load: with the packet, and two more arguments.
    fn call(&mut self, arguments: &[Value]) -> Result<Item, String> {
        let &[function, packet, captured, first, second] = arguments else { return Err("not 4 arguments".to_owned()) };
        let (Item::Function(extension), Item::Packet { base: None, offset: 0 }) =
            (self.item(function)?, self.item(packet)?)
        else {
            return Err("a call of something else, or without the packet".to_owned());
        };
        if self.number(captured)?.as_word().map(|word| word.word) != Some(self.packets.limit) {
            return Err("a call with another length".to_owned());
        }
        let first = self.number(first)?.low.word;
        let word = match extension {
            Extension::PayloadOffset => {
                let is_context = matches!(self.item(second)?, Item::Context);
                let wire_len = crate::prove::inputs::Input::WireLen;
                if !is_context || first != self.packets.inputs.word(&mut self.packets.circuit, wire_len) {
                    return Err("a call with other lengths or another context".to_owned());
                }
                self.packets.ancillary(extension)
            }
            _ => {
                let second = self.number(second)?.low.word;
                self.packets.uninterpreted((extension, first, second))
            }
        };
        Ok(Item::Number(Number::narrow(32, NumberedWord::any(word))))
    }
}

/// Returns the operation of an instruction with two numbers.
fn operation(opcode: Opcode) -> Option<AluOp> {
    Some(match opcode {
        Opcode::Iadd => AluOp::Add,
        Opcode::Isub => AluOp::Sub,
        Opcode::Imul => AluOp::Mul,
        Opcode::Udiv => AluOp::Div,
        Opcode::Urem => AluOp::Mod,
        Opcode::Band => AluOp::And,
        Opcode::Bor => AluOp::Or,
        Opcode::Bxor => AluOp::Xor,
        Opcode::Ishl => AluOp::Lsh,
        Opcode::Ushr => AluOp::Rsh,
        _ => return None,
    })
}
