"""The command `minizaps` with the connectors of this folder: `python main.py serve`."""

from __future__ import annotations

import office_hours  # noqa: F401
import text_message  # noqa: F401

from minizaps.cli.main import main

if __name__ == "__main__":
    main()
