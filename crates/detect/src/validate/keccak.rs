//! Keccak-256, as Ethereum uses it: the check in an address's capitals (EIP-55) is made of it. A check digit, not a protection.

/// Rotations of the lanes, in the order in which rho and pi visit them (Keccak reference, section 1.2).
const ROTATIONS: [u32; 24] =
    [1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44];
/// Lanes in that order.
const LANES: [usize; 24] = [10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1];
const RATE_BYTES: usize = 136;

/// The hash of a message of less than one block.
pub(super) fn keccak256(message: &[u8]) -> [u8; 32] {
    let mut block = [0u8; RATE_BYTES];
    let len = message.len().min(RATE_BYTES - 1);
    block[..len].copy_from_slice(&message[..len]);
    block[len] |= 0x01;
    block[RATE_BYTES - 1] |= 0x80;
    let mut state = [0u64; 25];
    for (lane, bytes) in state.iter_mut().zip(block.as_chunks::<8>().0) {
        *lane = u64::from_le_bytes(*bytes);
    }
    permute(&mut state);
    let mut out = [0u8; 32];
    for (bytes, lane) in out.as_chunks_mut::<8>().0.iter_mut().zip(state) {
        *bytes = lane.to_le_bytes();
    }
    out
}

fn permute(state: &mut [u64; 25]) {
    let mut constants = RoundConstants(1);
    for _ in 0..24 {
        let column = |x: usize, s: &[u64; 25]| (0..5).fold(0, |sum, y| sum ^ s[x + 5 * y]);
        let sums: [u64; 5] = std::array::from_fn(|x| column(x, state));
        for x in 0..5 {
            let change = sums[(x + 4) % 5] ^ sums[(x + 1) % 5].rotate_left(1);
            (0..5).for_each(|y| state[x + 5 * y] ^= change);
        }
        let mut moved = state[1];
        for (&lane, &rotation) in LANES.iter().zip(&ROTATIONS) {
            (state[lane], moved) = (moved.rotate_left(rotation), state[lane]);
        }
        for row in state.as_chunks_mut::<5>().0 {
            let before = *row;
            for x in 0..5 {
                row[x] = before[x] ^ (!before[(x + 1) % 5] & before[(x + 2) % 5]);
            }
        }
        state[0] ^= constants.next();
    }
}

/// The round constants, from the shift register that defines them.
struct RoundConstants(u8);

impl RoundConstants {
    fn next(&mut self) -> u64 {
        (0..7).fold(0, |constant, j| {
            let bit = u64::from(self.0 & 1);
            self.0 = (self.0 << 1) ^ (if self.0 & 0x80 != 0 { 0x71 } else { 0 });
            constant | bit << ((1u32 << j) - 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::keccak256;

    #[test]
    fn known_answers() {
        let hex = |bytes: [u8; 32]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(keccak256(b"")), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
        assert_eq!(hex(keccak256(b"abc")), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    }
}
