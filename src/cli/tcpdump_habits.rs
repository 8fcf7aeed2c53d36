//! Options of tcpdump that subcommands accept, or explain.

use clap::{ArgAction, Args};

use crate::cli::failure::Failure;

/// Options of tcpdump.
#[derive(Args)]
pub struct TcpdumpHabits {
    /// Accepted without effect: names are not looked up, except with --resolve
    #[arg(short = 'n', action = ArgAction::Count)]
    numeric: u8,

    /// Accepted without effect: packets go to pipes as soon as they are read
    #[arg(short = 'l', visible_short_alias = 'U', action = ArgAction::Count)]
    unbuffered: u8,

    /// Accepted without effect: checksums are not verified
    #[arg(short = 'K', action = ArgAction::Count)]
    no_checksums: u8,

    /// Accepted without effect: lines of packets have one form
    #[arg(short = 'v', action = ArgAction::Count)]
    verbose: u8,

    #[command(flatten)]
    other: OtherArguments,
}

/// Options of tcpdump for which there is another way here.
#[derive(Args)]
struct OtherArguments {
    #[arg(short = 'A', id = "tcpdump_A", hide = true)]
    text_only: bool,

    #[arg(short = 'x', id = "tcpdump_x", hide = true, action = ArgAction::Count)]
    bytes: u8,

    #[arg(short = 'S', id = "tcpdump_S", hide = true)]
    absolute: bool,

    #[arg(short = 'N', id = "tcpdump_N", hide = true)]
    no_domains: bool,

    #[arg(short = 'f', id = "tcpdump_f", hide = true)]
    foreign: bool,

    #[arg(short = 'I', id = "tcpdump_I", hide = true)]
    monitor: bool,

    #[arg(short = 'L', id = "tcpdump_L", hide = true)]
    list_types: bool,

    #[arg(short = 'y', id = "tcpdump_y", hide = true, value_name = "TYPE")]
    data_link: Option<String>,

    #[arg(short = 'V', id = "tcpdump_V", hide = true, value_name = "FILE")]
    list: Option<String>,

    #[arg(short = 'Z', id = "tcpdump_Z", hide = true, value_name = "USER")]
    user: Option<String>,

    #[arg(short = 'B', id = "tcpdump_B", hide = true, value_name = "KIB")]
    buffer: Option<String>,

    #[arg(short = 'Q', id = "tcpdump_Q", hide = true, value_name = "DIRECTION")]
    direction: Option<String>,

    #[arg(short = 'E', id = "tcpdump_E", hide = true, value_name = "KEYS")]
    keys: Option<String>,

    #[arg(short = 'M', id = "tcpdump_M", hide = true, value_name = "SECRET")]
    secret: Option<String>,

    #[arg(short = 'z', id = "tcpdump_z", hide = true, value_name = "COMMAND")]
    command: Option<String>,
}

impl TcpdumpHabits {
    /// Checks the options.
    ///
    /// # Errors
    /// If one was given for which there is another way.
    pub fn check(&self) -> Result<(), Failure> {
        let other = &self.other;
        let bytes = "`cbpf print --hex` prints packets with their bytes";
        let options = [
            ("-A", other.text_only, bytes),
            ("-x", other.bytes > 0, bytes),
            ("-S", other.absolute, "sequence numbers are absolute"),
            ("-N", other.no_domains, "names are not looked up"),
            ("-f", other.foreign, "names are not looked up"),
            ("-I", other.monitor, "`iw` puts an interface into monitor mode"),
            ("-L", other.list_types, "`cbpf -D` lists interfaces with their link types"),
            ("-y", other.data_link.is_some(), "--link-type sets the link type"),
            ("-V", other.list.is_some(), "captures are given with -r, or behind `--`"),
            ("-Z", other.user.is_some(), "there are no privileges to drop"),
            ("-B", other.buffer.is_some(), "--buffer-size sets the size of the buffer, in MiB"),
            ("-Q", other.direction.is_some(), "`inbound` and `outbound` belong into the expression"),
            ("-E", other.keys.is_some(), "nothing is decrypted"),
            ("-M", other.secret.is_some(), "no digest is checked"),
            ("-z", other.command.is_some(), "no command is run; `inotifywait -e moved_to` tells of finished files"),
        ];
        match options.into_iter().find(|(_, is_given, _)| *is_given) {
            Some((name, _, instead)) => {
                Err(Failure::Failed(format!("{name} is an option of tcpdump that `cbpf` lacks: {instead}")))
            }
            None => Ok(()),
        }
    }
}
