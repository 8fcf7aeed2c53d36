//! Functions in Rust: labelled blocks, nested as [`Layout`] has it; or, if that is too deep, a loop over a `match`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use crate::ir::{BlockId, Check, Edge, Graph, Terminator, Value, ValueId};
use crate::packet::MAX_CAPTURED;
use crate::packet::ancillary::Extension;
use crate::source::context;
use crate::source::expression::{Expressions, Syntax, bytes_from, table, variable};
use crate::source::layout::Layout;
use crate::source::name::camel_case;
use crate::source::numbers::lines;
use crate::source::plan::{Plan, Scope, Step, check_end};
use crate::source::rust::{Rust, kind_name, table_name, visible};
use crate::source::rust_prelude;

/// The deepest indentation that is written.
const DEEPEST_INDENT: usize = 10;

/// Returns the source of a function.
pub(super) fn source(graph: &Graph, plan: Plan, name: &str, description: &str) -> String {
    let layout = Layout::of(graph, &plan);
    let plan = if layout.is_some() { plan } else { Plan::of(graph, Scope::Block) };
    let mut function =
        Function { graph, plan: &plan, expressions: Expressions::new(graph, Rust), body: String::new(), indent: 1 };
    match layout {
        Some(layout) => function.nested(&layout),
        None => function.state_machine(),
    }
    function.finish(name, description)
}

struct Function<'g> {
    graph: &'g Graph,
    plan: &'g Plan,
    expressions: Expressions<'g, Rust>,
    body: String,
    indent: usize,
}

/// The work that is left.
enum Task<'g> {
    Block(BlockId),
    Edge(&'g Edge),
    Close,
}

impl<'g> Function<'g> {
    fn line(&mut self, text: &str) {
        let indent = 4 * self.indent.min(DEEPEST_INDENT);
        let _ = writeln!(self.body, "{:indent$}{text}", "");
    }

    fn open(&mut self, text: &str) {
        self.line(text);
        self.indent += 1;
    }

    fn close(&mut self, text: &str) {
        self.indent -= 1;
        self.line(text);
    }

    /// Writes all blocks, without recursion.
    fn nested(&mut self, layout: &Layout) {
        let mut tasks = vec![Task::Block(BlockId(0))];
        while let Some(task) = tasks.pop() {
            match task {
                Task::Close => self.close("}"),
                Task::Edge(edge) => self.edge(edge, &mut tasks),
                Task::Block(id) => {
                    let labels = &layout.labels[id.index()];
                    self.open_labels(id, labels, &mut tasks);
                    self.steps(id, |plan, value| !labels.is_empty() && plan.is_used_outside(value, id));
                    match &self.graph.block(id).terminator {
                        Terminator::Return(verdict) => self.return_value(*verdict),
                        Terminator::Jump(edge) => tasks.push(Task::Edge(edge)),
                        Terminator::Branch { test, then, otherwise } => {
                            let is_inverted = layout.is_inverted(self.plan, then, otherwise);
                            let (first, second) = if is_inverted { (otherwise, then) } else { (then, otherwise) };
                            let test = self.expressions.test(*test, !is_inverted);
                            self.open(&format!("if {test} {{"));
                            tasks.extend([Task::Edge(second), Task::Close, Task::Edge(first)]);
                        }
                    }
                }
            }
        }
    }

    /// Writes the labels around the code of a block, after the variables that the code behind them needs.
    fn open_labels(&mut self, id: BlockId, labels: &[BlockId], tasks: &mut Vec<Task>) {
        if labels.is_empty() {
            return;
        }
        let mut declared = Vec::new();
        for &step in &self.plan.steps[id.index()] {
            if let Step::Define(value) = step {
                if self.plan.is_used_outside(value, id) && self.graph.value(value) != Value::WireLen {
                    declared.push(value);
                }
            }
        }
        for label in labels {
            let parameters = self.graph.block(*label).parameters.iter().copied();
            declared.extend(parameters.filter(|parameter| self.plan.is_live[parameter.index()]));
        }
        for value in declared {
            self.line(&format!("let {}: u32;", variable(value)));
        }
        for &label in labels.iter().rev() {
            self.open(&format!("'b{}: {{", label.0));
            tasks.extend([Task::Block(label), Task::Close]);
        }
    }

    /// Writes the steps of a block; `is_declared` says whether a value has a variable already.
    fn steps(&mut self, id: BlockId, is_declared: impl Fn(&Plan, ValueId) -> bool) {
        for &step in &self.plan.steps[id.index()] {
            match step {
                Step::Check(check) => self.check(check),
                Step::Reach(base, end) => self.fail_unless_in_bounds(Some(base), end),
                Step::Define(value) => {
                    if let Some(text) = self.expressions.define(self.plan, value) {
                        self.assign(value, &text, is_declared(self.plan, value));
                    }
                }
            }
        }
    }

    fn assign(&mut self, value: ValueId, text: &str, is_declared: bool) {
        let name = self.expressions.variable(value);
        match is_declared {
            true => self.line(&format!("{name} = {text};")),
            false => self.line(&format!("let {name}: u32 = {text};")),
        }
    }

    fn check(&mut self, check: Check) {
        match check {
            Check::InBounds(address, _) => self.fail_unless_in_bounds(address.base, check_end(check)),
            Check::NonZero(value) => {
                let value = self.expressions.value(value).operand();
                self.return_if(&format!("{value} == 0"), "0");
            }
            Check::Present(extension, verdict) => {
                let verdict = self.expressions.value(verdict).text;
                self.return_if(&Rust.is_absent(extension), &verdict);
            }
        }
    }

    fn fail_unless_in_bounds(&mut self, base: Option<ValueId>, end: u64) {
        let end = visible(end);
        match base {
            None if end == 1 => self.return_if("packet.is_empty()", "0"),
            None => self.return_if(&format!("packet.len() < {end}"), "0"),
            Some(base) => {
                let (name, bytes) = (self.expressions.value(base).text, bytes_from(base));
                self.open(&format!("let Some({bytes}) = bytes_from(packet, {name}, {end}) else {{"));
                self.line("return 0;");
                self.close("};");
            }
        }
    }

    fn return_if(&mut self, test: &str, verdict: &str) {
        self.open(&format!("if {test} {{"));
        self.line(&format!("return {verdict};"));
        self.close("}");
    }

    fn return_value(&mut self, verdict: ValueId) {
        let verdict = self.expressions.value(verdict).text;
        self.line(&format!("return {verdict};"));
    }

    fn edge(&mut self, edge: &'g Edge, tasks: &mut Vec<Task<'g>>) {
        if let Some(verdict) = self.plan.verdicts[edge.block.index()] {
            self.line(&format!("return {verdict};"));
            return;
        }
        let is_nested = self.plan.is_nested(edge);
        self.arguments(edge, !is_nested);
        match is_nested {
            true => tasks.push(Task::Block(edge.block)),
            false => self.line(&format!("break 'b{};", edge.block.0)),
        }
    }

    fn arguments(&mut self, edge: &Edge, are_declared: bool) {
        let parameters = &self.graph.block(edge.block).parameters;
        for (&parameter, &argument) in parameters.iter().zip(&edge.arguments) {
            if self.plan.is_live[parameter.index()] {
                let argument = self.expressions.value(argument).text;
                self.assign(parameter, &argument, are_declared);
            }
        }
    }

    /// Writes a loop, in which each round executes a block and selects the next one.
    fn state_machine(&mut self) {
        let mut declared: Vec<ValueId> = Vec::new();
        for (block, steps) in self.graph.blocks.iter().zip(&self.plan.steps) {
            let parameters = block.parameters.iter().copied();
            declared.extend(parameters.filter(|parameter| self.plan.is_live[parameter.index()]));
            for &step in steps {
                if let Step::Define(value) = step {
                    if !self.plan.is_inline(value) && self.graph.value(value) != Value::WireLen {
                        declared.push(value);
                    }
                }
            }
        }
        declared.sort_unstable();
        declared.dedup();
        self.line(&format!("let mut v = [0_u32; {}];", declared.len()));
        self.expressions.put_in_array(declared);
        self.line("let mut block: u32 = 0;");
        self.open("loop {");
        // With hundreds of variables and ways through the loop, optimising it takes rustc minutes.
        self.line("core::hint::black_box(&mut v);");
        self.open("block = match block {");
        for id in (0..self.graph.blocks.len()).map(BlockId::new) {
            if self.plan.verdicts[id.index()].is_none() {
                self.open(&format!("{} => {{", id.0));
                self.steps(id, |plan, value| !plan.is_inline(value));
                self.next_state(id);
                self.close("}");
            }
        }
        self.line("_ => return 0,");
        self.close("};");
        self.close("}");
    }

    fn next_state(&mut self, id: BlockId) {
        match &self.graph.block(id).terminator {
            Terminator::Return(verdict) => self.return_value(*verdict),
            Terminator::Jump(edge) => self.state(edge),
            Terminator::Branch { test, then, otherwise } => {
                let test = self.expressions.test(*test, true);
                self.open(&format!("if {test} {{"));
                self.state(then);
                self.close("} else {");
                self.indent += 1;
                self.state(otherwise);
                self.close("}");
            }
        }
    }

    /// Writes the arguments of an edge and the number of its block, or the verdict.
    fn state(&mut self, edge: &Edge) {
        match self.plan.verdicts[edge.block.index()] {
            Some(verdict) => self.line(&format!("return {verdict};")),
            None => {
                self.arguments(edge, true);
                self.line(&format!("{}", edge.block.0));
            }
        }
    }

    /// Returns the source: the structure of the context, and the function with what it calls.
    fn finish(self, name: &str, description: &str) -> String {
        let mut source = String::from("// Generated by cbpf.\n");
        let context = format!("{}Context", camel_case(name));
        let has_context = !context::fields(self.plan.inputs).is_empty();
        if has_context {
            let _ = writeln!(source, "\n/// The context of a packet, for [`{name}`].");
            let _ = writeln!(source, "#[derive(Clone, Copy, Debug, Default)]\npub struct {context} {{");
            for field in context::fields(self.plan.inputs) {
                let _ = writeln!(source, "    /// {}", field.description);
                let _ = writeln!(source, "    pub {}: {},", field.name, kind_name(field.kind));
            }
            source.push_str("}\n");
        }
        source.push_str(&documentation(description, has_context));
        source.push_str(
            "#[allow(clippy::eq_op, clippy::needless_return, clippy::nonminimal_bool, unused_assignments, unused_variables)]\n",
        );
        let parameter = if has_context { format!(", context: &{context}") } else { String::new() };
        let _ = writeln!(source, "pub fn {name}(packet: &[u8], wire_len: u32{parameter}) -> u32 {{");
        rust_prelude::called(&self.body).for_each(|function| source.push_str(function));
        source.push_str(&self.tables());
        if self.may_exceed_the_visible() {
            source.push_str("    let packet = packet.get(..0x7fff_ffff).unwrap_or(packet);\n");
        }
        source.push_str(&self.body);
        source.push_str("}\n");
        source
    }

    fn tables(&self) -> String {
        let mut text = String::new();
        for &set in &self.plan.sets {
            if let Some(table) = table(self.graph.sets.get(set)) {
                let (name, bits, count) = (table_name(set), table.bits, table.elements.len());
                let _ = writeln!(text, "    static {name}: [u{bits}; {count}] = [");
                text.push_str(&lines(table.elements.into_iter(), "        ", ""));
                text.push_str("    ];\n");
            }
        }
        text
    }

    /// Returns whether the function may read bytes that programs do not see.
    fn may_exceed_the_visible(&self) -> bool {
        let known = |base: &ValueId| u64::from(self.graph.values.known(*base).max);
        let ends = self.graph.values.ids().filter(|id| self.plan.is_live[id.index()]).filter_map(|id| {
            match self.graph.value(id) {
                Value::Load(address, width, _) => Some(address.end(width)),
                _ => None,
            }
        });
        let checked = self.graph.blocks.iter().flat_map(|block| &block.checks).map(|&check| check_end(check));
        let end = ends.chain(checked).max().unwrap_or(0);
        let in_packet = [Extension::NetlinkAttribute, Extension::NestedNetlinkAttribute];
        self.plan.bases.iter().any(|base| known(base) + end > MAX_CAPTURED as u64)
            || in_packet.iter().any(|&extension| self.plan.inputs.contains_extension(extension))
    }
}

/// Returns the documentation of the function.
fn documentation(description: &str, has_context: bool) -> String {
    let words: Vec<&str> = description.split_whitespace().collect();
    let filter = words.join(" ").replace('`', "'");
    let mut text = match filter.is_empty() {
        true => String::from(
            "\n/// Returns the verdict of a filter: the number of bytes to keep of a packet, 0 for none.\n",
        ),
        false => format!(
            "\n/// Returns the number of bytes to keep of a packet, 0 for none, by the filter\n/// `{filter}`.\n"
        ),
    };
    text.push_str("///\n/// `wire_len` is the length on the wire");
    if has_context {
        text.push_str(", `context` is what the filter reads beside the packet");
    }
    text + ".\n"
}
