//! The context of a packet as one structure, from which each function takes the fields that it reads.

use cbpf::Context;

/// The structure in C; [`Fields`] is the same one.
pub const C: &str = "
struct all_fields {
    unsigned long long seed;
    unsigned int interface_index, mark, receive_hash, cpu;
    int network_header, link_header;
    unsigned short protocol, queue, hardware_type, vlan_tci, vlan_tpid;
    unsigned char packet_type, has_vlan, has_interface_index, has_hardware_type, has_link_header;
};
";

/// The structure in Rust.
pub const RUST: &str = "
#[repr(C)]
pub struct AllFields {
    seed: u64,
    interface_index: u32, mark: u32, receive_hash: u32, cpu: u32,
    network_header: i32, link_header: i32,
    protocol: u16, queue: u16, hardware_type: u16, vlan_tci: u16, vlan_tpid: u16,
    packet_type: u8, has_vlan: u8, has_interface_index: u8, has_hardware_type: u8, has_link_header: u8,
}
";

/// The context of a packet.
#[derive(Default)]
#[repr(C)]
pub struct Fields {
    seed: u64,
    interface_index: u32,
    mark: u32,
    receive_hash: u32,
    cpu: u32,
    network_header: i32,
    link_header: i32,
    protocol: u16,
    queue: u16,
    hardware_type: u16,
    vlan_tci: u16,
    vlan_tpid: u16,
    packet_type: u8,
    has_vlan: u8,
    has_interface_index: u8,
    has_hardware_type: u8,
    has_link_header: u8,
}

impl Fields {
    pub fn of(context: &Context) -> Fields {
        let (device, vlan) = (context.get_device(), context.get_vlan());
        let link_header = context.get_link_header();
        Fields {
            seed: context.get_seed().unwrap_or(0),
            interface_index: device.map_or(0, |device| device.index),
            mark: context.get_mark(),
            receive_hash: context.get_receive_hash(),
            cpu: context.get_cpu(),
            network_header: context.get_network_header(),
            link_header: link_header.unwrap_or(0),
            protocol: context.get_protocol(),
            queue: context.get_queue(),
            hardware_type: device.map_or(0, |device| device.hardware_type),
            vlan_tci: vlan.map_or(0, |vlan| vlan.tci),
            vlan_tpid: vlan.map_or(0, |vlan| vlan.tpid),
            packet_type: context.get_packet_type(),
            has_vlan: vlan.is_some().into(),
            has_interface_index: device.is_some().into(),
            has_hardware_type: device.is_some().into(),
            has_link_header: link_header.is_some().into(),
        }
    }
}

/// Returns the text of the structure `name` in C, which takes its fields from `all`; `None` if there is none.
pub fn in_c(source: &str, name: &str) -> Option<String> {
    let fields = body(source, &format!("struct {name} {{\n"))?.lines().filter_map(|line| {
        let declared = line.split(';').next()?;
        let field = declared.split_whitespace().last()?;
        Some(format!(".{field} = all->{field}"))
    });
    Some(format!("{{ {} }}", fields.collect::<Vec<String>>().join(", ")))
}

/// Returns the text of the structure `name` in Rust, which takes its fields from `all`; `None` if there is none.
pub fn in_rust(source: &str, name: &str) -> Option<String> {
    let fields = body(source, &format!("pub struct {name} {{\n"))?.lines().filter_map(|line| {
        let (field, kind) = line.trim().strip_prefix("pub ")?.strip_suffix(',')?.split_once(": ")?;
        Some(match kind {
            "bool" => format!("{field}: all.{field} != 0"),
            _ if kind.starts_with("Option<") => format!("{field}: (all.has_{field} != 0).then_some(all.{field})"),
            _ => format!("{field}: all.{field}"),
        })
    });
    Some(format!("{{ {} }}", fields.collect::<Vec<String>>().join(", ")))
}

/// Returns the text after `head` up to the closing brace.
fn body<'s>(source: &'s str, head: &str) -> Option<&'s str> {
    let (_, rest) = source.split_once(head)?;
    Some(rest.split_once("\n}").map_or(rest, |(body, _)| body))
}
