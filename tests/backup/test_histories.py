"""Random histories of a volume: writes, discards, growth, time, expiry, sweeps and crashes.

After every step that ends, each retained root restores byte for byte, and no file that it reaches
is unlocked before it. The seeds are fixed, so that a failure is found again by its number.
"""

from __future__ import annotations

import hashlib
import os
import random
from datetime import datetime, timedelta

import pytest

from doubles.ebs_direct.cloud import Killed
from functions.archive_format import root as roots
from functions.archive_format.geometry import (
    BLOCK_SIZE,
    SEGMENT_SLOTS,
    ZERO_DIGEST,
    pack_key,
    segment_key,
)
from functions.archive_format.reader import load_segment, pack_blocks, packs_of
from functions.block_archive.prune import prune

SEEDS = range(int(os.environ.get("HISTORIES", "6")))  # more of them by hand
STEPS = 16
MOST_BLOCKS = 14


class History:
    """A volume, its snapshots and their archive, moved on by dice."""

    def __init__(self, engine, seed):
        self.engine, self.dice = engine, random.Random(seed)
        self.volume = engine.volume()
        self.snapshots = {}  # by root key, what a restore must give, and until when
        self.last = None
        self.crashes = self.archives = self.sweeps = 0

    def step(self):
        acts = [self.write, self.discard, self.grow, self.wait]
        act = self.dice.choices([*acts, self.archive, self.sweep], [5, 2, 1, 2, 8, 3])[0]
        act()
        if act in (self.archive, self.sweep):
            self.locks()

    def write(self):
        for _ in range(self.dice.randint(1, 3)):
            if len(self.volume.blocks) < MOST_BLOCKS:
                index = self.dice.randrange(self.volume.slots)
            else:
                index = self.dice.choice(sorted(self.volume.blocks))
            kind = self.dice.random()
            if kind < 0.2:
                content = bytes(BLOCK_SIZE)
            elif kind < 0.4 and self.volume.blocks:
                content = self.volume.blocks[self.dice.choice(sorted(self.volume.blocks))].data()
            else:
                content = self.engine.content()
            self.volume.write(index, content)

    def discard(self):
        if self.volume.blocks:
            self.volume.discard(self.dice.choice(sorted(self.volume.blocks)))

    def grow(self):
        self.volume.grow(min(13, self.volume.volume_gib + self.dice.randint(0, 2)))

    def wait(self):
        self.engine.cloud.offset += timedelta(days=self.dice.choice([0.1, 1, 10, 34, 70]))

    def archive(self):
        """With the last root as its base, or none, or after the base's snapshot has gone."""
        self.engine.cloud.offset += timedelta(minutes=1)
        snapshot = self.engine.snapshot(self.volume)
        base = self.last if self.last and self.dice.random() < 0.8 else None
        if base is not None and base.key not in self.engine.bucket.keys("manifests/"):
            base = None
        if base is not None and self.dice.random() < 0.2:
            self.engine.cloud.ebs.snapshots.pop(base.snapshot_id, None)
        while True:
            self.engine.cloud.forget()
            if self.dice.random() < 0.4:
                self.engine.cloud.kill_at = self.dice.randint(1, 40)
                self.engine.cloud.kill_after = self.dice.random() < 0.5
            try:
                root = self.engine.archive(snapshot, base, workers=self.dice.choice([1, 3])).root
                break
            except Killed:
                self.crashes += 1
        self.engine.cloud.forget()
        until = datetime.fromisoformat(root.retain_until)
        self.snapshots[root.key] = (snapshot.contents(), until)
        self.last = root
        self.archives += 1

    def sweep(self):
        self.engine.cloud.forget()
        if self.dice.random() < 0.3:
            self.engine.cloud.kill_at = self.dice.randint(1, 60)
        try:
            prune(self.engine.store(), now=self.engine.cloud.now(), apply=True)
            self.sweeps += 1
        except Killed:
            self.crashes += 1
        self.engine.cloud.forget()

    def check(self):
        now, kept = self.engine.cloud.now(), self.engine.bucket.keys("manifests/")
        for key, (contents, until) in self.snapshots.items():
            if key in kept or until > now:
                assert key in kept, f"{key} is retained until {until} and gone at {now}"
                root = roots.decode(self.engine.bucket.current(key).body(), key)
                assert _contents(self.engine, root) == contents, key
        if self.last is not None:
            assert kept, "a volume that was archived has no root"

    def locks(self):
        for key in self.engine.bucket.keys("manifests/"):
            root = roots.decode(self.engine.bucket.current(key).body(), key)
            needed = datetime.fromisoformat(root.retain_until)
            for name in _files(self.engine, root):
                until = self.engine.bucket.current(name).retain_until
                assert until is not None, name
                assert until >= needed, f"{name} is locked until {until}, {key} until {needed}"


def _files(engine, root):
    store = engine.store()
    for index, name in enumerate(root.segments):
        if name:
            yield segment_key(bytes.fromhex(name))
            for pack in load_segment(store, root, index).packs():
                yield pack_key(pack)


def _contents(engine, root):
    """Digest by index of every allocated block, each of them decoded from its pack."""
    found, store, block = {}, engine.store(), memoryview(bytearray(BLOCK_SIZE))
    for index in range(len(root.segments)):
        segment = load_segment(store, root, index)
        for slot in segment.zeros:
            found[index * SEGMENT_SLOTS + slot] = ZERO_DIGEST
        for pack, slots in packs_of(segment):
            for at in pack_blocks(store, segment, pack, slots, block):
                found[at] = hashlib.sha256(block).digest()
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_every_retained_root_of_a_random_history_restores_and_is_held(engine, seed):
    history = History(engine, seed)
    for _ in range(STEPS):
        history.step()
    history.check()
    history.archive()
    history.sweep()
    history.check()
    history.locks()


def test_the_histories_hold_what_they_should(engine):
    """Else the dice would prove nothing: crashes, sweeps that delete, and several roots at once."""
    crashes = archives = sweeps = 0
    for seed in SEEDS[:2]:
        history = History(engine, seed)
        engine.bucket.objects.clear()
        for _ in range(STEPS):
            history.step()
        crashes += history.crashes
        archives += history.archives
        sweeps += history.sweeps
    assert crashes >= 2
    assert archives >= 6
    assert sweeps >= 2
