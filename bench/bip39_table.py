#!/usr/bin/env python3
"""Make the table of crates/detect that tells the English words of BIP-39: bip39_table.py OUT (needs `pip install mnemonic`)

The list is of the BIP-39 standard; the words themselves are not kept. Of each of the 2048, in the list's order, the table
has a 32-bit hash, little-endian: enough to tell a word and its number, and with them a phrase's check bits.
"""
import struct
import sys

from mnemonic import Mnemonic


def hashed(word):
    """The high half of a 64-bit product of the word as a little-endian number."""
    return (int.from_bytes(word.encode(), "little") * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 32


words = Mnemonic("english").wordlist
hashes = [hashed(word) for word in words]
assert len(words) == 2048 and len(set(hashes)) == 2048 and all(3 <= len(w) <= 8 and w.isalpha() for w in words)
with open(sys.argv[1], "wb") as out:
    out.write(struct.pack("<2048I", *hashes))
