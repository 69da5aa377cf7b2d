"""The code of a function: its own package of lambda/functions, and the packages that it imports."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

LAMBDA_FOLDER = Path(__file__).parents[3] / "lambda"
_ROOT = "functions"
_COMPILED = ("**/__pycache__", "**/*.pyc")  # else running the tests changes the hash


def function_code(package: str) -> lambda_.Code:
    """Return the asset of one function; an edit of any other package leaves its hash as it is."""
    return code_of(LAMBDA_FOLDER, package_files(package))


def code_of(root: Path, files: tuple[str, ...]) -> lambda_.Code:
    """Return the asset of these files below `root`; patterns are in Docker's syntax.

    Functions import the standard library and boto3 alone, so nothing needs bundling.
    """
    return lambda_.Code.from_asset(
        str(root), ignore_mode=cdk.IgnoreMode.DOCKER, exclude=all_but(files)
    )


def all_but(files: tuple[str, ...]) -> list[str]:
    """Return the patterns, in Docker's syntax, that exclude everything but these paths."""
    return ["**", *(f"!{file}" for file in files), *_COMPILED]


@cache
def package_files(package: str) -> tuple[str, ...]:
    """Return patterns, relative to lambda/, of a package of functions and of all that it imports.

    Raises ValueError where there is no such package.
    """
    found: set[str] = set()
    open_ = {package}
    while open_:
        name = open_.pop()
        found.add(name)
        open_ |= _imported(name) - found
    return (f"{_ROOT}/__init__.py", *(f"{_ROOT}/{name}/**" for name in sorted(found)))


def _imported(package: str) -> set[str]:
    folder = LAMBDA_FOLDER / _ROOT / package
    if not (folder / "__init__.py").is_file():
        raise ValueError(f"'package' should be a folder of lambda/{_ROOT}, got '{package}'")
    return {
        module.split(".")[1]
        for file in folder.rglob("*.py")
        for module in _modules(ast.parse(file.read_text()))
        if module.startswith(f"{_ROOT}.")
    }


def _modules(tree: ast.AST) -> set[str]:
    """Return the absolute names of all modules that are imported anywhere in a file."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            # `from functions import a` names packages; `from functions.a import b` does not.
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {*inner} if node.module == _ROOT else {node.module}
    return found
