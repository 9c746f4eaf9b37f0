//! Zip archives against Python's `zipfile`, when there is a Python: what it opens and can extract must be among the views
//! that the scanner reads, byte for byte, and judged. Says so and passes when python3 is absent.

use casemate_artifact::ArtifactSeverity::Dangerous;
use casemate_artifact::{ScanConfig, scan_bytes, zip_members};

use crate::assemble::call;
use crate::differential::python;

/// Makes archives of every kind that `zipfile` writes, and damages most of them. A line each: the archive, then name and
/// content of each member that `zipfile` extracts from it; or that it refuses to open it.
const ZIPS: &str = r#"
import io, random, struct, sys, warnings, zipfile, zlib
warnings.simplefilter('ignore')
r = random.Random(23)
evil = bytes.fromhex(sys.stdin.read())
NAMES = ['a.txt', 'dir/b.bin', 'archive/data.pkl', 'archive/version', '\u00e9.txt', '\u65e5\u672c/x.npy', 'n' * 200, 'a//b',
         './c', 'd/e/f/g/h.json', '\u00df', 'x.pkl', 'dir/']
class Pipe(io.BytesIO):
    def seekable(self): return False
    def seek(self, *a): raise OSError
    def tell(self): raise OSError
def data():
    k = r.randrange(6)
    if k == 0: return b''
    if k == 1: return evil
    if k == 2: return bytes(r.randrange(256) for _ in range(r.randrange(300)))
    if k == 3: return b'abc' * r.randrange(400)
    if k == 4: return b'PK\x03\x04' + bytes(r.randrange(40))
    return b'{}'
def make():
    wide = r.random() < .15
    zipfile.ZIP64_LIMIT = 50 if wide else (1 << 31) - 1
    zipfile.ZIP_FILECOUNT_LIMIT = 1 if wide or r.random() < .1 else (1 << 16) - 1
    b = Pipe() if r.random() < .3 else io.BytesIO()
    if r.random() < .15: b.write(bytes(r.randrange(256) for _ in range(r.randrange(1, 60))))
    z = zipfile.ZipFile(b, 'w' if isinstance(b, Pipe) or not b.tell() else 'a')
    names = []
    for _ in range(r.choice([0, 1, 1, 2, 3, 5])):
        name = r.choice(names) if names and r.random() < .1 else r.choice(NAMES)
        names.append(name)
        i = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
        i.compress_type = r.choice([0, 0, 8, 8, 8, 12, 14])
        if r.random() < .2: i.comment = bytes(r.randrange(256) for _ in range(r.randrange(30)))
        if r.random() < .2: i.extra = struct.pack('<HH', r.choice([0x5455, 0x7875, 0xcafe]), 5) + bytes(5)
        i.external_attr = 0o100644 << 16
        d = b'' if name.endswith('/') else data()
        if (wide or r.random() < .3) and not name.endswith('/'):
            with z.open(i, 'w', force_zip64=wide or r.random() < .3) as f: f.write(d)
        else:
            z.writestr(i, d)
    if r.random() < .2: z.comment = r.choice([b'c', b'PK\x05\x06', bytes(60)]) * r.randrange(1, 5)
    z.close()
    return b.getvalue()
def damage(s):
    k = r.randrange(14)
    s = bytearray(s)
    if k < 4: return bytes(s)
    if k == 4: s += bytes(r.randrange(256) for _ in range(r.randrange(1, 40)))
    if k == 5: s = bytearray(make()) + s
    if k == 6: s = s[r.randrange(1, max(2, min(len(s), 30))):]
    if k == 7:
        at = r.randrange(len(s)); s[at:at] = bytes(r.randrange(256) for _ in range(r.randrange(1, 20)))
    if k == 8:
        # The names as the older encoding.
        for mark, at in ((b'PK\x01\x02', 8), (b'PK\x03\x04', 6)):
            i = s.find(mark)
            while i >= 0 and i + at + 2 <= len(s):
                s[i + at + 1] &= 0xf7
                i = s.find(mark, i + 4)
    if k == 9:
        i = s.rfind(b'PK\x05\x06') + r.choice([8, 10, 12, 16, 20])
        if i + 2 <= len(s): s[i:i + 2] = struct.pack('<H', r.choice([0, 1, 2, 22, 76, 65535, r.randrange(65536)]))
    if k == 10:
        i = s.rfind(b'PK\x01\x02') + r.choice([8, 10, 16, 20, 24, 28, 30, 32, 42])
        if 0 <= i < len(s): s[i] = r.choice([0, 1, 8, 255, r.randrange(256)])
    if k == 11:
        i = s.find(b'PK\x03\x04') + r.choice([6, 8, 14, 18, 22, 26, 28])
        if 0 <= i < len(s): s[i] = r.choice([0, 1, 8, 255, r.randrange(256)])
    if k == 12:
        # All offsets as if a prefix had been cut or added.
        d = r.choice([-7, 5, 100])
        e = s.rfind(b'PK\x05\x06')
        if 0 <= e <= len(s) - 22:
            n = struct.unpack('<I', s[e + 16:e + 20])[0] + d
            if 0 <= n < 1 << 32: s[e + 16:e + 20] = struct.pack('<I', n)
            i = s.find(b'PK\x01\x02')
            while 0 <= i < e and i + 46 <= len(s):
                n = struct.unpack('<I', s[i + 42:i + 46])[0] + d
                if 0 <= n < 1 << 32: s[i + 42:i + 46] = struct.pack('<I', n)
                i = s.find(b'PK\x01\x02', i + 4)
    if k == 13:
        for _ in range(r.randrange(1, 4)):
            if s: s[r.randrange(len(s))] = r.randrange(256)
    return bytes(s)
for _ in range(3000):
    s = damage(make())
    try:
        z = zipfile.ZipFile(io.BytesIO(s))
        out = []
        for i in z.infolist():
            raw = i.orig_filename.encode('utf-8' if i.flag_bits & 0x800 else 'cp437')
            try:
                out.append(raw.hex() + ':' + z.read(i).hex())
            except Exception:
                out.append(raw.hex())
        print(s.hex(), *out)
    except Exception:
        print(s.hex(), 'refused')
"#;

#[test]
fn what_zipfile_extracts_is_read_and_judged() {
    let evil = call("os", "system", "id");
    let Some(out) = python(ZIPS, hex::encode(&evil).as_bytes()) else { return };
    let (mut opened, mut refused, mut members, mut judged) = (0, 0, 0, 0);
    for line in out.lines() {
        let (archive, rest) = line.split_once(' ').unwrap_or((line, ""));
        let bytes = hex::decode(archive).expect("hex");
        if rest == "refused" {
            refused += 1;
            // Whatever it is, reading it ends.
            scan_bytes("a.zip", &bytes, &ScanConfig::default());
            continue;
        }
        opened += 1;
        let seen = zip_members(&bytes);
        let mut dangerous = false;
        // A name alone is a member that zipfile lists and refuses to extract.
        for (name, content) in rest.split(' ').filter_map(|m| m.split_once(':')) {
            let (name, content) = (hex::decode(name).expect("hex"), hex::decode(content).expect("hex"));
            // A member may be longer than the directory says: zipfile stops there.
            assert!(
                seen.iter().any(|(n, c)| *n == name && c.starts_with(&content)),
                "{:?}, {} bytes, of {archive}",
                String::from_utf8_lossy(&name),
                content.len()
            );
            members += 1;
            dangerous |= content == evil;
        }
        if dangerous {
            let r = scan_bytes("a.zip", &bytes, &ScanConfig::default());
            assert_eq!(r.severity, Dangerous, "{archive}: {r:?}");
            judged += 1;
        }
    }
    eprintln!(
        "zipfile: {opened} archives with {members} members all read, {judged} of them with a payload, {refused} refused"
    );
    assert!(opened > 1000 && members > 2000 && judged > 300);
}
