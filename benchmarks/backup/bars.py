"""The bars of an archive and a restore."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LEAN_CPU_MAX = 4.0  # CPU seconds per GiB of data, whole commands with their start
BOTOCORE_CPU_MAX = 7.5
RESTORE_CPU_MAX = 2.5
PEAK_MIB_MAX = 220
QUOTA_USED_MIN, THROTTLED_MAX = 0.95, 0.02
INDEX_GROWTH_MIB_MAX = 24  # from 4 GiB to 1 TiB of volume; 420 B per block would be 880
STORED_OVER_COMPRESSED_MAX = 1.05


def bars(result: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield each bar: whether it is met, and the sentence with the figure."""
    for transport, most in (("lean", LEAN_CPU_MAX), ("botocore", BOTOCORE_CPU_MAX)):
        cpu = result["archive"][transport]["cpu_seconds_per_gib"]
        yield cpu <= most, f"full archive, zstd 1, {transport}: {cpu:.2f} CPU s/GiB, at most {most}"
    peak = result["archive"]["lean"]["peak_mib"]
    yield peak <= PEAK_MIB_MAX, f"its peak memory, lean: {peak:.0f} MiB, at most {PEAK_MIB_MAX}"
    for transport, restored in result["restore"].items():
        cpu = restored["cpu_seconds_per_gib"]
        yield (
            cpu <= RESTORE_CPU_MAX,
            f"restore to an image, {transport}: {cpu:.2f} CPU s/GiB, at most {RESTORE_CPU_MAX}",
        )
    identical = all(restored["identical"] for restored in result["restore"].values())
    yield identical, f"every restored image is the volume: {identical}"
    quota = result["quota"]
    yield (
        quota["used"] >= QUOTA_USED_MIN,
        f"a quota of {quota['per_second']:.0f} blocks/s: {quota['used']:.1%} used, "
        f"at least {QUOTA_USED_MIN:.0%}",
    )
    yield (
        quota["throttled"] <= THROTTLED_MAX,
        f"of it throttled: {quota['throttled']:.1%}, at most {THROTTLED_MAX:.0%}",
    )
    peaks = {int(size): peak for size, peak in result["index_peak_mib"].items()}
    grown = peaks[max(peaks)] - peaks[min(peaks)]
    shown = ", ".join(f"{size} GiB {peak:.0f} MiB" for size, peak in sorted(peaks.items()))
    yield (
        grown <= INDEX_GROWTH_MIB_MAX,
        f"peak memory by size of volume: {shown}; at most {INDEX_GROWTH_MIB_MAX} MiB more",
    )
    increment = result["increment"]
    yield (
        increment["fetched"] == increment["changed"],
        f"an increment fetches {increment['fetched']} blocks, exactly the {increment['changed']} "
        "that changed",
    )
    over = increment["stored_bytes"] / increment["compressed_bytes"]
    yield (
        over <= STORED_OVER_COMPRESSED_MAX,
        f"and stores {over:.3f} x their compressed unique bytes, "
        f"at most {STORED_OVER_COMPRESSED_MAX}",
    )
    share = result["fake_cpu_share"]
    yield share <= 0.25, f"the fake's share of the processor time: {share:.0%}, at most 25%"
