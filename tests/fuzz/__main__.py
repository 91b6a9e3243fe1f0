"""`make fuzz`: random input at the doors where people's input comes in."""

from __future__ import annotations

import argparse
import random

from tests.expressions.fuzz import fuzz as fuzz_expressions
from tests.fuzz.definitions import fuzz as fuzz_definitions

TARGETS = {"expressions": fuzz_expressions, "definitions": fuzz_definitions}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}")
    for name, fuzz in TARGETS.items():
        print(f"{name}: {fuzz(chosen.seed, chosen.seconds)} inputs, all as they should be")
