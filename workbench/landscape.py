"""The graph of use cases: who decides what, which tasks ask which capability or model, and who answers on a stage.

It is read from the manifest, so it shows what was built, frozen contracts included. Two use cases that ask the same
model meet in one node. A dashed line leads from a use case to a task of another that asks for its past decisions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from types import SimpleNamespace
from typing import Any

from chalicelib.calling.routing import Routing
from chalicelib.describing import providers
from chalicelib.manifest import Manifest
from workbench.picture import GAP_X, GAP_Y, HEIGHT, MARGIN, WIDTH, Box, draw, edge, page

KINDS = ("use_case", "task", "capability", "provider")  # in columns
SHAPES = {"use_case": ('(["', '"])'), "task": ('["', '"]'), "capability": ('{{"', '"}}'), "provider": ('[("', '")]')}
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Node:
    """A use case, one of its tasks, a capability (or one model of predict), a provider. ``of``: a task's use case."""

    id: str
    kind: str
    name: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """``kind``: has, asks, answered_by (in the order of the stage file), feeds (past decisions)."""

    source: str
    target: str
    kind: str


@dataclass(slots=True)
class Landscape:
    """Nodes in a fixed order, and the edges between them."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def add(self, node: Node) -> str:
        if node not in self.nodes:
            self.nodes.append(node)
        return node.id

    def as_dict(self) -> dict[str, Any]:
        return {"nodes": [asdict(node) for node in self.nodes], "edges": [asdict(one) for one in self.edges]}


def landscape(manifest: Manifest, stage: str) -> Landscape:
    """All use cases on a stage."""
    found, routing = Landscape(), Routing.of(manifest.stages[stage])
    for name in manifest.names:
        found.add(Node(f"use_case:{name}", "use_case", name))
    for name in manifest.names:
        for step in entry_of(manifest, name)["steps"]:
            if step["kind"] == "task":
                _add_task(found, name, step)
    asked = dict.fromkeys(edge.target for edge in found.edges if edge.kind == "asks")
    for capability in sorted(asked):
        _add_answers(found, capability, routing)
    return found


def entry_of(manifest: Manifest, name: str) -> dict[str, Any]:
    """What the manifest has of a use case: its notebook's contract, or the newest frozen one."""
    return manifest.contracts(name)[manifest.current(name)]


def _add_task(found: Landscape, name: str, step: dict[str, Any]) -> None:
    task = found.add(Node(f"task:{name}.{step['name']}", "task", step["name"], name))
    found.edges.append(Edge(f"use_case:{name}", task, "has"))
    for asked in step.get("asks", ()):
        found.edges.append(Edge(task, found.add(Node(f"capability:{asked}", "capability", asked)), "asks"))
    for past in step.get("history", ()):
        source = found.add(Node(f"use_case:{past}", "use_case", past))
        found.edges.append(Edge(source, task, "feeds"))


def _add_answers(found: Landscape, capability: str, routing: Routing) -> None:
    for provider in providers(routing, capability.removeprefix("capability:")) or [NOBODY]:
        found.edges.append(
            Edge(capability, found.add(Node(f"provider:{provider}", "provider", provider)), "answered_by")
        )


def as_mermaid(found: Landscape) -> str:
    """A flowchart for Markdown files and pull requests."""
    ids = {node.id: f"n{number}" for number, node in enumerate(found.nodes)}
    lines = ["flowchart LR"]
    for node in found.nodes:
        before, behind = SHAPES[node.kind]
        lines.append(f"  {ids[node.id]}{before}{quoted(node.name)}{behind}")
    arrows = {"feeds": "-. past decisions .->", "has": "---"}
    lines += [f"  {ids[one.source]} {arrows.get(one.kind, '-->')} {ids[one.target]}" for one in found.edges]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text within the quotes of a mermaid node."""
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")


def as_svg(found: Landscape) -> str:
    """A picture: use cases, tasks, capabilities and providers in four columns."""
    boxes = {box.name: box for box in _boxes(found)}
    edges = [edge(boxes[one.source], boxes[one.target], one.kind == "feeds") for one in found.edges]
    names = {node.id: node.name for node in found.nodes}
    shown = [Box(names[box.name], box.kind, "", box.x, box.y) for box in boxes.values()]
    return page(shown, edges)


def _boxes(found: Landscape) -> Iterable[Box]:
    """A box for each node, named by its id; each column is ordered by what it hangs on, so that few lines cross."""
    rows: dict[str, float] = {}
    for column, kind in enumerate(KINDS):
        nodes = [node for node in found.nodes if node.kind == kind]
        for node in nodes:
            before = [rows[one.source] for one in found.edges if one.target == node.id and one.kind != "feeds"]
            rows[node.id] = sum(before) / len(before) if before else float(len(rows))
        spaced = 0
        for node in sorted(nodes, key=lambda node: (rows[node.id], node.name)):
            rows[node.id] = float(spaced)
            spaced = int(rows[node.id]) + _height(found, node)
            x, y = MARGIN + column * (WIDTH + GAP_X), MARGIN + int(rows[node.id]) * (HEIGHT + GAP_Y)
            yield Box(node.id, node.kind, "", x, y)


def _height(found: Landscape, node: Node) -> int:
    """How many rows a node takes: a use case as many as it has tasks."""
    return max(1, sum(one.source == node.id and one.kind == "has" for one in found.edges))


def steps(manifest: Manifest, name: str) -> Landscape:
    """The steps of one use case with what they need: fields of the request, capabilities, the past of use cases."""
    found = Landscape()
    entry = entry_of(manifest, name)
    names = {step["name"] for step in entry["steps"]}
    for step in entry["steps"]:
        found.add(Node(step["name"], step["kind"], step["name"]))
    for step in entry["steps"]:
        for need in needs_of(step, name):
            if need not in names:
                found.add(Node(need, "input", need))
            found.edges.append(Edge(need, step["name"], "needs"))
    return found


def needs_of(step: dict[str, Any], name: str) -> list[str]:
    """A step's arguments, where `models` and `history` are said more exactly."""
    said = {
        "models": step.get("asks", ["models"]),
        "history": ["past decisions" if past == name else past for past in step.get("history", ["?"])],
    }
    return [exact for need in step["needs"] for exact in said.get(need, [need])]


def steps_svg(manifest: Manifest, name: str) -> str:
    """The same as a picture, as `show` draws it in a notebook."""
    made = [
        SimpleNamespace(name=step["name"], kind=step["kind"], needs=tuple(needs_of(step, name)))
        for step in entry_of(manifest, name)["steps"]
    ]
    graph: Any = SimpleNamespace(steps=made, by_name={step.name: step for step in made})
    return draw(graph, {})


def steps_mermaid(found: Landscape) -> str:
    """A flowchart of one use case's steps."""
    ids = {node.id: f"n{number}" for number, node in enumerate(found.nodes)}
    shapes = {"task": ('[["', '"]]'), "decide": ('(["', '"])'), "input": ('>"', '"]')}
    lines = ["flowchart LR"]
    for node in found.nodes:
        before, behind = shapes.get(node.kind, ('["', '"]'))
        lines.append(f"  {ids[node.id]}{before}{quoted(node.name)}{behind}")
    lines += [f"  {ids[one.source]} --> {ids[one.target]}" for one in found.edges]
    return "\n".join(lines) + "\n"
