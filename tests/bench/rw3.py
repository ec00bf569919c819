#!/usr/bin/env python3
"""RW-2 and RW-3 by their rules alone: an independent model that shares nothing with the simulator.

usage: rw3.py [--atc ENTRIES] [--outstanding N] [--depth N] [--transactions N]

Numbers in comments are those of the rules; without a translation cache (--atc 0) it is RW-2, whose
figures are known. Ties that the rules for RW-3 leave open are settled as README.md says.
"""
import argparse
import collections
import heapq

MASK = (1 << 64) - 1


class Lru:
    """True least recently used over pages (10, 15)."""

    def __init__(self, entries):
        self.entries, self.pages = entries, collections.OrderedDict()

    def hit(self, page):
        if page in self.pages:
            self.pages.move_to_end(page)
            return True
        return False

    def fill(self, page):
        self.pages[page] = True
        self.pages.move_to_end(page)
        if len(self.pages) > self.entries:
            self.pages.popitem(last=False)


class Item:
    def __init__(self, kind, page, number=0, created=0):
        self.kind = kind  # "read", "write", "ask", "walk"
        self.page, self.number, self.created = page, number, created
        self.translated = self.answer = False

    def occupies(self):  # 2, 11, 16: nanoseconds on a link
        if self.kind in ("ask", "walk"):
            return 1 if self.answer else 0
        return 8 if self.answer == (self.kind == "read") else 0


class Link:
    """One direction of a link with its queue (2). `entries` are those at its far end (4): when each
    that is free may be used. A start is certain as soon as an item has its entry, however far ahead."""

    def __init__(self, sim, arrive, depth=None):
        self.sim, self.arrive, self.release = sim, arrive, None
        self.entries = None if depth is None else [0] * depth
        self.queue, self.free = collections.deque(), 0

    def send(self, item, ready):
        self.queue.append((ready, item))
        self.kick()

    def kick(self):
        while self.queue and self.entries != []:
            ready, item = self.queue.popleft()
            start = max(ready, self.free, self.entries[0] if self.entries else 0)
            if self.entries and item.kind != "walk":
                heapq.heappop(self.entries)
            self.free = start + item.occupies()
            self.sim.at(self.free + 10, 0, self.arrive, item)
            if self.release:
                self.release(item, start)

    def give(self, when):
        heapq.heappush(self.entries, when)
        self.kick()


class Sim:
    def __init__(self, atc, outstanding, depth, transactions):
        self.now, self.heap, self.sequence = 0, [], 0
        self.req = [Link(self, self.at_bridge1, depth), Link(self, self.at_bridge2, depth),
                    Link(self, self.at_memory)]
        self.rsp = [Link(self, self.back_at_bridge2, depth), Link(self, self.back_at_bridge1, depth),
                    Link(self, self.at_initiator)]
        self.req[1].release = lambda item, when: self.req[0].give(when)
        self.req[2].release = lambda item, when: item.kind != "walk" and self.req[1].give(when)
        self.rsp[1].release = lambda item, when: item.kind != "ask" and self.rsp[0].give(when)
        self.rsp[2].release = lambda item, when: self.rsp[1].give(when)
        self.atc = Lru(atc) if atc else None
        self.asking, self.queued, self.asked = {}, collections.deque(), 0
        self.iotlb, self.walks, self.waiting, self.walkers = Lru(64), {}, collections.deque(), 4
        self.memory = 0
        self.state, self.created, self.total = 42, 0, transactions
        self.digest, self.sum, self.max = 0xCBF29CE484222325, 0, 0
        self.n = collections.Counter()
        for _ in range(min(outstanding, transactions)):
            self.create()
        while self.heap:
            self.now, _, _, call, args = heapq.heappop(self.heap)
            call(*args)

    def at(self, when, rank, call, *args):
        self.sequence += 1
        heapq.heappush(self.heap, (when, rank, self.sequence, call, args))

    # -- initiator

    def draw(self):  # 8
        self.state = self.state + 0x9E3779B97F4A7C15 & MASK
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return (z ^ z >> 31) >> 48

    def create(self):
        number = self.created
        self.created += 1
        item = Item("write" if number & 1 else "read", self.draw() * 64 >> 12, number, self.now)
        if not self.atc:
            self.req[0].send(item, self.now)
        elif self.atc.hit(item.page):  # 15
            self.n["atc_hits"] += 1
            item.translated = True
            self.req[0].send(item, self.now)
        else:  # 16
            self.n["atc_misses"] += 1
            if item.page in self.asking:
                self.asking[item.page].append(item)
                self.n["atc_coalesced"] += 1
                return
            self.asking[item.page] = [item]
            self.queued.append(item.page)
            self.ask()

    def ask(self):
        while self.queued and self.asked < 8:
            self.asked += 1
            self.n["atc_asked"] += 1
            self.req[0].send(Item("ask", self.queued.popleft()), self.now)

    def at_initiator(self, item):
        if item.kind == "ask":  # 19, and only then the next translation request
            self.atc.fill(item.page)
            self.asked -= 1
            for waiter in self.asking.pop(item.page):
                waiter.translated = True
                self.req[0].send(waiter, self.now)
            self.ask()
            return
        self.digest = (self.digest ^ self.now + (item.number << 40)) * 0x100000001B3 & MASK  # 7
        self.sum += self.now - item.created
        self.max = max(self.max, self.now - item.created)
        if self.created < self.total:
            self.create()

    # -- bridges (3)

    def at_bridge1(self, item):
        self.req[1].send(item, self.now + 50)

    def back_at_bridge1(self, item):
        self.rsp[2].send(item, self.now + 50)

    def at_bridge2(self, item):
        if item.translated:  # 18
            self.at(self.now + 50, 2, lambda: self.req[2].send(item, self.now))
        else:  # 9, 17
            self.at(self.now + 52, 1, self.look_up, item)

    def back_at_bridge2(self, item):
        if item.kind == "walk":
            self.walked(item)
        else:
            self.rsp[1].send(item, self.now + 50)

    # -- IOMMU

    def mapped(self, item):
        if item.kind == "ask":
            item.answer = True
            self.rsp[1].send(item, self.now + 50)
            self.req[1].give(self.now)  # it needs no entry of bridge 2 any more
        else:
            self.req[2].send(item, self.now)

    def look_up(self, item):
        if self.iotlb.hit(item.page):
            self.n["hits"] += 1
            self.mapped(item)
            return
        self.n["misses"] += 1
        if item.page in self.walks:  # 11
            self.n["coalesced"] += 1
            self.walks[item.page].append(item)
            return
        self.n["walks"] += 1
        self.walks[item.page] = [item]
        self.waiting.append(item.page)
        self.begin_walk()

    def begin_walk(self):
        if self.walkers and self.waiting:
            self.walkers -= 1
            self.read(self.waiting.popleft(), 1)

    def read(self, page, step):
        self.req[2].send(Item("walk", page, step), self.now)

    def walked(self, item):
        if item.number < 4:
            self.read(item.page, item.number + 1)
            return
        self.iotlb.fill(item.page)  # 12
        for waiter in self.walks.pop(item.page):
            self.mapped(waiter)
        self.walkers += 1
        self.begin_walk()

    # -- memory (5)

    def at_memory(self, item):
        start = max(self.now, self.memory)
        self.memory = start + (1 if item.kind == "walk" else 5)
        item.answer = True
        self.rsp[0].send(item, start + 40)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--atc", type=int, default=256)
    parser.add_argument("--outstanding", type=int, default=16)
    parser.add_argument("--depth", type=int, default=16)
    parser.add_argument("--transactions", type=int, default=100000)
    k = parser.parse_args()
    s = Sim(k.atc, k.outstanding, k.depth, k.transactions)
    print(f"avg {s.sum / k.transactions:.6f} max {s.max} end {s.now} digest {s.digest:016x}", dict(s.n))


main()
