//! Models that are asked of the same sentences, side by side: one look-up a feature serves up to three hashed tables (a look-up is a
//! cache line that is not there; with a table each there were three), one pass over a vector two networks.

use super::features::{index, walk_blocks};
use super::projection::Projection;
use super::wide::{Wide, wide};
use super::{Block, DIMENSIONS, Dense, Hashed, ModelError, TABLE_BITS_MAX};
use crate::views::View;

/// Tables that are judged together.
pub const TABLES: usize = 3;
/// The first table may be twice as large as the others: a cell holds two of its weights and one of each other.
const CELL_BITS: u32 = TABLE_BITS_MAX - 1;
const CELLS: usize = 1 << CELL_BITS;

/// The tables and the networks.
#[derive(Clone, Debug)]
pub struct SideBySide {
    /// Weights of every table for a pair of neighbouring features.
    cells: Box<[[i8; 4]; CELLS]>,
    /// Rows of the first network, then of the second.
    pub(super) rows: Projection,
    first_units: usize,
}

/// The sums of one sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Its words.
    pub block: Block,
    /// Number of its features.
    pub features: usize,
    /// The sum of their weights in each table, in units of the table.
    pub weights: [i32; TABLES],
}

impl SideBySide {
    /// Puts models beside each other: a table of whole texts, table and network of windows, and of another model; without that its
    /// table sums to nothing.
    ///
    /// # Errors
    /// [`ModelError::Shape`] if a table but the first has more than 2^18 weights, or a network is not one of vectors.
    pub fn new(text: &Hashed, window: (&Hashed, &Dense), other: Option<(&Hashed, &Dense)>) -> Result<Self, ModelError> {
        let tables = [Some(window.0), other.map(|o| o.0)];
        if let Some(large) = tables.iter().flatten().find(|table| table.len() > CELLS) {
            let what = format!("{} weights; the table of windows or of another model has at most {CELLS}", large.len());
            return Err(ModelError::shape("THSH", what));
        }
        let mut rows = window.1.weights().to_vec();
        rows.extend(other.map_or(&[][..], |o| o.1.weights()));
        if window.1.inputs() != DIMENSIONS || other.is_some_and(|o| o.1.inputs() != DIMENSIONS) {
            return Err(ModelError::shape("TDNS", format!("a network is not one of {DIMENSIONS} inputs")));
        }
        let weight = |table: Option<&Hashed>, index: u32| table.map_or(0, |t| t.weight(index));
        let cells: Box<[[i8; 4]]> = (0..CELLS as u32)
            .map(|cell| {
                let (even, odd) = (cell * 2, cell * 2 + 1);
                let [b, c] = tables.map(|table| weight(table, even));
                [weight(Some(text), even), weight(Some(text), odd), b, c]
            })
            .collect();
        let cells = cells.try_into().map_err(|_| ModelError::shape("THSH", "another number of cells"))?;
        Ok(Self { cells, rows: Projection::of(DIMENSIONS, &rows), first_units: window.1.hidden() })
    }

    /// The sums of each sentence of `view`.
    pub fn sums(&self, view: &View) -> Vec<Sums> {
        let mut done = Vec::with_capacity(view.words.len() / 12 + 1);
        let mut places = Vec::with_capacity(1024);
        walk_blocks(view, |block, words, windows| {
            let features = words.len() + (1..4).map(|from| windows.len().saturating_sub(from)).sum::<usize>();
            places.resize(features, 0);
            wide(Places { words, windows, out: &mut places });
            let weights = self.add(&places);
            done.push(Sums { block, features, weights });
        });
        done
    }

    /// The sums of the weights of the features at `places`. Not in a wide loop: there the compiler would gather, which takes longer.
    fn add(&self, places: &[u32]) -> [i32; TABLES] {
        let mut sums = [0; TABLES];
        for &place in places {
            // The mask says nothing new; it spares the check of the bound.
            let cell = &self.cells[(place >> 1) as usize & (CELLS - 1)];
            sums[0] += i32::from(cell[(place & 1) as usize]);
            sums[1] += i32::from(cell[2]);
            sums[2] += i32::from(cell[3]);
        }
        sums
    }

    /// What the units of the first network, and of the second, get of a vector.
    pub(super) fn split<'a>(&self, projected: &'a [f32]) -> (&'a [f32], &'a [f32]) {
        projected.split_at(self.first_units.min(projected.len()))
    }
}

/// The places of a sentence's features in the tables.
struct Places<'a> {
    words: &'a [u64],
    windows: &'a [u64],
    out: &'a mut [u32],
}

impl Wide for Places<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut rest = self.out;
        for (values, mask) in [
            (self.words, u64::MAX),
            (self.windows.get(1..).unwrap_or_default(), 0xff_ffff),
            (self.windows.get(2..).unwrap_or_default(), 0xffff_ffff),
            (self.windows.get(3..).unwrap_or_default(), 0xff_ffff_ffff),
        ] {
            let (now, after) = rest.split_at_mut(values.len().min(rest.len()));
            now.iter_mut().zip(values).for_each(|(place, value)| *place = index(value & mask));
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SideBySide;
    use crate::model::{DIMENSIONS, Dense, Features, Hashed};
    use crate::text::fold;
    use crate::views::{ViewLimits, views};

    fn table(bits: u32, seed: usize) -> Hashed {
        let weights: Vec<f32> =
            (0..1_usize << bits).map(|i| ((i * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect();
        Hashed::quantise(&weights, 0.5)
    }

    fn network(hidden: usize) -> Dense {
        let numbers = (0..hidden * (DIMENSIONS + 2) + 1).map(|i| (i % 7) as f32 / 7.0).collect();
        Dense::new(DIMENSIONS, hidden, numbers, "TEST").expect("fits")
    }

    #[test]
    fn the_sums_are_those_of_each_table() {
        let network = network(3);
        for text in
            ["Hello there. Please écrire this! Nothing  more is 12 asked; ok", "a", "", "  a.b.c. x!y", "…é忽略 12"]
        {
            let view = views(text, &mut fold(text), &ViewLimits::default()).views.swap_remove(0);
            let features = Features::of(&view);
            for (first, second, third) in [(19, 18, 18), (18, 12, 3), (4, 18, 17)] {
                let tables = [table(first, 1), table(second, 2), table(third, 3)];
                let other = Some((&tables[2], &network));
                let all = SideBySide::new(&tables[0], (&tables[1], &network), other).expect("fits").sums(&view);
                assert_eq!(all.iter().map(|s| s.block).collect::<Vec<_>>(), features.blocks());
                for sums in &all {
                    let indices = features.of_words(sums.block.start, sums.block.end);
                    assert_eq!(sums.features, indices.len(), "{text}");
                    assert_eq!(sums.weights, tables.each_ref().map(|t| t.sum(indices)));
                }
                let alone = SideBySide::new(&tables[0], (&tables[1], &network), None).expect("fits").sums(&view);
                assert!(alone.iter().zip(&all).all(|(a, s)| a.weights == [s.weights[0], s.weights[1], 0]));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (small, large, network) = (table(4, 1), table(19, 2), network(3));
        assert!(SideBySide::new(&large, (&small, &network), None).is_ok());
        assert!(SideBySide::new(&small, (&large, &network), None).is_err());
        let narrow = Dense::new(2, 1, vec![0.0; 5], "TEST").expect("fits");
        assert!(SideBySide::new(&small, (&small, &network), Some((&small, &narrow))).is_err());
    }
}
