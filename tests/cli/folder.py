#!/usr/bin/env python3
"""The output folder of a run, read by readers that are not ours: usage: folder.py FOLDER."""
import csv
import hashlib
import json
import os
import sys

folder = sys.argv[1]


def rows(name):
    with open(os.path.join(folder, name), newline="") as f:
        return list(csv.DictReader(f, strict=True))


with open(os.path.join(folder, "manifest.json")) as f:
    manifest = json.load(f)
for name, about in manifest["outputs"].items():
    with open(os.path.join(folder, name), "rb") as f:
        data = f.read()
    assert hashlib.sha256(data).hexdigest() == about["sha256"] and len(data) == about["bytes"], name
left = set(os.listdir(folder)) - set(manifest["outputs"])
assert left == {"manifest.json", "timing.json"}, left

with open(os.path.join(folder, "stats.json")) as f:
    run = json.load(f)["runs"][0]
stats = {row["name"]: int(row["value"]) for row in rows("stats.csv")}
assert stats["sim.time"] == run["end_ps"] == manifest["runs"][0]["end_ps"]
for name, value in run["stats"].items():
    assert stats[name] == (int(value, 16) if isinstance(value, str) else value), name
text = {}
with open(os.path.join(folder, "stats.txt")) as f:
    for line in f:
        if not line.startswith("#"):
            words = line.split()
            text[words[0]] = int(words[1])
assert text == stats

latency = rows("latency.csv")
assert sum(int(row["count"]) for row in latency) == sum(group["count"] for group in run["latency"])
for row in latency:
    order = [float(row[key]) for key in ("min_ns", "p50_ns", "p90_ns", "p95_ns", "p99_ns", "p99.9_ns", "p99.99_ns", "max_ns")]
    assert order == sorted(order), row
for row in latency:
    parts = [part for part in rows("breakdown.csv") if all(part[k] == row[k] for k in ("by", "op", "at", "status"))]
    assert len({part["part"] for part in parts}) == 9, row
    assert len({(part["part"], part["detail"]) for part in parts}) == len(parts), row
    assert abs(sum(float(part["share"]) for part in parts) - 1) < 1e-5, row

busy = {}
for row in rows("util.csv"):
    if row["busy"]:
        assert 0 <= float(row["busy"]) <= 1.000001, row
        busy[row["component"]] = busy.get(row["component"], 0) + float(row["busy"]) * float(row["length_ns"])
for name, ns in busy.items():
    told = stats.get(f"link.{name}.busy", stats.get(f"{name}.busy_ps"))
    assert abs(ns * 1000 - told) < 1000, (name, ns, told)
