"""A program of its own: BentoML's containerize with exactly the builder's arguments that it is given.

It runs in the Python that BentoML is installed in, which need not be the one of ekiben: it imports nothing else.
The command line `bentoml containerize` cannot be used because it joins several `--opt volume=` into one.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
from typing import Any


def main(text: str) -> int:
    """`text` is JSON: bento, name, executable, buildkit, arguments. 0 when the image was built."""
    # Its overloads know BentoML's own builders only.
    containers: Any = importlib.import_module("bentoml.container")
    order: dict[str, Any] = json.loads(text)
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    logging.getLogger("bentoml").propagate = True

    def arguments(*, context_path: str, file: str, **_: Any) -> list[str]:
        return [*order["arguments"], "--file", file, context_path]

    backend = f"ekiben-{order['name']}"
    containers.register_backend(
        backend,
        binary=order["executable"],
        buildkit_support=order["buildkit"],
        health=lambda: True,
        construct_build_args=arguments,
    )
    # The builder's own words have been printed by now; BentoML logs its failure and answers None.
    return 0 if containers.build(order["bento"], backend) is not None else 1


if __name__ == "__main__":
    # This file's folder is no place to import from: its neighbours have names that libraries might ask for.
    sys.path[:] = [entry for entry in sys.path if entry != os.path.dirname(os.path.abspath(__file__))]  # noqa: PTH100, PTH120
    sys.exit(main(sys.argv[1]))
