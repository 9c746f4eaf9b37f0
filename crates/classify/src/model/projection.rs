//! What hidden units get of a vector before their biases: a product of a matrix and a vector. It is linear: of a sum of vectors
//! it is the sum.

/// Units that are worked on side by side.
const LANES: usize = 16;
/// Groups of so many units that are worked on in one pass over the vector: more sums do not fit the registers of every processor.
const GROUPS_MAX: usize = 3;

/// What units of one pass get.
pub(super) type Panel = [f32];

/// The matrix.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Projection {
    inputs: usize,
    /// Pass by pass, input by input, group by group: the weights of that input to each unit of the group.
    columns: Vec<[f32; LANES]>,
    groups: usize,
}

impl Projection {
    /// A matrix of rows of `inputs` weights.
    pub(super) fn of(inputs: usize, rows: &[f32]) -> Self {
        let rows: Vec<&[f32]> = rows.chunks_exact(inputs).collect();
        let groups = rows.len().div_ceil(LANES);
        let mut columns = Vec::with_capacity(groups * inputs);
        for first in (0..groups).step_by(GROUPS_MAX) {
            let last = groups.min(first + GROUPS_MAX);
            for input in 0..inputs {
                columns.extend((first..last).map(|group| -> [f32; LANES] {
                    std::array::from_fn(|lane| rows.get(group * LANES + lane).map_or(0.0, |row| row[input]))
                }));
            }
        }
        Self { inputs, columns, groups }
    }

    /// Units, with those that only fill the last group.
    pub(super) const fn width(&self) -> usize {
        self.groups * LANES
    }

    /// Shows what the units get of `x`, pass by pass; inputs too few count as zero.
    #[inline(always)]
    pub(super) fn each_panel(&self, x: &[f32], mut see: impl FnMut(&Panel)) {
        let mut rest = self.columns.as_slice();
        let mut groups = self.groups;
        while groups > 0 {
            let (now, after) = rest.split_at(self.inputs * groups.min(GROUPS_MAX));
            match groups {
                1 => see(pass::<1>(now, x).as_flattened()),
                2 => see(pass::<2>(now, x).as_flattened()),
                _ => see(pass::<GROUPS_MAX>(now, x).as_flattened()),
            }
            rest = after;
            groups = groups.saturating_sub(GROUPS_MAX);
        }
    }

    /// Writes what the units get of `x` to `out`, which has [`Projection::width`] places.
    #[inline(always)]
    pub(super) fn project(&self, x: &[f32], out: &mut [f32]) {
        let mut at = 0;
        self.each_panel(x, |panel| {
            if let Some(out) = out.get_mut(at..at + panel.len()) {
                out.copy_from_slice(panel);
            }
            at += panel.len();
        });
    }
}

/// The sums of `GROUPS` groups over `x`, two inputs at a time, so that no sum waits for the one before it.
#[inline(always)]
fn pass<const GROUPS: usize>(columns: &[[f32; LANES]], x: &[f32]) -> [[f32; LANES]; GROUPS] {
    let columns = columns.as_chunks::<GROUPS>().0;
    let count = x.len().min(columns.len());
    let (x2, x_rest) = x[..count].as_chunks::<2>();
    let (c2, c_rest) = columns[..count].as_chunks::<2>();
    let (mut even, mut odd) = ([[0.0_f32; LANES]; GROUPS], [[0.0_f32; LANES]; GROUPS]);
    for ([x0, x1], [c0, c1]) in x2.iter().zip(c2) {
        for group in 0..GROUPS {
            even[group] = add_times(even[group], *x0, c0[group]);
            odd[group] = add_times(odd[group], *x1, c1[group]);
        }
    }
    if let ([x], [c]) = (x_rest, c_rest) {
        for group in 0..GROUPS {
            even[group] = add_times(even[group], *x, c[group]);
        }
    }
    for group in 0..GROUPS {
        even[group] = add_times(even[group], 1.0, odd[group]);
    }
    even
}

/// `sum + x · weights`, lane by lane: of arrays of this width the compiler makes vector instructions.
#[inline(always)]
fn add_times(sum: [f32; LANES], x: f32, weights: [f32; LANES]) -> [f32; LANES] {
    std::array::from_fn(|lane| sum[lane] + x * weights[lane])
}

#[cfg(test)]
mod tests {
    use super::{LANES, Projection};

    #[test]
    fn a_product_is_the_sum_over_the_inputs() {
        for (inputs, units) in [(1, 1), (3, 16), (5, 17), (16, 48), (7, 49), (2, 130)] {
            let at = |i: usize| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0;
            let rows: Vec<f32> = (0..inputs * units).map(at).collect();
            let p = Projection::of(inputs, &rows);
            assert_eq!(p.width(), units.div_ceil(LANES) * LANES);
            for given in [0, inputs / 2, inputs, inputs + 2] {
                let x: Vec<f32> = (0..given).map(|i| at(i * 7)).collect();
                let mut out = vec![9.0; p.width()];
                p.project(&x, &mut out);
                for (unit, got) in out.iter().enumerate() {
                    let row = rows.get(unit * inputs..).unwrap_or_default();
                    let want: f32 = row.iter().take(inputs).zip(&x).map(|(w, x)| w * x).sum();
                    assert!((got - want).abs() < 1e-4, "{inputs} {units} {given} {unit}: {got} {want}");
                }
            }
        }
    }
}
