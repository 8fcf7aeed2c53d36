//! Packets without end, one by one and in batches.

#![expect(clippy::incompatible_msrv, reason = "benches run with the newest compiler")]

use cbpf::Packet;

use crate::packets::ORDER;

/// The number of packets in a batch; orders are whole batches.
pub const BATCH: usize = 1_024;

/// Returns a function that returns the packets in an order, again and again.
pub fn endless<'p>(packets: &[Packet<'p>], order: &[u32]) -> impl FnMut() -> Packet<'p> {
    let order: &[u32; ORDER] = order.try_into().expect("an order of this length");
    let mut place = 0_u16;
    move || {
        place = place.wrapping_add(1);
        packets[order[usize::from(place)] as usize]
    }
}

/// Returns the bytes of the packets in an order, in batches.
pub fn batches<'p>(packets: &[Packet<'p>], order: &[u32]) -> Vec<[&'p [u8]; BATCH]> {
    let batch = |places: &[u32; BATCH]| places.map(|place| packets[place as usize].data());
    order.as_chunks().0.iter().map(batch).collect()
}
