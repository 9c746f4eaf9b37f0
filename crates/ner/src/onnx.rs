//! Reads tensors and nodes out of an ONNX file (protocol buffers, onnx.proto3 of ONNX 1.16).
//!
//! Only what the forward pass needs: initialisers, and the inputs and outputs of nodes, by which a weight is known.

use std::collections::HashMap;

/// Why a file is not one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why} at byte {at}")]
pub(crate) struct OnnxError {
    at: usize,
    why: &'static str,
}

/// A tensor of the file.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tensor<'a> {
    pub(crate) dims: Vec<u64>,
    /// 1: f32, 2: u8 (TensorProto.DataType).
    pub(crate) data_type: u64,
    /// Little-endian values.
    pub(crate) raw: &'a [u8],
    /// Values of a scalar, which come outside `raw`.
    pub(crate) floats: Vec<f32>,
    pub(crate) ints: Vec<u64>,
}

/// A node of the graph.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Node<'a> {
    pub(crate) inputs: Vec<&'a str>,
    pub(crate) output: &'a str,
    pub(crate) op: &'a str,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Graph<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) tensors: HashMap<&'a str, Tensor<'a>>,
}

/// One field of a message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Word([u8; 4]),
}

/// Walks over the fields of a message.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    const fn fail<T>(&self, why: &'static str) -> Result<T, OnnxError> {
        Err(OnnxError { at: self.at, why })
    }

    fn varint(&mut self) -> Result<u64, OnnxError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.bytes.get(self.at) else { return self.fail("ends inside a number") };
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        self.fail("number of more than 64 bits")
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], OnnxError> {
        let end = usize::try_from(length).ok().and_then(|n| self.at.checked_add(n));
        let Some(bytes) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            return self.fail("field runs past its message");
        };
        self.at += bytes.len();
        Ok(bytes)
    }

    fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, OnnxError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Number(self.varint()?),
            1 => {
                self.take(8)?;
                Field::Bytes(&[])
            }
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.take(length)?)
            }
            5 => {
                let bytes = self.take(4)?;
                Field::Word([bytes[0], bytes[1], bytes[2], bytes[3]])
            }
            _ => return self.fail("field of an unknown wire type"),
        };
        Ok(Some((tag >> 3, field)))
    }

    fn text(&self, bytes: &'a [u8]) -> Result<&'a str, OnnxError> {
        std::str::from_utf8(bytes).or_else(|_| self.fail("name is not UTF-8"))
    }
}

/// Reads the graph of a `ModelProto`.
pub(crate) fn read(bytes: &[u8]) -> Result<Graph<'_>, OnnxError> {
    let mut graph = Graph::default();
    let mut model = Fields::new(bytes);
    while let Some((number, field)) = model.next()? {
        if let (7, Field::Bytes(body)) = (number, field) {
            let mut fields = Fields::new(body);
            while let Some((number, field)) = fields.next()? {
                match (number, field) {
                    (1, Field::Bytes(body)) => graph.nodes.push(node(body)?),
                    (5, Field::Bytes(body)) => {
                        let (name, tensor) = tensor(body)?;
                        graph.tensors.insert(name, tensor);
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(graph)
}

fn node(bytes: &[u8]) -> Result<Node<'_>, OnnxError> {
    let (mut fields, mut node) = (Fields::new(bytes), Node::default());
    while let Some((number, field)) = fields.next()? {
        if let Field::Bytes(body) = field {
            match number {
                1 => node.inputs.push(fields.text(body)?),
                2 if node.output.is_empty() => node.output = fields.text(body)?,
                4 => node.op = fields.text(body)?,
                _ => {}
            }
        }
    }
    Ok(node)
}

fn tensor(bytes: &[u8]) -> Result<(&str, Tensor<'_>), OnnxError> {
    let (mut fields, mut name, mut tensor) = (Fields::new(bytes), "", Tensor::default());
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Number(dim)) => tensor.dims.push(dim),
            (1, Field::Bytes(packed)) => tensor.dims.extend(numbers(packed)?),
            (2, Field::Number(kind)) => tensor.data_type = kind,
            (4, Field::Word(word)) => tensor.floats.push(f32::from_le_bytes(word)),
            (4, Field::Bytes(packed)) => {
                tensor.floats.extend(packed.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)));
            }
            (5, Field::Number(value)) => tensor.ints.push(value),
            (5, Field::Bytes(packed)) => tensor.ints.extend(numbers(packed)?),
            (8, Field::Bytes(body)) => name = fields.text(body)?,
            (9, Field::Bytes(body)) => tensor.raw = body,
            _ => {}
        }
    }
    Ok((name, tensor))
}

fn numbers(packed: &[u8]) -> Result<Vec<u64>, OnnxError> {
    let (mut fields, mut out) = (Fields::new(packed), Vec::new());
    while fields.at < packed.len() {
        out.push(fields.varint()?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{Node, read};

    fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, body) in fields {
            out.push(number << 3 | 2);
            out.push(u8::try_from(body.len()).expect("short"));
            out.extend_from_slice(body);
        }
        out
    }

    #[test]
    fn nodes_and_tensors_are_read() {
        let node = message(&[(1, b"x"), (1, b"w"), (2, b"y"), (4, b"MatMul")]);
        let mut tensor = vec![0x08, 2, 0x08, 1, 0x10, 1];
        tensor.extend(message(&[(8, b"w"), (9, &[0; 8]), (4, &1.5_f32.to_le_bytes())]));
        let file = message(&[(7, &message(&[(1, &node), (5, &tensor)]))]);
        let graph = read(&file).expect("reads");
        assert_eq!(graph.nodes, [Node { inputs: vec!["x", "w"], output: "y", op: "MatMul" }]);
        let w = &graph.tensors["w"];
        assert_eq!((w.dims.as_slice(), w.data_type, w.raw.len()), (&[2, 1][..], 1, 8));
        assert_eq!(w.floats, [1.5]);
    }

    #[test]
    fn what_is_cut_or_odd_is_an_error() {
        for bad in [&[0x3a, 200][..], &[0x3a, 5, 0x0a, 9], &[0x3b], &[0xff; 12], &[0x3a, 4, 0x0a, 2, 0x0a, 9]] {
            assert!(read(bad).is_err(), "{bad:x?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _any = read(&bytes);
        }
    }
}
