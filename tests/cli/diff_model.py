"""Holds `tollbridge diff` to a model of its own: sets of transactions, and longest increasing runs for the order.

usage: diff_model.py PROGRAM LOG CASES
A log's lines are dropped, moved and changed at random; how many are missing, extra and different must be exactly what
the sets say, order must differ exactly if the common transactions are not in the same order, and by no less than the
fewest moves that would restore it; and the first difference of each model must be the first.
"""
import bisect
import json
import random
import re
import subprocess
import sys
import tempfile

program, log, cases = sys.argv[1], sys.argv[2], int(sys.argv[3])
lines = open(log).read().splitlines()
header = [line for line in lines if line.startswith('#')]
body = [line for line in lines if not line.startswith('#')]


def identity(line):
    keys = dict(word.split('=', 1) for word in line.split())
    return keys['by'], 'dma' if keys['op'] in ('read', 'write') else keys['op'], keys['txn']


def fewest_moves(golden, new):
    at = {key: i for i, key in enumerate(new)}
    tails = []
    for key in golden:
        i = bisect.bisect_left(tails, at[key])
        tails[i:i + 1] = [at[key]]
    return len(golden) - len(tails)


def make_case():
    keep = random.choice([0.9, 0.97, 1.0])
    golden = [line for line in body if random.random() < keep]
    new = [line for line in body if random.random() < random.choice([keep, 1.0])]
    for _ in range(random.randrange(4)):
        line = new.pop(random.randrange(len(new)))
        new.insert(random.randrange(len(new) + 1), line)
    for _ in range(random.randrange(4)):
        i = random.randrange(len(new))
        new[i] = re.sub(r' lat=\d+', ' lat=9999999', new[i])
    return golden, new


def write(path, body_lines):
    with open(path, 'w') as out:
        out.write('\n'.join(header + body_lines) + '\n')


def check_firsts(result, golden, a, b):
    """Where nothing is extra or moved, the first of each model is beyond doubt."""
    wanted = {}
    for i, line in enumerate(golden):
        key = identity(line)
        if b.get(key) != a[key]:
            wanted.setdefault(key[0], len(header) + i + 1)
    return {c['by']: c['first']['golden_line'] for c in result['components']} == wanted


def check(folder):
    golden, new = make_case()
    write(folder + '/golden', golden)
    write(folder + '/new', new)
    run = subprocess.run([program, 'diff', folder + '/golden', folder + '/new', '--json'], capture_output=True, text=True)
    result = json.loads(run.stdout)
    a, b = {identity(l): l for l in golden}, {identity(l): l for l in new}
    both = set(a) & set(b)
    moves = fewest_moves([k for k in a if k in both], [k for k in b if k in both])
    order = result['moved']['order']
    ok = run.returncode == (golden != new)
    ok &= result['missing'] == len(set(a) - both) and result['extra'] == len(set(b) - both)
    ok &= result['differing'] == sum(a[k] != b[k] for k in both)
    ok &= order >= moves and (order > 0) == (moves > 0)
    if not order and not result['extra']:
        ok &= check_firsts(result, golden, a, b)
    return ok


random.seed(1)
with tempfile.TemporaryDirectory() as scratch:
    for case in range(cases):
        if not check(scratch):
            sys.exit(f'case {case} is not what the model says')
