//! Functions in C: blocks in the order of the graph, with labels where needed.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use crate::ir::{BlockId, Check, Edge, Graph, Terminator, ValueId};
use crate::source::c::{C, kind_name, table_name};
use crate::source::c_prelude;
use crate::source::context::{self, Kind};
use crate::source::expression::{Expressions, Syntax, bytes_from, table, variable};
use crate::source::numbers::{LINE, lines};
use crate::source::plan::{Plan, Step, check_end};

/// Returns the source of a function.
pub(super) fn source(graph: &Graph, plan: &Plan, name: &str, description: &str) -> String {
    let mut function = Function {
        graph,
        plan,
        expressions: Expressions::new(graph, C),
        body: String::new(),
        has_label: vec![false; graph.blocks.len()],
        variables: Vec::new(),
    };
    function.find_labels();
    (0..graph.blocks.len()).for_each(|index| function.block(BlockId::new(index)));
    function.finish(name, description)
}

struct Function<'g> {
    graph: &'g Graph,
    plan: &'g Plan,
    expressions: Expressions<'g, C>,
    body: String,
    has_label: Vec<bool>,
    /// The values that have variables.
    variables: Vec<ValueId>,
}

impl Function<'_> {
    /// Marks the blocks that are entered by `goto`.
    fn find_labels(&mut self) {
        for (index, block) in self.graph.blocks.iter().enumerate() {
            let fallthrough = self.fallthrough(BlockId::new(index)).map(core::ptr::from_ref);
            for edge in block.terminator.edges().filter(|&edge| Some(core::ptr::from_ref(edge)) != fallthrough) {
                self.has_label[edge.block.index()] = true;
            }
        }
    }

    /// Returns the edge that leads to the code that follows a block: the first one to it.
    fn fallthrough(&self, id: BlockId) -> Option<&Edge> {
        let next = (id.index() + 1..self.graph.blocks.len()).find(|&index| self.plan.verdicts[index].is_none())?;
        let terminator = &self.graph.block(id).terminator;
        // Of two edges to that code, the one that is not behind a test.
        terminator.edges().filter(|edge| edge.block.index() == next).last()
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.body, "    {text}");
    }

    fn block(&mut self, id: BlockId) {
        if self.plan.verdicts[id.index()].is_some() {
            return;
        }
        if self.has_label[id.index()] {
            let _ = writeln!(self.body, "b{}:", id.0);
        }
        for &step in &self.plan.steps[id.index()] {
            match step {
                Step::Check(check) => self.check(check),
                Step::Reach(base, end) => self.fail_unless_in_bounds(Some(base), end),
                Step::Define(value) => {
                    if let Some(text) = self.expressions.define(self.plan, value) {
                        self.assign(value, &text);
                    }
                }
            }
        }
        self.terminator(id);
    }

    fn assign(&mut self, value: ValueId, text: &str) {
        self.variables.push(value);
        self.line(&format!("{} = {text};", variable(value)));
    }

    fn check(&mut self, check: Check) {
        match check {
            Check::InBounds(address, _) => self.fail_unless_in_bounds(address.base, check_end(check)),
            Check::NonZero(value) => {
                let value = self.expressions.value(value).operand();
                self.line(&format!("if ({value} == 0)\n        return 0;"));
            }
            Check::Present(extension, verdict) => {
                let verdict = self.expressions.value(verdict).text;
                let is_absent = C.is_absent(extension);
                self.line(&format!("if ({is_absent})\n        return {verdict};"));
            }
        }
    }

    fn fail_unless_in_bounds(&mut self, base: Option<ValueId>, end: u64) {
        let test = self.expressions.in_bounds(base, end);
        self.line(&format!("if (!{test})\n        return 0;"));
    }

    fn terminator(&mut self, id: BlockId) {
        match &self.graph.block(id).terminator {
            Terminator::Return(verdict) => {
                let verdict = self.expressions.value(*verdict).text;
                self.line(&format!("return {verdict};"));
            }
            Terminator::Jump(edge) => self.edge(id, edge),
            Terminator::Branch { test, then, otherwise } => {
                let is_next = |edge: &Edge| self.fallthrough(id).is_some_and(|next| core::ptr::eq(next, edge));
                let is_inverted = is_next(then) && !is_next(otherwise);
                let (first, second) = if is_inverted { (otherwise, then) } else { (then, otherwise) };
                let test = self.expressions.test(*test, !is_inverted);
                let from = self.body.len();
                self.edge(id, first);
                let statements = self.body.split_off(from);
                let is_single = statements.lines().count() == 1;
                let (open, close) = if is_single { ("", "") } else { (" {", "    }\n") };
                let _ = writeln!(self.body, "    if ({test}){open}");
                statements.lines().for_each(|line| _ = writeln!(self.body, "    {line}"));
                self.body.push_str(close);
                self.edge(id, second);
            }
        }
    }

    /// Writes the statements of an edge; none if it leads to the code that follows, without arguments.
    fn edge(&mut self, from: BlockId, edge: &Edge) {
        if let Some(verdict) = self.plan.verdicts[edge.block.index()] {
            self.line(&format!("return {verdict};"));
            return;
        }
        let parameters = &self.graph.block(edge.block).parameters;
        for (&parameter, &argument) in parameters.iter().zip(&edge.arguments) {
            if self.plan.is_live[parameter.index()] {
                let argument = self.expressions.value(argument).text;
                self.assign(parameter, &argument);
            }
        }
        if !self.fallthrough(from).is_some_and(|next| core::ptr::eq(next, edge)) {
            self.line(&format!("goto b{};", edge.block.0));
        }
    }

    /// Returns the source: the prelude, the structure of the context, and the function.
    fn finish(mut self, name: &str, description: &str) -> String {
        let mut source = String::from("/* Generated by cbpf. */\n");
        c_prelude::parts(&self.body).for_each(|part| source.push_str(part));
        let has_context = !context::fields(self.plan.inputs).is_empty();
        if has_context {
            source.push_str(&self.context(name));
        }
        let _ = writeln!(source, "\n{}", documentation(description, name, has_context));
        let context = if has_context { format!(",\n    const struct {name}_context *context") } else { String::new() };
        let signature =
            format!("unsigned int {name}(const void *data, const void *data_end, unsigned int wire_len{context})");
        let _ = writeln!(source, "{signature};\n");
        source.push_str("#ifdef __bpf__\n__attribute__((always_inline))\n#endif\n");
        let _ = writeln!(source, "{signature}\n{{");
        source.push_str(&self.declarations());
        source.push_str(&self.body);
        source.push_str("}\n");
        source
    }

    fn context(&self, name: &str) -> String {
        let mut text = format!("\n/* The context of a packet. */\nstruct {name}_context {{\n");
        for field in context::fields(self.plan.inputs) {
            if let Kind::Optional(_) = field.kind {
                let _ = writeln!(text, "    unsigned char has_{};", field.name);
            }
            let _ = writeln!(text, "    {} {}; /* {} */", kind_name(field.kind), field.name, field.description);
        }
        text + "};\n"
    }

    /// Returns the tables, the variables, and what is not used.
    fn declarations(&mut self) -> String {
        let mut text = String::new();
        for &set in &self.plan.sets {
            if let Some(table) = table(self.graph.sets.get(set)) {
                let (element, suffix) = match table.bits {
                    8 => ("unsigned char", ""),
                    32 => ("unsigned int", ""),
                    _ => ("unsigned long long", "ull"),
                };
                let (name, count) = (table_name(set), table.elements.len());
                let _ = writeln!(text, "    static const {element} {name}[{count}] = {{");
                text.push_str(&lines(table.elements.into_iter(), "        ", suffix));
                text.push_str("    };\n");
            }
        }
        text.push_str("    const unsigned char *const packet = data, *const packet_end = data_end;\n");
        self.variables.sort_unstable();
        self.variables.dedup();
        text.push_str(&declaration("const unsigned char *", &self.plan.bases, bytes_from, "*"));
        text.push_str(&declaration("unsigned int ", &self.variables, variable, ""));
        for (name, is_used) in [
            ("packet", self.body.contains("(packet")),
            ("packet_end", self.body.contains("packet_end")),
            ("wire_len", self.body.contains("wire_len")),
        ] {
            if !is_used {
                let _ = writeln!(text, "    (void){name};");
            }
        }
        text + "\n"
    }
}

/// Returns the declaration of variables, in lines that are not too long.
fn declaration(kind: &str, ids: &[ValueId], name: impl Fn(ValueId) -> String, star: &str) -> String {
    let (mut text, mut line) = (String::new(), String::new());
    for &id in ids.iter() {
        let name = name(id);
        if line.len() + name.len() + 4 > LINE {
            let _ = writeln!(text, "{line};");
            line.clear();
        }
        match line.is_empty() {
            true => line = format!("    {kind}{name}"),
            false => line.push_str(&format!(", {star}{name}")),
        }
    }
    if !line.is_empty() {
        let _ = writeln!(text, "{line};");
    }
    text
}

/// Returns the comment before the function.
fn documentation(description: &str, name: &str, has_context: bool) -> String {
    let mut text = String::from("/*\n * ");
    // A description ends no comment and begins none.
    let description = description.replace("*/", "* /").replace("/*", "/ *");
    let words: Vec<&str> = description.split_whitespace().collect();
    match words.is_empty() {
        true => text.push_str("Returns the verdict of a filter: the number of bytes to keep, 0 for none.\n"),
        false => {
            text.push_str("Returns the number of bytes to keep of a packet, 0 for none, by the filter\n * `");
            text.push_str(&words.join(" "));
            text.push_str("`.\n");
        }
    }
    text.push_str(" *\n * data and data_end are the addresses of the first byte and of the byte after the last one,\n");
    text.push_str(" * wire_len is the length on the wire");
    if has_context {
        let _ = write!(text, ", context has what {name} reads beside the packet");
    }
    text + ".\n */"
}
