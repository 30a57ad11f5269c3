//! LOLWUT: something for the eye, and the version.

use nuthatch_protocol::number::parse_i64;

use crate::REDIS_VERSION;
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group};
use crate::error::{CommandError, Outcome};

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[Command::read("LOLWUT", -1, &[], lolwut).fast().docs(
    Group::Server,
    "5.0.0",
    "O(1)",
    "[VERSION version]",
    "Draws a nuthatch and tells the version.",
)];

/// A nuthatch, head first down a trunk as they walk.
const NUTHATCH: &str = r"
      |  : |
      | :  |   ,
      |  : |  //
      |    | // )
      | :  |//  /
      |  : >    \
      |    |  `  )
      | :  >     |
      |  : |\  o /
      |    | `--'\
      | :  |      `
";

fn lolwut(call: &mut Call<'_, '_>) -> Outcome {
    if let (Some(option), Some(version)) = (call.arguments.get(1), call.arguments.get(2))
        && is_word(option, "VERSION")
        && parse_i64(version).is_none()
    {
        return Err(CommandError::NOT_AN_INTEGER);
    }
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("{NUTHATCH}\nNuthatch {version}. Redis ver. {REDIS_VERSION}\n");
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
