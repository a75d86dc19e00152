"""The graph as a picture: layered from what a step needs to what needs it. SVG, byte-equal each time.

No times in it: a saved notebook's pictures are compared by the regression test.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from chalicelib.graph import Graph

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 168, 46, 56, 16, 12
FILLS = {"input": "#f4f4f5", "task": "#dbeafe", "step": "#ffffff", "decide": "#dcfce7"}
FILLS |= {"use_case": "#dcfce7", "capability": "#fef3c7", "provider": "#f4f4f5"}
STROKES = {"input": "#a1a1aa", "task": "#2563eb", "step": "#52525b", "decide": "#16a34a"}
STROKES |= {"use_case": "#16a34a", "capability": "#d97706", "provider": "#a1a1aa"}
LINES, DASHES = {False: "#a1a1aa", True: "#16a34a"}, {False: "", True: ' stroke-dasharray="5 4"'}
TITLE_LIMIT, RESULT_LIMIT, LONG = 24, 26, 20  # characters that fit a box, and from which on the letters are smaller


@dataclass(frozen=True, slots=True)
class Box:
    name: str
    kind: str
    result: str
    x: int
    y: int


def draw(graph: Graph, results: dict[str, str]) -> str:
    """The graph as SVG; ``results`` are shown under the steps' names, shortened."""
    layers = _layers(graph)
    boxes = {box.name: box for column, names in enumerate(layers) for box in _column(graph, column, names, results)}
    width = len(layers) * (WIDTH + GAP_X) - GAP_X + 2 * MARGIN
    height = max(len(names) for names in layers) * (HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    edges = [edge(boxes[need], boxes[step.name]) for step in graph.steps for need in step.needs if need in boxes]
    return svg(width, height, [*edges, *map(_box, boxes.values())])


def page(boxes: list[Box], edges: list[str]) -> str:
    """Boxes and lines as SVG."""
    width, height = max(box.x for box in boxes) + WIDTH + MARGIN, max(box.y for box in boxes) + HEIGHT + MARGIN
    return svg(width, height, [*edges, *map(_box, boxes)])


def svg(width: int, height: int, parts: list[str]) -> str:
    """A picture of its own, on white."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="system-ui, sans-serif" style="background:#ffffff" role="img">'
        f"{''.join(parts)}</svg>"
    )


def _layers(graph: Graph) -> list[list[str]]:
    """Names by depth: inputs first, each step one layer after the last it needs."""
    depth: dict[str, int] = {}
    for step in graph.steps:
        inputs = [need for need in step.needs if need not in graph.by_name and need not in ("models", "history")]
        depth.update(dict.fromkeys(inputs, 0))
        depth[step.name] = 1 + max((depth[need] for need in step.needs if need in depth), default=0)
    depth |= _where_needed(graph, depth)
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, layer in depth.items():
        layers[layer].append(name)
    return [layer for layer in _ordered(graph, layers) if layer]


def _where_needed(graph: Graph, depth: dict[str, int]) -> dict[str, int]:
    """Input → the layer before the first step that needs it."""
    inputs = [name for name in depth if name not in graph.by_name]
    return {name: min(depth[step.name] for step in graph.steps if name in step.needs) - 1 for name in inputs}


def _ordered(graph: Graph, layers: list[list[str]]) -> list[list[str]]:
    """Each layer sorted by the middle of what its steps need, which keeps lines from crossing."""
    rows: dict[str, float] = {}
    for layer in layers:
        for row, name in enumerate(layer):
            needs = graph.by_name[name].needs if name in graph.by_name else ()
            known = [rows[need] for need in needs if need in rows]
            rows[name] = sum(known) / len(known) if known else float(row)
        layer.sort(key=lambda name: (rows[name], name))
        rows.update({name: float(row) for row, name in enumerate(layer)})
    return layers


def _column(graph: Graph, column: int, names: list[str], results: dict[str, str]) -> list[Box]:
    return [
        Box(
            name,
            graph.by_name[name].kind if name in graph.by_name else "input",
            results.get(name, ""),
            MARGIN + column * (WIDTH + GAP_X),
            MARGIN + row * (HEIGHT + GAP_Y),
        )
        for row, name in enumerate(names)
    ]


def edge(source: Box, target: Box, dashed: bool = False) -> str:
    """A line from the right of one box to the left of another."""
    x1, y1 = source.x + WIDTH, source.y + HEIGHT // 2
    x2, y2 = target.x, target.y + HEIGHT // 2
    bend = (x2 - x1) // 2
    curve = f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}"
    return f'<path d="{curve}" fill="none" stroke="{LINES[dashed]}"{DASHES[dashed]}/>'


def _box(box: Box) -> str:
    middle = box.x + WIDTH // 2
    size = 13 if len(box.name) < LONG else 12
    title = _text(middle, box.y + (19 if box.result else 28), size, "#18181b", box.name, TITLE_LIMIT)
    result = _text(middle, box.y + 36, 11, "#52525b", box.result, RESULT_LIMIT) if box.result else ""
    return (
        f'<g><title>{escape(box.kind)} {escape(box.name)}</title><rect x="{box.x}" y="{box.y}" width="{WIDTH}" '
        f'height="{HEIGHT}" rx="8" fill="{FILLS[box.kind]}" stroke="{STROKES[box.kind]}"/>{title}{result}</g>'
    )


def _text(x: int, y: int, size: int, fill: str, words: str, limit: int) -> str:
    short = words if len(words) <= limit else words[: limit - 1] + "…"
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" text-anchor="middle">{escape(short)}</text>'
