#!/usr/bin/env python3
"""Records qemu/virtio.jsonl: has QEMU's virtio-blk do the programs below, over PCI and over MMIO.

usage: virtio.py [QEMU] > qemu/virtio.jsonl

QEMU's processor stands still (-S): qtest takes its place and reads and writes registers and memory. Registers are
found as a driver finds them (PCI: through the capabilities; MMIO: the transport whose DeviceID is
2). Programs are written for both; a line of output is a program, and what each read found.
"""
import hashlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

QEMU = sys.argv[1] if len(sys.argv) > 1 else "qemu-system-x86_64"
SECTORS, SEED = 8192, 0xD15C000000000003
MASK = (1 << 64) - 1


def mix64(x):
    z = (x + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return z ^ z >> 31


def disk_image(path):
    with open(path, "wb") as f:
        for at in range(0, SECTORS * 512, 8):
            f.write(struct.pack("<Q", mix64(SEED ^ at)))


# -- QEMU ------------------------------------------------------------------------------------------

class Machine:
    """A QEMU with one virtio disk, driven by qtest."""

    def __init__(self, transport, platform):
        self.transport = transport
        self.dir = tempfile.mkdtemp()
        image = os.path.join(self.dir, "disk")
        disk_image(image)
        path = os.path.join(self.dir, "qtest")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        device = {"pci": "virtio-blk-pci,disable-legacy=on,addr=3", "mmio": "virtio-blk-device"}[transport]
        device += ",drive=d,serial=RECORDED" + (",iommu_platform=on" if platform else "")
        args = [QEMU, "-display", "none", "-nodefaults", "-accel", "tcg", "-S", "-m", "64",
                "-qtest", "unix:" + path, "-machine", "microvm" if transport == "mmio" else "pc",
                "-global", "virtio-mmio.force-legacy=false",
                "-drive", "if=none,id=d,format=raw,discard=unmap,file=" + image, "-device", device]
        self.process = subprocess.Popen(args, stderr=subprocess.DEVNULL)
        listener.settimeout(20)
        self.socket = listener.accept()[0].makefile("rw")
        self.find_registers()

    def close(self):
        self.process.kill()
        self.process.wait()

    def ask(self, line):
        self.socket.write(line + "\n")
        self.socket.flush()
        while True:
            answer = self.socket.readline().split()
            if answer and answer[0] == "OK":
                return answer[1:]
            if not answer or answer[0] not in ("IRQ",):
                raise RuntimeError("qtest: %s: %s" % (line, answer))

    def peek(self, at, n):
        return bytes.fromhex(self.ask("read 0x%x 0x%x" % (at, n))[0][2:])

    def poke(self, at, data):
        self.ask("write 0x%x 0x%x 0x%s" % (at, len(data), data.hex()))

    def mem_in(self, at, size):
        return int(self.ask("read%s 0x%x" % ("bwlq"[[1, 2, 4, 8].index(size)], at))[0], 0)

    def mem_out(self, at, size, value):
        self.ask("write%s 0x%x 0x%x" % ("bwlq"[[1, 2, 4, 8].index(size)], at, value))

    def cfg(self, offset, size=4):
        self.ask("outl 0xcf8 0x%x" % (0x80000000 | 3 << 11 | offset & ~3))
        word = int(self.ask("inl 0xcfc")[0], 0) >> 8 * (offset & 3)
        return word & (1 << 8 * size) - 1

    def cfg_out(self, offset, value):
        self.ask("outl 0xcf8 0x%x" % (0x80000000 | 3 << 11 | offset))
        self.ask("outl 0xcfc 0x%x" % value)

    def find_registers(self):
        if self.transport == "mmio":
            base = next(b for b in range(0xfeb00000, 0xfeb00000 + 32 * 512, 512)
                        if self.mem_in(b, 4) == 0x74726976 and self.mem_in(b + 8, 4) == 2)
            self.registers = {k: (base + o, 4) for k, o in MMIO.items()}
            return
        where = {}
        bar, at = 0xe0000000, self.cfg(0x34, 1)
        self.cfg_out(0x20, bar)  # BAR 4: where QEMU has the structures
        self.cfg_out(0x24, 0)
        self.cfg_out(0x04, 6)
        while at:
            if self.cfg(at, 1) == 9 and self.cfg(at + 3, 1) in (1, 2, 3, 4):
                where[self.cfg(at + 3, 1)] = bar + self.cfg(at + 8)
            at = self.cfg(at + 1, 1)
        self.registers = {k: (where[s] + o, n) for k, (s, o, n) in PCI.items()}


COMMON, NOTIFY, ISR, CONFIG = 1, 2, 3, 4
PCI = {"device_features_sel": (COMMON, 0, 4), "device_features": (COMMON, 4, 4),
       "driver_features_sel": (COMMON, 8, 4), "driver_features": (COMMON, 12, 4),
       "num_queues": (COMMON, 18, 2), "status": (COMMON, 20, 1), "generation": (COMMON, 21, 1),
       "queue_sel": (COMMON, 22, 2), "queue_size": (COMMON, 24, 2), "queue_enable": (COMMON, 28, 2),
       "desc_low": (COMMON, 32, 4), "desc_high": (COMMON, 36, 4), "driver_low": (COMMON, 40, 4),
       "driver_high": (COMMON, 44, 4), "device_low": (COMMON, 48, 4), "device_high": (COMMON, 52, 4),
       "notify": (NOTIFY, 0, 2), "isr": (ISR, 0, 1), "capacity_low": (CONFIG, 0, 4),
       "capacity_high": (CONFIG, 4, 4), "size_max": (CONFIG, 8, 4), "seg_max": (CONFIG, 12, 4),
       "blk_size": (CONFIG, 20, 4)}
MMIO = {"magic": 0, "version": 4, "device_id": 8, "device_features": 0x10, "device_features_sel": 0x14,
        "driver_features": 0x20, "driver_features_sel": 0x24, "queue_sel": 0x30, "queue_max": 0x34,
        "queue_size": 0x38, "queue_enable": 0x44, "notify": 0x50, "isr": 0x60, "isr_ack": 0x64,
        "status": 0x70, "desc_low": 0x80, "desc_high": 0x84, "driver_low": 0x90, "driver_high": 0x94,
        "device_low": 0xa0, "device_high": 0xa4, "generation": 0xfc, "capacity_low": 0x100,
        "capacity_high": 0x104, "size_max": 0x108, "seg_max": 0x10c, "blk_size": 0x114}

# -- Programs --------------------------------------------------------------------------------------

DESC, AVAIL, USED = 0x100000, 0x110000, 0x120000
HEADER, STATUS, DATA, TABLE = 0x200000, 0x210000, 0x220000, 0x280000
NEXT, WRITE, INDIRECT = 1, 2, 4
VERSION_1, PLATFORM, EVENT_IDX, INDIRECTS = 1 << 32, 1 << 33, 1 << 29, 1 << 28


class Program:
    """Steps, collected: what a driver does, and what is to be compared."""

    def __init__(self, transport, size=16):
        self.steps, self.transport, self.size = [], transport, size
        self.avail, self.used, self.features = 0, 0, 0

    def out(self, register, value):
        self.steps.append(["out", register, value])

    def read(self, register, mask=None):
        self.steps.append(["in", register] + ([mask] if mask is not None else []))

    def poke(self, at, data):
        self.steps.append(["poke", at, data.hex()])

    def peek(self, at, n, compare=True):
        self.steps.append(["peek" if compare else "note", at, n])

    def wait(self):
        self.steps.append(["wait"])

    def handshake(self, features):
        self.features = features
        self.out("status", 0)
        self.read("status")
        self.out("status", 1)
        self.out("status", 3)
        for i in range(2):
            self.out("driver_features_sel", i)
            self.out("driver_features", features >> 32 * i & 0xffffffff)
        self.out("status", 11)
        self.read("status")

    def queue(self):
        self.poke(AVAIL, bytes(6 + 2 * self.size))
        self.poke(USED, bytes(6 + 8 * self.size))
        self.avail = self.used = 0
        self.out("queue_sel", 0)
        self.out("queue_size", self.size)
        for name, at in (("desc", DESC), ("driver", AVAIL), ("device", USED)):
            self.out(name + "_low", at)
            self.out(name + "_high", 0)
        self.out("queue_enable", 1)
        self.out("status", 15)
        self.read("status")

    def begin(self, features=VERSION_1 | PLATFORM):
        self.handshake(features)
        self.queue()

    def chain(self, segments, table=DESC, first=0, last_next=0):
        """Descriptors in a row: (address, length, flags) each, linked."""
        for i, (at, length, flags) in enumerate(segments):
            more = i + 1 < len(segments)
            self.poke(table + 16 * (first + i), struct.pack(
                "<QIHH", at, length, flags | (NEXT if more else 0), first + i + 1 if more else last_next))

    def header(self, kind, sector, at=HEADER):
        self.poke(at, struct.pack("<IIQ", kind, 0, sector))

    def offer(self, head):
        self.poke(AVAIL + 4 + 2 * (self.avail % self.size), struct.pack("<H", head))
        self.avail += 1
        self.poke(AVAIL + 2, struct.pack("<H", self.avail & 0xffff))

    def kick(self):
        self.out("notify", 0)
        self.wait()

    def outcome(self, length=True):
        """Status byte, used index, the element, and whether there was an interrupt."""
        self.peek(STATUS, 1)
        self.peek(USED + 2, 2)
        at = USED + 4 + 8 * (self.used % self.size)
        self.peek(at, 4)
        self.peek(at + 4, 4, length)
        self.used += 1
        self.isr()

    def isr(self, mask=None):
        self.read("isr", mask)
        if self.transport == "mmio":
            self.out("isr_ack", 3)

    def request(self, kind, sector, data, length=True, status=True):
        """One request, start to end. data: (address, bytes, flags) each."""
        self.header(kind, sector)
        self.poke(STATUS, b"\xee")
        self.chain([(HEADER, 16, 0)] + data + [(STATUS, 1, WRITE)])
        self.offer(0)
        self.kick()
        self.outcome(length)

    def broken(self):
        """What a device shows that needs a reset; and that a reset helps."""
        self.peek(USED + 2, 2)
        self.read("status")
        self.isr(2)  # QEMU sets bit 0 as well, whatever became of the queue
        self.begin(self.features)
        self.request(0, 1, [(DATA, 512, WRITE)])
        self.peek(DATA, 512)


def reads(p):
    p.begin()
    p.request(0, 3, [(DATA, 512, WRITE)])
    p.peek(DATA, 512)
    p.request(0, 100, [(DATA, 65536, WRITE)])
    p.peek(DATA, 65536)
    p.request(0, SECTORS - 1, [(DATA, 512, WRITE)])
    p.request(0, 7, [(DATA + 1, 100, WRITE), (DATA + 999, 1, WRITE), (DATA + 0x2345, 1435, WRITE)])
    p.peek(DATA, 0x4000)


def writes(p):
    p.begin()
    p.poke(DATA, bytes(i * 7 & 255 for i in range(4096)))
    p.request(1, 40, [(DATA, 1024, 0)])
    p.request(1, 42, [(DATA + 11, 1, 0), (DATA + 1024, 1000, 0), (DATA + 3, 23, 0)])
    p.request(4, 0, [])
    p.request(0, 39, [(DATA + 8192, 4096, WRITE)])
    p.peek(DATA + 8192, 4096)


def identify(p):
    p.begin()
    p.request(8, 0, [(DATA, 20, WRITE)])
    p.peek(DATA, 8)


def errors(p):
    p.begin()
    for kind, sector, n, flags in ((0, SECTORS, 512, WRITE), (0, SECTORS - 1, 1024, WRITE),
                                   (0, 0, 100, WRITE), (0, 1 << 60, 512, WRITE), (20, 0, 512, WRITE),
                                   (99, 0, 512, WRITE)):
        p.request(kind, sector, [(DATA, n, flags)], length=False)
    p.request(1, SECTORS, [(DATA, 512, 0)])
    p.request(1, 0, [(DATA, 513, 0)])
    p.request(0, 5, [(DATA, 512, WRITE)])
    p.peek(DATA, 512)


def ranges(p):
    p.begin()
    for kind, sector, count, flags in ((13, 16, 8, 0), (13, 32, 8, 1), (11, 48, 8, 0), (11, 64, 8, 1),
                                       (13, 64, 8, 2), (13, SECTORS - 4, 8, 0)):
        p.poke(DATA, struct.pack("<QII", sector, count, flags))
        p.request(kind, 0, [(DATA, 16, 0)])
    p.request(0, 16, [(DATA, 24 * 512, WRITE)])
    p.peek(DATA, 24 * 512)


def framing(p):
    """2.7.4: the layout of descriptors says nothing."""
    p.begin()
    p.header(0, 9)
    p.chain([(HEADER, 1, 0), (HEADER + 1, 14, 0), (HEADER + 15, 1, 0), (DATA, 513, WRITE)])
    p.offer(0)
    p.kick()
    p.peek(DATA, 513)
    p.peek(USED, 12)
    p.header(1, 50)
    p.poke(HEADER + 16, b"x" * 512)
    p.poke(STATUS, b"\xee")
    p.chain([(HEADER, 528, 0), (STATUS, 1, WRITE)])
    p.offer(0)
    p.kick()
    p.peek(STATUS, 1)
    p.peek(USED, 20)
    p.used = 2
    p.request(0, 50, [(DATA, 512, WRITE)])
    p.peek(DATA, 512)


def indirect(p):
    p.begin(VERSION_1 | PLATFORM | INDIRECTS)
    p.header(0, 77)
    p.poke(STATUS, b"\xee")
    p.chain([(HEADER, 16, 0), (DATA, 256, WRITE), (DATA + 512, 256, WRITE), (STATUS, 1, WRITE)], TABLE)
    p.chain([(TABLE, 64, INDIRECT)], first=5)
    p.offer(5)
    p.kick()
    p.outcome()
    p.peek(DATA, 1024)


def many(p):
    """Round the ring, three requests at a time."""
    p.begin()
    for i in range(10):
        for k in range(3):
            at = HEADER + 16 * k
            p.header(0, 3 * i + k, at)
            p.chain([(at, 16, 0), (DATA + 512 * k, 512, WRITE), (STATUS + k, 1, WRITE)], first=4 * k)
            p.offer(4 * k)
        p.kick()
        p.peek(USED + 2, 2)
        p.peek(DATA, 1536)
        p.peek(STATUS, 3)
        p.isr()


def no_interrupt(p):
    p.begin()
    p.request(4, 0, [])
    p.poke(AVAIL, b"\1\0")
    p.request(4, 0, [])
    p.poke(AVAIL, b"\0\0")
    p.request(4, 0, [])


def events(p):
    """used_event is 2: told of the first, then of the third. avail_event follows what was taken."""
    p.begin(VERSION_1 | PLATFORM | EVENT_IDX)
    p.poke(AVAIL + 4 + 2 * p.size, b"\2\0")
    for _ in range(5):
        p.request(4, 0, [])
        p.peek(USED + 4 + 8 * p.size, 2)


def needs_platform(p):
    """iommu_platform=on: FEATURES_OK is refused without it."""
    p.handshake(VERSION_1)
    p.handshake(VERSION_1 | PLATFORM)


def offered(p):
    wanted = VERSION_1 | PLATFORM | EVENT_IDX | INDIRECTS | 1 << 2 | 1 << 6 | 1 << 9 | 1 << 13 | 1 << 14
    for i in range(3 if p.transport == "pci" else 2):  # QEMU's MMIO knows two selectors: 0, and any other
        p.out("device_features_sel", i)
        p.read("device_features", wanted >> 32 * i & 0xffffffff if i < 2 else 0xffffffff)


def registers(p):
    if p.transport == "mmio":
        for name in ("magic", "version", "device_id"):
            p.read(name)
    else:
        p.read("num_queues")
        for name in ("desc_low", "desc_high", "driver_low", "driver_high", "device_low", "device_high",
                     "queue_size", "driver_features", "queue_sel", "device_features_sel"):
            p.read(name)
    for name in ("status", "isr", "queue_enable", "generation", "capacity_low", "capacity_high",
                 "size_max", "seg_max", "blk_size"):
        p.read(name)
    p.out("queue_sel", 1)
    p.read("queue_enable")
    if p.transport == "pci":
        p.read("queue_size")
        p.out("queue_sel", 0)
        for name, value in (("queue_size", 64), ("desc_low", 0x12345000), ("desc_high", 1),
                            ("driver_low", 0x12346000), ("device_low", 0x12347000)):
            p.out(name, value)
            p.read(name)
    else:
        p.read("queue_max")
        p.out("queue_sel", 0)
    p.begin()
    p.read("queue_enable")
    p.out("status", 0)
    p.read("status")
    p.read("queue_enable")


def hostile(segments, head=0, index=None, last_next=0, features=0, table=None):
    def program(p):
        p.begin(VERSION_1 | PLATFORM | features)
        p.header(0, 0)
        if table:
            p.chain(table, TABLE)
        p.chain(segments, last_next=last_next)
        if index is None:
            p.offer(head)
        else:
            p.poke(AVAIL + 2, struct.pack("<H", index))
        p.kick()
        p.broken()
    return program


H, D, S = (HEADER, 16, 0), (DATA, 512, WRITE), (STATUS, 1, WRITE)
PROGRAMS = {
    "registers": registers, "offered": offered, "needs-platform": needs_platform, "reads": reads,
    "writes": writes, "identify": identify, "errors": errors, "ranges": ranges, "framing": framing,
    "indirect": indirect, "many": many, "no-interrupt": no_interrupt, "events": events,
    "bad-loop": hostile([H, (DATA, 512, WRITE), (DATA, 512, WRITE | NEXT)], last_next=1),
    "bad-next": hostile([(HEADER, 16, NEXT)], last_next=16),
    "bad-head": hostile([H, D, S], head=16),
    "bad-index": hostile([H, D, S], index=17),
    "bad-empty": hostile([H, (DATA, 0, WRITE), S]),
    "bad-order": hostile([H, D, (DATA, 512, 0), S]),
    "bad-no-header": hostile([D, S]),
    "bad-short-header": hostile([(HEADER, 8, 0), D, S]),
    "bad-no-status": hostile([H, (DATA, 512, 0)]),
    "bad-table-odd": hostile([(TABLE, 24, INDIRECT)], features=INDIRECTS, table=[H, D, S]),
    "bad-table-empty": hostile([(TABLE, 0, INDIRECT)], features=INDIRECTS, table=[H, D, S]),
    "bad-table-next": hostile([(TABLE, 48, INDIRECT)], features=INDIRECTS,
                              table=[H, D, (STATUS, 1, WRITE | NEXT)]),
}

# -- Recording -------------------------------------------------------------------------------------


def settle(m):
    """qtest does I/O in real time: until all that is available is used, or the device gave up."""
    for _ in range(1000):
        if m.peek(USED + 2, 2) == m.peek(AVAIL + 2, 2) or m.mem_in(*m.registers["status"]) & 0x40:
            break
        time.sleep(0.001)
    time.sleep(0.005)


def shown(data):
    return data.hex() if len(data) <= 16 else "sha256:" + hashlib.sha256(data).hexdigest()[:32]


def record(m, steps):
    found = []
    for step in steps:
        if step[0] == "out":
            m.mem_out(*m.registers[step[1]], step[2])
        elif step[0] == "in":
            mask = step[2] if len(step) > 2 else 0xffffffff
            found.append(m.mem_in(*m.registers[step[1]]) & mask)
        elif step[0] == "poke":
            m.poke(step[1], bytes.fromhex(step[2]))
        elif step[0] in ("peek", "note"):
            found.append(shown(m.peek(step[1], step[2])))
        else:
            settle(m)
    return found


def main():
    text = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"version ([\d.]+)", text).group(1)
    for transport in ("pci", "mmio"):
        for name, program in PROGRAMS.items():
            p = Program(transport)
            program(p)
            m = Machine(transport, platform=True)
            try:
                found = record(m, p.steps)
            finally:
                m.close()
            print(json.dumps({"id": "virtio/%s/%s" % (transport, name), "kind": "virtio-blk",
                              "versions": [version], "transport": transport, "program": p.steps,
                              "results": {version: {"found": found}}}, separators=(",", ":")), flush=True)


main()
