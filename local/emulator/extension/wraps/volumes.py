"""Volumes: the key and the throughput, which the emulator keeps and does not return."""

from __future__ import annotations

from typing import Any

from local.emulator.extension import inside


def install() -> None:
    ec2 = inside.service("ec2")
    xml = ec2._volume_inner_xml

    def shown(volume: dict[str, Any]) -> str:
        more = "".join(
            f"<{element}>{volume[name]}</{element}>"
            for name, element in (("KmsKeyId", "kmsKeyId"), ("Throughput", "throughput"))
            if volume.get(name)
        )
        return xml(volume) + more

    ec2._volume_inner_xml = shown
