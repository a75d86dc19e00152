"""Work shared by several processes: the same results in the same order, and a process that dies is seen."""

from __future__ import annotations

import os
from typing import Any

import pytest

from workbench import make, share
from workbench.build import build

PARENT = os.getpid()


@pytest.mark.parametrize("count", [0, 1, 2, 7, 40])
@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_results_come_in_the_order_of_the_items(count: int, processes: int) -> None:
    assert share.share(lambda item: item * item, range(count), processes) == [item * item for item in range(count)]


def test_results_larger_than_a_pipe_arrive_whole() -> None:
    assert share.share(lambda item: "x" * item, [3_000_000, 2_000_000, 1_000_000], 2)[1] == "x" * 2_000_000


@pytest.mark.parametrize("status", [0, 3])
def test_a_process_that_exported_code_ends_is_seen(status: int) -> None:
    def ending(item: int) -> int:
        if item == 1:
            os._exit(status)
        return item

    with pytest.raises(share.Died):
        share.share(ending, range(4), 2)


def test_a_build_by_several_processes_writes_the_same(project: Any, another: Any, sound: Any, notebooks: Any) -> None:
    broken = sorted((notebooks / "broken").glob("*.ipynb"))
    assert len(broken) > make.WORTH_SHARING
    for made in (project, another):
        for number in range(make.WORTH_SHARING):
            made.notebook(f"review_{number}", sound(parameters=f"faces_max: int = {number}"))
        for path in broken:
            made.file(f"usecases/{path.name}", path.read_bytes())
    alone, together = build(project), build(another, processes=3)
    assert (alone.problems, alone.changes) == (together.problems, together.changes)
    for path in project.generated.iterdir():
        assert path.read_bytes() == (another.generated / path.name).read_bytes()
