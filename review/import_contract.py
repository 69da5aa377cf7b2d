"""The contract of a room: what its modules may import, where everything else is refused.

A list of what is forbidden holds only what somebody thought of; this one names what is allowed, so
a new package, of ours or of a registry, is refused until a contract admits it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class RoomContract(Contract):
    """A contract of import-linter over one package: `may_import` names packages, ours and others'.

    The standard library is allowed, but for what `never` names. A package inside a room that is
    listed in `apart` has a contract of its own, and the room imports it only where it says so.
    """

    type_name = "room"

    room = fields.StringField()
    may_import = fields.SetField(subfield=fields.StringField(), required=False)
    never = fields.SetField(subfield=fields.StringField(), required=False)
    apart = fields.SetField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return whether the room keeps to its list, with every import that does not."""
        wrong = sorted(
            {
                (importer, imported)
                for importer in graph.modules
                if _within(importer, [self._room]) and not _within(importer, self._names("apart"))
                for imported in graph.find_modules_directly_imported_by(importer)
                if not self._allows(imported)
            }
        )
        return ContractCheck(
            kept=not wrong,
            metadata={"wrong": [(*pair, list(_lines(graph, *pair))) for pair in wrong]},
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each import that is not allowed, with the line that it stands on."""
        for importer, imported, lines in check.metadata["wrong"]:
            where = ", ".join(f"l.{line}" for line in lines)
            output.print_error(f"{importer} may not import {imported} ({where})")

    def _allows(self, imported: str) -> bool:
        if _within(imported, self._names("never")):
            return False
        if _within(imported, self._names("may_import")):
            return True
        if _within(imported, [self._room]) and not _within(imported, self._names("apart")):
            return True
        return imported.partition(".")[0] in sys.stdlib_module_names

    def _names(self, option: str) -> Iterable[str]:
        return getattr(self, option) or ()

    @property
    def _room(self) -> str:
        return str(self.room)  # a field's class attribute until the contract is configured


def _within(module: str, packages: Iterable[str]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in packages)


def _lines(graph: ImportGraph, importer: str, imported: str) -> Iterator[int]:
    for each in graph.get_import_details(importer=importer, imported=imported):
        yield each["line_number"]
