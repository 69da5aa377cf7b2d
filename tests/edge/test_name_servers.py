"""Whichever name servers a machine has, the edge starts, and asks those that nginx can ask."""

from __future__ import annotations

import re
import subprocess

import pytest

from local.edge_process import edge_process, nginx_binary

V6 = "2001:db8::53"
CASES = {
    "one": ("nameserver 10.0.0.2\n", "10.0.0.2", ""),
    "several": ("nameserver 10.0.0.2\nnameserver 10.0.1.2\n", "10.0.0.2 10.0.1.2", ""),
    "a search list": ("search a.example b.example\nnameserver 10.0.0.2\n", "10.0.0.2", ""),
    "options and remarks": (
        "# by hand\n; too\noptions ndots:5\nnameserver\t10.0.0.2  # of the VPC\n", "10.0.0.2", "",
    ),
    "the other system's ends of lines": ("nameserver 10.0.0.2\r\n", "10.0.0.2", ""),
    "no end of line": ("nameserver 10.0.0.2", "10.0.0.2", ""),
    "IPv6": (f"nameserver {V6}\nnameserver ::1\n", f"[{V6}] [::1]", ""),
    "IPv6 with IPv4 in it": ("nameserver ::ffff:10.0.0.2\n", "[::ffff:10.0.0.2]", ""),
    "in brackets": (f"nameserver [{V6}]\n", f"[{V6}]", ""),
    "in brackets with a port": (f"nameserver [{V6}]:5353\n", f"[{V6}]:5353", ""),
    "a zone, and another": (
        "nameserver fe80::1%eth0\nnameserver 10.0.0.2\n", "10.0.0.2", "fe80::1%eth0 is left out",
    ),
    "a zone alone": ("nameserver fe80::1%eth0\n", "127.0.0.1", "it asks 127.0.0.1"),
    "a zone in brackets": ("nameserver [fe80::1%2]\n", "127.0.0.1", "it asks 127.0.0.1"),
    "a name": ("nameserver ns.example\n", "127.0.0.1", "ns.example is left out"),
    "nothing of it": ("nameserver\n", "127.0.0.1", "it asks 127.0.0.1"),
    "none": ("search example\n", "127.0.0.1", "it asks 127.0.0.1"),
    "an empty file": ("", "127.0.0.1", "it asks 127.0.0.1"),
    "no file": (None, "127.0.0.1", "it asks 127.0.0.1"),
}  # fmt: skip


def started(tmp_path, *, app_address: str = "app.test:443", **variables: str):
    """Run the entrypoint as far as nginx, which reads the configuration and ends."""
    stand_in = tmp_path / "nginx"
    stand_in.write_text(f'#!/bin/sh\nexec "{nginx_binary()}" -t "$@"\n')
    stand_in.chmod(0o755)
    shipped = edge_process(
        run=tmp_path / "run", port=8443, app_address=app_address, nginx=stand_in,
        variables={"ERROR_LOG": "stderr", **variables},
    )  # fmt: skip
    done = subprocess.run(shipped.command, env=shipped.variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "test is successful" in done.stderr
    text = (tmp_path / "run" / "conf" / "app.conf").read_text()
    [servers] = re.findall(r"^resolver (.*?) ?valid=", text, re.MULTILINE)
    return servers.strip(), done.stderr


@pytest.mark.parametrize("name", CASES)
def test_the_edge_starts_with(tmp_path, name):
    text, wanted, said = CASES[name]
    file = tmp_path / "resolv.conf"
    if text is not None:
        file.write_text(text, newline="")
    servers, printed = started(tmp_path, RESOLV_CONF=str(file))
    assert servers == wanted
    assert said in printed
    assert ("is left out" in printed or "it asks" in printed) == bool(said)


def test_what_is_set_is_asked_instead(tmp_path):
    (tmp_path / "resolv.conf").write_text("nameserver 10.0.0.2\n")
    given = {"RESOLV_CONF": str(tmp_path / "resolv.conf"), "RESOLVER": "127.0.0.1:5353"}
    assert started(tmp_path, **given)[0] == "127.0.0.1:5353"


@pytest.mark.parametrize(
    ("app_address", "is_whole"),
    [("app:443", False), ("app.test:443", True), ("10.0.0.9:443", True), ("[::1]:443", True)],
)
def test_a_name_that_needs_a_search_list_is_named(tmp_path, app_address, is_whole):
    _, printed = started(tmp_path, app_address=app_address, RESOLVER="127.0.0.1")
    said = f"APP_ADDRESS should be a full name, got {app_address}: nginx follows no search list"
    assert (said in printed) != is_whole
