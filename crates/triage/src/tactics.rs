//! Which tactics of MITRE ATLAS 5.6.0 a technique serves, to see how far along an attack is. Ids alone: they are facts.

use std::collections::BTreeSet;

/// Ids of the tactics, in the order of the matrix: the order in which an attack usually goes.
pub static TACTICS: [&str; 16] = [
    "AML.TA0002",
    "AML.TA0003",
    "AML.TA0004",
    "AML.TA0000",
    "AML.TA0005",
    "AML.TA0006",
    "AML.TA0012",
    "AML.TA0007",
    "AML.TA0013",
    "AML.TA0008",
    "AML.TA0015",
    "AML.TA0009",
    "AML.TA0001",
    "AML.TA0014",
    "AML.TA0010",
    "AML.TA0011",
];

/// Techniques with the positions of their tactics in [`TACTICS`], in byte order.
#[rustfmt::skip]
static TECHNIQUES: &[(&str, &[u8])] = &[
    ("AML.T0000", &[0]), ("AML.T0001", &[0]), ("AML.T0002", &[1]), ("AML.T0003", &[0]), ("AML.T0004", &[0]),
    ("AML.T0005", &[12]), ("AML.T0006", &[0]), ("AML.T0007", &[9]), ("AML.T0008", &[1]), ("AML.T0010", &[2]),
    ("AML.T0011", &[4]), ("AML.T0012", &[2,6]), ("AML.T0013", &[9]), ("AML.T0014", &[9]), ("AML.T0015", &[2,7,15]),
    ("AML.T0016", &[1]), ("AML.T0017", &[1]), ("AML.T0018", &[5,12]), ("AML.T0019", &[1]), ("AML.T0020", &[1,5]),
    ("AML.T0021", &[1]), ("AML.T0024", &[14]), ("AML.T0025", &[14]), ("AML.T0029", &[15]), ("AML.T0031", &[15]),
    ("AML.T0034", &[15]), ("AML.T0035", &[11]), ("AML.T0036", &[11]), ("AML.T0037", &[11]), ("AML.T0040", &[3]),
    ("AML.T0041", &[3]), ("AML.T0042", &[12]), ("AML.T0043", &[12]), ("AML.T0044", &[3]), ("AML.T0046", &[15]),
    ("AML.T0047", &[3]), ("AML.T0048", &[15]), ("AML.T0049", &[2]), ("AML.T0050", &[4]), ("AML.T0051", &[4]),
    ("AML.T0052", &[2,10]), ("AML.T0053", &[4,6]), ("AML.T0054", &[6,7]), ("AML.T0055", &[8]), ("AML.T0056", &[14]),
    ("AML.T0057", &[14]), ("AML.T0058", &[1]), ("AML.T0059", &[15]), ("AML.T0060", &[1]), ("AML.T0061", &[5]),
    ("AML.T0062", &[9]), ("AML.T0063", &[9]), ("AML.T0064", &[0]), ("AML.T0065", &[1]), ("AML.T0066", &[1]),
    ("AML.T0067", &[7]), ("AML.T0068", &[7]), ("AML.T0069", &[9]), ("AML.T0070", &[5]), ("AML.T0071", &[7]),
    ("AML.T0072", &[13]), ("AML.T0073", &[7]), ("AML.T0074", &[7]), ("AML.T0075", &[9]), ("AML.T0076", &[7]),
    ("AML.T0077", &[14]), ("AML.T0078", &[2]), ("AML.T0079", &[1]), ("AML.T0080", &[5]), ("AML.T0081", &[5,7]),
    ("AML.T0082", &[8]), ("AML.T0083", &[8]), ("AML.T0084", &[9]), ("AML.T0085", &[11]), ("AML.T0086", &[14]),
    ("AML.T0087", &[0]), ("AML.T0088", &[12]), ("AML.T0089", &[9]), ("AML.T0090", &[8]), ("AML.T0091", &[10]),
    ("AML.T0092", &[7]), ("AML.T0093", &[2,5]), ("AML.T0094", &[7]), ("AML.T0095", &[0]), ("AML.T0096", &[13]),
    ("AML.T0097", &[7]), ("AML.T0098", &[8]), ("AML.T0099", &[5]), ("AML.T0100", &[4]), ("AML.T0101", &[15]),
    ("AML.T0102", &[12]), ("AML.T0103", &[4]), ("AML.T0104", &[1]), ("AML.T0105", &[6]), ("AML.T0106", &[8]),
    ("AML.T0107", &[7]), ("AML.T0108", &[13]), ("AML.T0109", &[7]), ("AML.T0110", &[5]), ("AML.T0111", &[7]),
    ("AML.T0112", &[15]),
];

/// Positions in [`TACTICS`] that these techniques (or sub-techniques) serve; unknown ids serve none.
pub fn tactics_of<'a>(techniques: impl IntoIterator<Item = &'a str>) -> BTreeSet<u8> {
    let of = |id: &str| {
        // A sub-technique serves its parent's tactics: `AML.T0051.001` is of `AML.T0051`.
        let parent = id.get(..9).unwrap_or(id);
        TECHNIQUES.binary_search_by(|(known, _)| (*known).cmp(parent)).ok().map(|at| TECHNIQUES[at].1)
    };
    techniques.into_iter().filter_map(of).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::{TACTICS, TECHNIQUES, tactics_of};

    #[test]
    fn techniques_are_sorted_and_point_into_the_matrix() {
        assert!(TECHNIQUES.is_sorted());
        assert!(TECHNIQUES.iter().all(|(_, at)| !at.is_empty() && at.iter().all(|i| usize::from(*i) < TACTICS.len())));
        assert_eq!(tactics_of(["AML.T0051.001"]), tactics_of(["AML.T0051"]));
        assert!(!tactics_of(["AML.T0051"]).is_empty());
        assert!(tactics_of(["AML.T9999", ""]).is_empty());
    }
}
