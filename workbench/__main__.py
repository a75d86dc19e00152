"""``python -m workbench`` is `artemis`."""

from workbench.cli import main

main(prog_name="artemis")
