//! What must hold for every program and packet: shared by the random test and the fuzz targets.

use cbpf::{Dialect, Filter, Form, Packet, Program};

use crate::case;
use crate::generate::Sample;

/// The interpreter and the JIT agree; if they do not, the error is a case file.
pub fn engines_agree(program: &Program, dialect: Dialect, samples: &[Sample]) -> Result<(), String> {
    let Ok(verified) = program.verify(dialect) else { return Ok(()) };
    let filter = Filter::compile(&verified).map_err(|error| format!("{error}\n{program}"))?;
    for sample in samples {
        let packet = Packet::new(&sample.data).with_wire_len(sample.wire_len).with_context(&sample.context);
        let (expected, verdict) = (verified.interpret(packet), filter.run(packet));
        if expected != verdict {
            let case = case::write(program, dialect, &packet, expected);
            return Err(format!("the JIT gives {verdict}, and the interpreter:\n{case}"));
        }
    }
    Ok(())
}

/// Printing a program in any form and reading it back gives the same program.
pub fn forms_agree(program: &Program) -> Result<(), String> {
    for form in Form::ALL {
        let printed = program.print(form);
        match Program::parse_as(form, &printed) {
            Ok(read) if read == *program => {}
            Ok(_) => return Err(format!("{form:?} does not give back\n{program}")),
            Err(error) => return Err(format!("{form:?} does not read what it printed: {error}")),
        }
    }
    Ok(())
}
