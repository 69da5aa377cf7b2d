"""Reads the migrations with PostgreSQL's own parser: what of each cannot be known to only add.

The second opinion beside the trial on a scratch copy (service.operations.judgement), without a
database and before a release: what it cannot read, such as a DO block, counts as breaking. It runs
where migrations are written; no image carries the parser. `make migrations`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pglast import ast as _ast
from pglast import parse_sql
from pglast.enums import AlterTableType, ConstrType, ObjectType

# Its types say that every field may be missing, whatever PostgreSQL's grammar says.
ast: Any = _ast
FOLDER = Path(__file__).parents[1] / "service" / "migrations"
# What is new and touches nothing that was there.
_NEW = (
    ast.CommentStmt,
    ast.CompositeTypeStmt,
    ast.CreateDomainStmt,
    ast.CreateEnumStmt,
    ast.CreateExtensionStmt,
    ast.CreateRangeStmt,
    ast.CreateSeqStmt,
    ast.CreateStatsStmt,
)
# What is new of a table, and so harmless on a new one alone.
_OF_TABLE = {
    ast.IndexStmt: ("relation", "locks and reads a table that is in use"),
    ast.CreatePolicyStmt: ("table", "changes which rows old code sees"),
    ast.CreateTrigStmt: ("relation", "runs in old code's writes"),
    ast.RuleStmt: ("relation", "changes what old code's statements do"),
}
_COUNTED = {"serial", "serial2", "serial4", "serial8", "bigserial", "smallserial"}
_FOLLOWS = {"c", "n", "d"}  # ON DELETE CASCADE, SET NULL, SET DEFAULT


def breaks(text: str) -> list[str]:
    """Return what of a migration may do more than add, each with its line; [] for none.

    Raises pglast.parser.ParseError for what is no SQL.
    """
    made: set[str] = set()
    statements = list(parse_sql(text) or ())
    found = []
    for raw in statements:
        start = raw.stmt_location or 0
        begin = start + len(text[start:]) - len(text[start:].lstrip())
        line = text.count("\n", 0, begin) + 1
        reasons = list(_reasons(raw.stmt, made))
        if _validates(raw.stmt) and not all(_validates(each.stmt) for each in statements):
            reasons.append("reads a table, beside what holds its writers up")
        found += [f"line {line}: {reason}" for reason in reasons]
    return found


def _reasons(node: Any, made: set[str]) -> Iterator[str]:
    """Yield why a statement may do more than add; note what it makes."""
    match node:
        case ast.CreateStmt():
            made.add(node.relation.relname)
            yield from _of_new_table(node, made)
        case ast.AlterTableStmt(relation=relation) if relation.relname not in made:
            for command in node.cmds:
                is_table = node.objtype == ObjectType.OBJECT_TABLE
                yield from _of_old_table(command, made, is_table=is_table)
        case ast.InsertStmt(relation=relation):
            if relation.relname not in made:
                yield f"writes rows of {relation.relname}"
            elif not getattr(node.selectStmt, "valuesLists", None):
                yield "copies rows, which go on changing"
        case ast.AlterEnumStmt(typeName=name):
            if name[-1].sval not in made:
                yield "old code may read a value that it does not know"
        case ast.ViewStmt(replace=True) | ast.CreateFunctionStmt(replace=True):
            yield "replaces what old code may use"
        case ast.GrantStmt(is_grant=False):
            yield "takes a right away"
        case ast.CreateEnumStmt(typeName=name):
            made.add(name[-1].sval)
        case _ if type(node) in _OF_TABLE:
            where, reason = _OF_TABLE[type(node)]
            if getattr(node, where).relname not in made:
                yield reason
        case ast.VacuumStmt(is_vacuumcmd=False) | ast.GrantStmt() | ast.AlterTableStmt():
            return
        case ast.ViewStmt() | ast.CreateFunctionStmt():
            return
        case _ if not isinstance(node, _NEW):
            yield f"{type(node).__name__} is not known to only add"


def _of_new_table(node: Any, made: set[str]) -> Iterator[str]:
    parents = [each.relname for each in node.inhRelations or () if each.relname not in made]
    if parents and node.partbound is None:
        yield f"its rows show among those of {', '.join(parents)}"
    elif parents and not node.partbound.is_default:
        yield f"may read the default partition of {', '.join(parents)}"
    for each in node.tableElts or ():
        for constraint in (each, *(getattr(each, "constraints", None) or ())):
            yield from _of_reference(constraint, made)


def _of_old_table(command: Any, made: set[str], *, is_table: bool) -> Iterator[str]:
    if command.subtype == AlterTableType.AT_ValidateConstraint:
        return
    if command.subtype != AlterTableType.AT_AddColumn or not is_table:
        yield f"{AlterTableType(command.subtype).name} changes what is in use"
        return
    column = command.def_
    constraints = {each.contype: each for each in column.constraints or ()}
    if column.typeName.names[-1].sval in _COUNTED:
        yield f"numbers every row for {column.colname}"
    if ConstrType.CONSTR_NOTNULL in constraints and ConstrType.CONSTR_DEFAULT not in constraints:
        yield f"old code's inserts leave {column.colname} out"
    for kind, constraint in constraints.items():
        if kind == ConstrType.CONSTR_DEFAULT:
            if not _is_constant(constraint.raw_expr):
                yield f"computes {column.colname}, for each row or on each server for itself"
        elif kind == ConstrType.CONSTR_FOREIGN:
            yield from _of_reference(constraint, made)
        elif kind not in (ConstrType.CONSTR_NOTNULL, ConstrType.CONSTR_NULL):
            yield f"{ConstrType(kind).name} of {column.colname} reads or rewrites every row"


def _of_reference(node: Any, made: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Constraint) and node.contype == ConstrType.CONSTR_FOREIGN:
        old = node.pktable.relname not in made
        if old and (node.fk_del_action or "a") not in _FOLLOWS:
            yield f"old code's deletes of {node.pktable.relname} fail where a new row refers to one"


def _is_constant(expression: Any) -> bool:
    if isinstance(expression, ast.TypeCast):
        return _is_constant(expression.arg)
    return isinstance(expression, ast.A_Const)


def _validates(node: Any) -> bool:
    return isinstance(node, ast.AlterTableStmt) and all(
        each.subtype == AlterTableType.AT_ValidateConstraint for each in node.cmds
    )


def main() -> int:
    """Print every migration with what may break old code; return 1 for the transaction store's."""
    code = 0
    for path in sorted(FOLDER.glob("*/[0-9]*.sql")):
        if ".revert" in path.suffixes:
            continue
        found = breaks(path.read_text())
        print(f"{path.parent.name}/{path.name}: {'may break' if found else 'only adds'}")
        for reason in found:
            print(f"  {reason}")
        if found and path.parent.name == "transaction":
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
