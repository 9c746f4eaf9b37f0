//! Public ids of MITRE ATLAS 5.6.0: tactics, techniques, sub-techniques and mitigations. Ids alone: they are facts, and
//! a playbook that names one that does not exist is refused.

/// Every id, in byte order.
#[rustfmt::skip]
pub static IDS: &[&str] = &[
    "AML.M0000", "AML.M0001", "AML.M0002", "AML.M0003", "AML.M0004", "AML.M0005", "AML.M0006", "AML.M0007",
    "AML.M0008", "AML.M0009", "AML.M0010", "AML.M0011", "AML.M0012", "AML.M0013", "AML.M0014", "AML.M0015",
    "AML.M0016", "AML.M0017", "AML.M0018", "AML.M0019", "AML.M0020", "AML.M0021", "AML.M0022", "AML.M0023",
    "AML.M0024", "AML.M0025", "AML.M0026", "AML.M0027", "AML.M0028", "AML.M0029", "AML.M0030", "AML.M0031",
    "AML.M0032", "AML.M0033", "AML.M0034", "AML.T0000", "AML.T0000.000", "AML.T0000.001", "AML.T0000.002",
    "AML.T0001", "AML.T0002", "AML.T0002.000", "AML.T0002.001", "AML.T0002.002", "AML.T0003", "AML.T0004",
    "AML.T0005", "AML.T0005.000", "AML.T0005.001", "AML.T0005.002", "AML.T0006", "AML.T0007", "AML.T0008",
    "AML.T0008.000", "AML.T0008.001", "AML.T0008.002", "AML.T0008.003", "AML.T0008.004", "AML.T0008.005",
    "AML.T0010", "AML.T0010.000", "AML.T0010.001", "AML.T0010.002", "AML.T0010.003", "AML.T0010.004",
    "AML.T0010.005", "AML.T0011", "AML.T0011.000", "AML.T0011.001", "AML.T0011.002", "AML.T0011.003", "AML.T0012",
    "AML.T0013", "AML.T0014", "AML.T0015", "AML.T0016", "AML.T0016.000", "AML.T0016.001", "AML.T0016.002",
    "AML.T0017", "AML.T0017.000", "AML.T0018", "AML.T0018.000", "AML.T0018.001", "AML.T0018.002", "AML.T0019",
    "AML.T0020", "AML.T0021", "AML.T0024", "AML.T0024.000", "AML.T0024.001", "AML.T0024.002", "AML.T0025",
    "AML.T0029", "AML.T0031", "AML.T0034", "AML.T0034.000", "AML.T0034.001", "AML.T0034.002", "AML.T0035",
    "AML.T0036", "AML.T0037", "AML.T0040", "AML.T0041", "AML.T0042", "AML.T0043", "AML.T0043.000", "AML.T0043.001",
    "AML.T0043.002", "AML.T0043.003", "AML.T0043.004", "AML.T0044", "AML.T0046", "AML.T0047", "AML.T0048",
    "AML.T0048.000", "AML.T0048.001", "AML.T0048.002", "AML.T0048.003", "AML.T0048.004", "AML.T0049", "AML.T0050",
    "AML.T0051", "AML.T0051.000", "AML.T0051.001", "AML.T0051.002", "AML.T0052", "AML.T0052.000", "AML.T0052.001",
    "AML.T0053", "AML.T0054", "AML.T0055", "AML.T0056", "AML.T0057", "AML.T0058", "AML.T0059", "AML.T0060",
    "AML.T0061", "AML.T0062", "AML.T0063", "AML.T0064", "AML.T0065", "AML.T0066", "AML.T0067", "AML.T0067.000",
    "AML.T0068", "AML.T0069", "AML.T0069.000", "AML.T0069.001", "AML.T0069.002", "AML.T0070", "AML.T0071",
    "AML.T0072", "AML.T0073", "AML.T0074", "AML.T0075", "AML.T0076", "AML.T0077", "AML.T0078", "AML.T0079",
    "AML.T0080", "AML.T0080.000", "AML.T0080.001", "AML.T0081", "AML.T0082", "AML.T0083", "AML.T0084",
    "AML.T0084.000", "AML.T0084.001", "AML.T0084.002", "AML.T0084.003", "AML.T0085", "AML.T0085.000",
    "AML.T0085.001", "AML.T0086", "AML.T0087", "AML.T0088", "AML.T0089", "AML.T0090", "AML.T0091", "AML.T0091.000",
    "AML.T0092", "AML.T0093", "AML.T0094", "AML.T0095", "AML.T0095.000", "AML.T0096", "AML.T0097", "AML.T0098",
    "AML.T0099", "AML.T0100", "AML.T0101", "AML.T0102", "AML.T0103", "AML.T0104", "AML.T0105", "AML.T0106",
    "AML.T0107", "AML.T0108", "AML.T0109", "AML.T0110", "AML.T0111", "AML.T0112", "AML.T0112.000", "AML.T0112.001",
    "AML.TA0000", "AML.TA0001", "AML.TA0002", "AML.TA0003", "AML.TA0004", "AML.TA0005", "AML.TA0006", "AML.TA0007",
    "AML.TA0008", "AML.TA0009", "AML.TA0010", "AML.TA0011", "AML.TA0012", "AML.TA0013", "AML.TA0014", "AML.TA0015",
];

/// True if ATLAS 5.6.0 has this id.
pub fn is_known(id: &str) -> bool {
    IDS.binary_search(&id).is_ok()
}

/// The known id nearest to `id` in writing, to suggest in a message; none if nothing shares its first eight characters.
pub fn nearest(id: &str) -> Option<&'static str> {
    let shared = |known: &str| known.bytes().zip(id.bytes()).take_while(|(a, b)| a == b).count();
    IDS.iter().copied().max_by_key(|known| (shared(known), std::cmp::Reverse(known.len()))).filter(|k| shared(k) >= 8)
}

#[cfg(test)]
mod tests {
    use super::{IDS, is_known, nearest};

    #[test]
    fn ids_are_sorted_and_found() {
        assert!(IDS.is_sorted());
        assert!(is_known("AML.T0020") && is_known("AML.M0005") && !is_known("AML.T9999"));
        assert_eq!(nearest("AML.T0020.99"), Some("AML.T0020"));
        assert_eq!(nearest("T1059"), None);
    }
}
