"""Asks a domain's parent for its delegation, past every cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

_SERVERS_ASKED = 4  # of a zone that may have 13; each silent one costs the timeout


class DnsError(RuntimeError):
    """The DNS could not be asked from this machine: nothing is known about the domain."""


@dataclass(frozen=True, kw_only=True)
class AtParent:
    """A domain's records at its parent; names are lower case without a last dot."""

    parent: str
    name_servers: frozenset[str]  # empty: not delegated
    has_ds: bool  # validating resolvers accept signed answers alone


class Dns:
    """Questions with a bound of `timeout` seconds each.

    `resolvers` and `port` are for tests: none means the machine's own resolvers, and every server
    is asked at the port.
    """

    def __init__(
        self, *, resolvers: tuple[str, ...] = (), port: int = 53, timeout: float = 3
    ) -> None:
        self._resolvers, self._port, self._timeout = resolvers, port, timeout

    def at_parent(self, domain: str) -> AtParent:
        """Ask a server of the enclosing zone. Raises DnsError where nobody answers."""
        try:
            return self._at_parent(dns.name.from_text(domain))
        except (dns.exception.DNSException, OSError) as error:
            raise DnsError(f"the DNS does not answer ({error})") from None

    def _at_parent(self, domain: dns.name.Name) -> AtParent:
        parent, servers = self._enclosing_zone(domain.parent())
        delegation = self._ask(servers, domain, dns.rdatatype.NS)
        ds = self._ask(servers, domain, dns.rdatatype.DS)
        return AtParent(
            parent=_text(parent),
            # A referral stands in the authority section; a server of both zones answers itself.
            name_servers=frozenset(
                _text(record.target)
                for records in (*delegation.answer, *delegation.authority)
                if records.rdtype == dns.rdatatype.NS and records.name == domain
                for record in records
            ),
            has_ds=any(records.rdtype == dns.rdatatype.DS for records in ds.answer),
        )

    def _enclosing_zone(self, name: dns.name.Name) -> tuple[dns.name.Name, list[str]]:
        """Return the nearest zone that holds the name, and the names of its servers."""
        resolver = self._resolver()
        while True:
            try:
                answer = resolver.resolve(name, "NS", raise_on_no_answer=False)
            except dns.resolver.NXDOMAIN:
                answer = None
            if answer is not None and answer.rrset is not None:
                return name, sorted(_text(record.target) for record in answer.rrset)
            if name == dns.name.root:
                raise DnsError("the DNS does not answer (no resolver knows the root's servers)")
            name = name.parent()

    def _ask(
        self, servers: list[str], name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> dns.message.Message:
        """Return the answer of the first server that gives one."""
        last: Exception = DnsError("no server has an address")
        for address in islice(self._addresses(servers), _SERVERS_ASKED):
            query = dns.message.make_query(name, kind)
            query.flags &= ~dns.flags.RD  # what the server knows, not what a cache remembers
            try:
                answer, _ = dns.query.udp_with_fallback(
                    query, address, timeout=self._timeout, port=self._port
                )
            except (dns.exception.DNSException, OSError) as error:
                last = error
                continue
            if answer.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return answer
            last = DnsError(f"{address} answers {dns.rcode.to_text(answer.rcode())}")
        raise last

    def _addresses(self, servers: list[str]) -> Iterator[str]:
        resolver = self._resolver()
        for server in servers:
            try:
                yield from (record.address for record in resolver.resolve(server, "A"))
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                continue

    def _resolver(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=not self._resolvers)
        if self._resolvers:
            resolver.nameservers = list(self._resolvers)
            resolver.port = self._port
        resolver.lifetime = self._timeout
        return resolver


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
