#!/usr/bin/env python3
"""Make the table of telephone plans of crates/detect: phone_plans.py OUT (needs `pip install phonenumbers`)

For every calling code but 1: which first two digits a national number may have, and how long a number with them may be; for
1, whose numbers all have ten digits, which area codes are in use (`1 10:201-210,212-220`). Facts of the national plans, read out of the metadata of the `phonenumbers` package (Apache-2.0) by running
its number patterns as automata over two digits; no pattern and no text of it is kept. A line is a calling code, then for each
set of lengths the first digits: `44 9,10:1,20-29`.
"""
import sys
import collections, functools
import re._parser as sp
from phonenumbers import PhoneMetadata
from phonenumbers.data import _COUNTRY_CODE_TO_REGION_CODE as CC
TYPES='fixed_line mobile toll_free premium_rate shared_cost personal_number voip pager uan'.split()
DIGITS = "0123456789"

class N:
    def __init__(s): s.eps={}; s.tr={}; s.n=0
    def new(s): s.n+=1; return s.n-1
    def e(s,a,b): s.eps.setdefault(a,set()).add(b)
def build(n,p,a):
    for op,av in p:
        o=str(op)
        if o=='LITERAL': b=n.new(); n.tr.setdefault(a,[]).append(({chr(av)},b)); a=b
        elif o=='IN':
            s=set()
            for k,v in av:
                if str(k)=='LITERAL': s.add(chr(v))
                elif str(k)=='RANGE': s|={chr(c) for c in range(v[0],v[1]+1)}
                elif str(k)=='CATEGORY': s|=set(DIGITS)
                else: raise Exception(k)
            b=n.new(); n.tr.setdefault(a,[]).append((s,b)); a=b
        elif o=='BRANCH':
            end=n.new()
            for x in av[1]: n.e(build(n,x,a),end)
            a=end
        elif o=='SUBPATTERN': a=build(n,av[3],a)
        elif o=='MAX_REPEAT':
            lo,hi,x=av
            for _ in range(lo): a=build(n,x,a)
            end=n.new(); n.e(a,end)
            for _ in range(min(hi,20)-lo): a=build(n,x,a); n.e(a,end)
            a=end
        elif o=='CATEGORY': raise Exception
        else: raise Exception(o)
    return a
def plan(cc):
    n=N(); start=n.new(); fin=n.new()
    for region in CC[cc]:
        m=PhoneMetadata.metadata_for_nongeo_region(cc) if region=='001' else PhoneMetadata.metadata_for_region(region)
        for t in TYPES:
            d=getattr(m,t)
            if d and d.national_number_pattern and d.possible_length and -1 not in d.possible_length:
                n.e(build(n,sp.parse(d.national_number_pattern),start0(n,start)),fin)
    def clo(S):
        st=list(S);S=set(S)
        while st:
            for b in n.eps.get(st.pop(),()):
                if b not in S: S.add(b); st.append(b)
        return frozenset(S)
    @functools.lru_cache(None)
    def step(S,c): return clo({b for a in S for s,b in n.tr.get(a,()) if c in s})
    @functools.lru_cache(None)
    def lens(S):
        if not S: return 0
        m=1 if fin in S else 0
        for c in DIGITS:
            t=step(S,c)
            if t: m|=lens(t)<<1
        return m
    return clo({start}),step,lens
def start0(n,s):
    b=n.new(); n.e(s,b); return b

def leaves(step, lens, states, prefix, out):
    """First digits, as few as tell the lengths, with the set of lengths as bits."""
    mask = lens(states) << len(prefix)
    if not mask: return
    if len(prefix) == 2:
        out[prefix] = mask; return
    inner = {}
    for c in DIGITS: leaves(step, lens, step(states, c), prefix + c, inner)
    if len(prefix) == 1 and len(inner) == 10 and len(set(inner.values())) == 1: out[prefix] = mask
    else: out.update(inner)

def ranges(prefixes):
    """`20,21,22,25` as `20-22,25`."""
    runs = []
    for p in sorted(prefixes, key=lambda p: (len(p), p)):
        if runs and len(runs[-1][1]) == len(p) and int(runs[-1][1]) + 1 == int(p): runs[-1][1] = p
        else: runs.append([p, p])
    return ",".join(a if a == b else f"{a}-{b}" for a, b in runs)

lines = ["# Telephone plans by calling code: lengths of national numbers, and their first digits. Made by bench/phone_plans.py."]
for cc in sorted(CC):
    start, step, lens = plan(cc)
    if cc == 1:
        area = lambda code: functools.reduce(step, code, start)
        lines.append("1 10:" + ranges([a for a in map("{:03}".format, range(1000)) if lens(area(a)) >> 7 & 1]))
        continue
    first = {}
    leaves(step, lens, start, "", first)
    by_length = collections.defaultdict(list)
    for prefix, mask in first.items(): by_length[mask].append(prefix)
    text = lambda mask: ",".join(str(n) for n in range(2, 16) if mask >> n & 1)
    groups = sorted((text(mask), ranges(p)) for mask, p in by_length.items() if text(mask))
    lines.append(" ".join([str(cc)] + [f"{n}:{p}" for n, p in groups]))
open(sys.argv[1], "w").write("\n".join(lines) + "\n")
print(len(lines) - 1, "calling codes")
