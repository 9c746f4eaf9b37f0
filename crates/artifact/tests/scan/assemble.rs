//! Builders for hostile bytes.

/// Hex text with blanks as bytes.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).expect("hex")).collect()
}

/// `SHORT_BINUNICODE`.
pub fn text(s: &str) -> Vec<u8> {
    let mut v = vec![0x8c, s.len() as u8];
    v.extend(s.as_bytes());
    v
}

/// `module.name` by `STACK_GLOBAL`.
pub fn global(module: &str, name: &str) -> Vec<u8> {
    let mut v = text(module);
    v.extend(text(name));
    v.push(0x93);
    v
}

/// A protocol 4 pickle of these opcodes.
pub fn pickle(parts: &[&[u8]]) -> Vec<u8> {
    let mut v = vec![0x80, 4];
    parts.iter().for_each(|p| v.extend_from_slice(p));
    v.push(b'.');
    v
}

/// `module.name(argument)`.
pub fn call(module: &str, name: &str, argument: &str) -> Vec<u8> {
    pickle(&[&global(module, name), &text(argument), b"\x85R"])
}

/// A member of a zip to be written.
#[derive(Clone)]
pub struct Member {
    pub name: Vec<u8>,
    pub local_name: Vec<u8>,
    pub data: Vec<u8>,
    pub flags: u16,
    pub local_flags: u16,
    pub crc: Option<u32>,
    pub mode: u32,
    pub hidden: bool,
}

/// A stored member.
pub fn member(name: &str, data: &[u8]) -> Member {
    Member {
        name: name.into(),
        local_name: name.into(),
        data: data.to_vec(),
        flags: 0,
        local_flags: 0,
        crc: None,
        mode: 0o100_644,
        hidden: false,
    }
}

/// A zip of stored members.
pub fn zip(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    let mut listed = 0u16;
    for m in members {
        let crc = m.crc.unwrap_or_else(|| crc32fast::hash(&m.data));
        let at = out.len() as u32;
        let n = m.data.len() as u32;
        out.extend(b"PK\x03\x04\x14\0");
        out.extend(m.local_flags.to_le_bytes());
        out.extend([0; 6]);
        out.extend(crc.to_le_bytes());
        out.extend(n.to_le_bytes());
        out.extend(n.to_le_bytes());
        out.extend((m.local_name.len() as u16).to_le_bytes());
        out.extend([0; 2]);
        out.extend(&m.local_name);
        out.extend(&m.data);
        if m.hidden {
            continue;
        }
        listed += 1;
        directory.extend(b"PK\x01\x02\x14\x03\x14\0");
        directory.extend(m.flags.to_le_bytes());
        directory.extend([0; 6]);
        directory.extend(crc.to_le_bytes());
        directory.extend(n.to_le_bytes());
        directory.extend(n.to_le_bytes());
        directory.extend((m.name.len() as u16).to_le_bytes());
        directory.extend([0; 8]);
        directory.extend((m.mode << 16).to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend(&m.name);
    }
    let at = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(listed.to_le_bytes());
    out.extend(listed.to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// A tar of one entry.
pub fn tar(name: &str, kind: u8, target: &str, data: &[u8]) -> Vec<u8> {
    let mut h = vec![0u8; 512];
    h[..name.len()].copy_from_slice(name.as_bytes());
    h[100..107].copy_from_slice(b"0000644");
    h[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
    h[156] = kind;
    h[157..157 + target.len()].copy_from_slice(target.as_bytes());
    h[257..263].copy_from_slice(b"ustar\0");
    h[148..156].fill(b' ');
    let sum: u32 = h.iter().map(|b| u32::from(*b)).sum();
    h[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    h.extend(data);
    h.resize(h.len().div_ceil(512) * 512 + 1024, 0);
    h
}

/// A field of a flatbuffer table.
pub enum Flat {
    None,
    Byte(u8),
    Number(u32),
    Long(u64),
    Text(&'static str),
    Numbers(Vec<u32>),
    Bytes(Vec<u8>),
    Table(Vec<Flat>),
    Tables(Vec<Vec<Flat>>),
}

/// A flatbuffer with this identifier around one root table.
pub fn flatbuffer(identifier: &[u8; 4], header: &[u8], root: Vec<Flat>) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.extend(identifier);
    out.extend(header);
    let at = flat_table(&mut out, root);
    out[..4].copy_from_slice(&at.to_le_bytes());
    out
}

fn flat_offset(out: &mut [u8], slot: u32, to: u32) {
    out[slot as usize..slot as usize + 4].copy_from_slice(&(to - slot).to_le_bytes());
}

fn flat_vector(out: &mut Vec<u8>, count: usize, bytes: &[u8]) -> u32 {
    let at = out.len() as u32;
    out.extend((count as u32).to_le_bytes());
    out.extend(bytes);
    at
}

fn flat_table(out: &mut Vec<u8>, fields: Vec<Flat>) -> u32 {
    let mut offsets = Vec::new();
    let mut at = 4u16;
    for f in &fields {
        offsets.push(if matches!(f, Flat::None) { 0 } else { at });
        at += match f {
            Flat::None => 0,
            Flat::Long(_) => 8,
            _ => 4,
        };
    }
    let vtable = out.len() as u32;
    out.extend((4 + 2 * fields.len() as u16).to_le_bytes());
    out.extend(at.to_le_bytes());
    offsets.iter().for_each(|o| out.extend(o.to_le_bytes()));
    let table = out.len() as u32;
    out.extend((table - vtable).to_le_bytes());
    out.resize(table as usize + usize::from(at), 0);
    for (f, offset) in fields.into_iter().zip(offsets) {
        let slot = table + u32::from(offset);
        let place = slot as usize;
        let child = match f {
            Flat::None => continue,
            Flat::Byte(b) => {
                out[place] = b;
                continue;
            }
            Flat::Number(n) => {
                out[place..place + 4].copy_from_slice(&n.to_le_bytes());
                continue;
            }
            Flat::Long(n) => {
                out[place..place + 8].copy_from_slice(&n.to_le_bytes());
                continue;
            }
            Flat::Text(t) => flat_vector(out, t.len(), t.as_bytes()),
            Flat::Bytes(b) => flat_vector(out, b.len(), &b),
            Flat::Numbers(n) => {
                let bytes: Vec<u8> = n.iter().flat_map(|v| v.to_le_bytes()).collect();
                flat_vector(out, n.len(), &bytes)
            }
            Flat::Table(t) => flat_table(out, t),
            Flat::Tables(list) => {
                let at = flat_vector(out, list.len(), &vec![0; list.len() * 4]);
                for (i, t) in list.into_iter().enumerate() {
                    let child = flat_table(out, t);
                    flat_offset(out, at + 4 + 4 * i as u32, child);
                }
                at
            }
        };
        flat_offset(out, slot, child);
    }
    table
}
