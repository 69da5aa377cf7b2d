"""CloudWatch's metric math, as far as an alarm needs it: one number per period.

An expression is read by Python's own grammar, which it shares but for AND, OR and `^`; a value that
is missing makes what is computed from it missing, and so does a division by zero.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping

Value = float | None

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_OF_ALL: dict[str, Callable[[list[float]], float]] = {
    "SUM": sum,
    "MIN": min,
    "MAX": max,
    "AVG": lambda values: sum(values) / len(values),
}
_OF_ONE: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": math.ceil,
    "FLOOR": math.floor,
}


def evaluate(expression: str, values: Mapping[str, Value]) -> Value:
    """Return the expression's value for one period, whose metrics have `values`.

    Raises ValueError for what is no expression or uses a function that is not known here.
    """
    text = re.sub(r"&&|\bAND\b", " and ", expression)
    text = re.sub(r"\|\||\bOR\b", " or ", text).replace("^", "**")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        raise ValueError(f"'Expression' should be metric math, got {expression!r}") from None
    return _value(tree, values)


def _value(node: ast.expr, values: Mapping[str, Value]) -> Value:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.Name):
        if node.id not in values:
            raise ValueError(f"no metric has the Id '{node.id}'")
        return values[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _both(_BINARY[type(node.op)], node.left, node.right, values)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
        return _both(_COMPARE[type(node.ops[0])], node.left, node.comparators[0], values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _value(node.operand, values)
        return None if inner is None else -inner
    if isinstance(node, ast.BoolOp):
        parts = [bool(_value(part, values)) for part in node.values]
        return float(all(parts) if isinstance(node.op, ast.And) else any(parts))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _call(node.func.id, node.args, values)
    raise ValueError(f"'Expression' should be metric math that alarms know: {ast.unparse(node)}")


def _both(
    combine: Callable[[float, float], float],
    left: ast.expr,
    right: ast.expr,
    values: Mapping[str, Value],
) -> Value:
    first, second = _value(left, values), _value(right, values)
    if first is None or second is None:
        return None
    try:
        return float(combine(first, second))
    except (ZeroDivisionError, OverflowError):
        return None


def _call(name: str, arguments: list[ast.expr], values: Mapping[str, Value]) -> Value:
    if name == "IF":
        chosen = _value(arguments[0], values)
        if chosen is None:
            return None
        if not chosen and len(arguments) < 3:
            return None
        return _value(arguments[1 if chosen else 2], values)
    if name == "FILL":
        value = _value(arguments[0], values)
        return _value(arguments[1], values) if value is None else value
    if name in _OF_ONE:
        value = _value(arguments[0], values)
        return None if value is None else float(_OF_ONE[name](value))
    if name in _OF_ALL:
        known = [value for value in _list(arguments, values) if value is not None]
        return float(_OF_ALL[name](known)) if known else None
    raise ValueError(f"'{name}' should be a function that alarms know here")


def _list(arguments: list[ast.expr], values: Mapping[str, Value]) -> list[Value]:
    items = [i for a in arguments for i in (a.elts if isinstance(a, ast.List) else [a])]
    return [_value(item, values) for item in items]
