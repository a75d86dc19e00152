"""What a notebook decides by, read from its code without running it: parameters, steps, tasks, contract.

A notebook that does not build any more has an outline all the same, of whatever can be parsed.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from workbench.bindings import Function, walk
from workbench.draft import PARAMETERS, Draft
from workbench.essence import essence
from workbench.fingerprint import fingerprints
from workbench.rules.contract import is_task, is_task_decorator

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Parameter:
    """``value`` is the default, as JSON where it is a literal and as written elsewhere."""

    value: Any
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class Task:
    """How a task is run, as written in its decorator; "" where nothing is written."""

    timeout: str = ""
    fallback: str = ""


@dataclass(frozen=True)
class Outline:
    """One notebook's code."""

    draft: Draft
    _named: dict[ast.stmt, set[str]] = field(default_factory=dict, repr=False, compare=False)
    _sources: dict[tuple[str, ast.stmt], str] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def lines(self) -> list[str]:
        return self.draft.code.split("\n")

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        trees = [parsed.tree for parsed in self.draft.exported if PARAMETERS in parsed.cell.tags and parsed.tree]
        return {
            node.target.id: Parameter(_value(node.value), ast.unparse(node.annotation), self._comment(node))
            for tree in trees
            for node in tree.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
        }

    def _comment(self, node: ast.stmt) -> str:
        rest = self.lines[(node.end_lineno or 1) - 1].encode()[node.end_col_offset :].decode()
        return rest.partition("#")[2].strip()

    @cached_property
    def steps(self) -> dict[str, Function]:
        """What ``decide`` reaches by the names of arguments; without ``decide``, every function."""
        functions = {name: node for name, (_, node) in self.draft.functions.items()}
        if "decide" not in functions:
            return functions
        found: dict[str, Function] = {}
        waiting = ["decide"]
        while waiting:
            name = waiting.pop()
            if name in functions and name not in found:
                found[name] = functions[name]
                waiting += [argument.arg for argument in functions[name].args.args]
        return {name: node for name, node in functions.items() if name in found}

    @cached_property
    def tasks(self) -> dict[str, Task]:
        return {name: _task(node) for name, node in self.steps.items() if is_task(node)}

    @cached_property
    def fingerprints(self) -> dict[str, dict[str, Any]]:
        return fingerprints(self.draft)

    @cached_property
    def parts(self) -> dict[str, dict[str, str]]:
        """Step -> the names it reaches, its own first, each with the digest of its source."""
        return {name: {name: self._own(node), **self._helpers(node)} for name, node in self.steps.items()}

    @cached_property
    def uses(self) -> dict[str, list[str]]:
        """Parameter -> the steps whose logic reaches it."""
        reached = {name: self._reached(node) for name, node in self.steps.items()}
        return {name: [step for step in self.steps if name in reached[step]] for name in self.parameters}

    def _reached(self, node: Function) -> set[str]:
        """The exported names that a step's code names, and what those name in turn.

        Narrower than a fingerprint's reach, which takes in every doubt: here a local name is no helper.
        """
        seen: set[str] = set()
        told = {*self.parameters, "Request", "Decision"}
        waiting = _named([each for each in walk(node) if each is not node], node) - {node.name}
        while waiting:
            name = waiting.pop()
            seen.add(name)
            for _, statement in self.draft.bindings.get(name, ()) if name not in told else ():
                waiting |= self._names_in(statement) - seen
        return {name for name in seen if name in self.draft.bindings}

    def _names_in(self, statement: ast.stmt) -> set[str]:
        """What a statement names; asked for by every step that reaches it."""
        if statement not in self._named:
            self._named[statement] = _named(self.draft.nodes_of(statement), statement)
        return self._named[statement]

    def _own(self, node: Function) -> str:
        """A step's own source, its marker as a task aside."""
        others = [each for each in node.decorator_list if not is_task_decorator(each)]
        texts = [essence(self.lines, each, each.lineno, walk(each)) for each in others]
        return _digest([*texts, essence(self.lines, node, node.lineno, self.draft.nodes_of(node))])

    def _helpers(self, node: Function) -> dict[str, str]:
        """Parameters and contract aside: those are told by themselves."""
        names = self._reached(node) - {*self.parameters, "Request", "Decision", node.name}
        bindings = self.draft.bindings
        return {name: _digest([self._source(name, each) for _, each in bindings[name]]) for name in sorted(names)}

    def _source(self, name: str, statement: ast.stmt) -> str:
        """A statement's source; of an import only what it says of one name."""
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            origin = getattr(statement, "module", "")
            return f"{origin} " + " ".join(each.name for each in statement.names if name in (each.asname, each.name))
        if (name, statement) not in self._sources:
            first = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", ()))])
            text = essence(self.lines, statement, first, self.draft.nodes_of(statement))
            self._sources[name, statement] = text
        return self._sources[name, statement]

    @cached_property
    def contract(self) -> str:
        """All that Request and Decision are made of, docstrings and comments too: the same text, the same schemas."""
        statements = {each for name in ("Request", "Decision") for _, each in self.draft.bindings.get(name, ())}
        names = {node.id for each in statements for node in self.draft.nodes_of(each) if isinstance(node, ast.Name)}
        seen: set[str] = set()
        while names - seen:
            name = (names - seen).pop()
            seen.add(name)
            for _, statement in self.draft.bindings.get(name, ()):
                statements.add(statement)
                names |= {node.id for node in self.draft.nodes_of(statement) if isinstance(node, ast.Name)}
        ordered = sorted(statements, key=lambda each: each.lineno)
        return "\n".join("\n".join(self.lines[each.lineno - 1 : each.end_lineno]) for each in ordered)


def _named(nodes: list[ast.AST], statement: ast.stmt) -> set[str]:
    """The names that a statement reads: not those of ``@task``, of a function's annotations, or local to it."""
    aside = [each for each in getattr(statement, "decorator_list", ()) if is_task_decorator(each)]
    if isinstance(statement, FUNCTIONS):
        aside += [each.annotation for each in nodes if isinstance(each, (ast.arg, ast.AnnAssign)) and each.annotation]
        aside += [each.returns for each in (*nodes, statement) if isinstance(each, FUNCTIONS) and each.returns]
    left_out = {id(each) for part in aside for each in walk(part)}
    local = {each.arg for each in nodes if isinstance(each, ast.arg)}
    if isinstance(statement, FUNCTIONS):
        local |= {each.id for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    read = (each for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load))
    return {each.id for each in read if id(each) not in left_out} - local


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return ast.unparse(node)


def _task(node: Function) -> Task:
    """What the decorator is given, by name."""
    call = next(each for each in node.decorator_list if is_task_decorator(each))
    given = {each.arg: ast.unparse(each.value) for each in getattr(call, "keywords", ())}
    return Task(given.get("timeout", ""), given.get("fallback", ""))


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
