"""A spreadsheet in memory, which does what the API's reference says of the calls that we make."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

ROWS, COLUMNS = 1000, 26


class ApiError(Exception):
    """An error that the API answers with."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class Box(NamedTuple):
    """Cells of a sheet: counted from 0, the ends not among them."""

    sheet: Sheet
    top: int
    left: int
    bottom: int
    right: int

    @property
    def a1(self) -> str:
        name = self.sheet.title
        if not re.fullmatch(r"\w+", name):
            name = "'" + name.replace("'", "''") + "'"
        first = f"{chr(65 + self.left)}{self.top + 1}"
        last = f"{chr(64 + self.right)}{self.bottom}"
        return f"{name}!{first}" if first == last else f"{name}!{first}:{last}"


@dataclass
class Sheet:
    """One sheet; cells that are not there are empty."""

    id: int
    title: str
    cells: dict[tuple[int, int], Any] = field(default_factory=dict)

    @property
    def last_row(self) -> int:
        return max((row for row, _ in self.cells), default=-1)

    def put(self, row: int, column: int, value: Any) -> None:
        self.cells.pop((row, column), None)
        if value not in (None, ""):
            self.cells[row, column] = value

    def rows(self) -> list[list[Any]]:
        """All values, without empty ends."""
        return self.read(Box(self, 0, 0, ROWS, COLUMNS))

    def read(self, box: Box) -> list[list[Any]]:
        rows = []
        for row in range(box.top, min(box.bottom, self.last_row + 1)):
            values = [self.cells.get((row, c), "") for c in range(box.left, box.right)]
            while values and values[-1] == "":
                values.pop()
            rows.append(values)
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def write(self, top: int, left: int, rows: list[list[Any]], option: str) -> int:
        count = 0
        for row, values in enumerate(rows, top):
            for column, value in enumerate(values, left):
                if value is not None:  # null is skipped
                    self.put(row, column, typed(value) if option == "USER_ENTERED" else value)
                    count += 1
        return count


def typed(value: Any) -> Any:
    """What a person's typing makes of a text; formulas stay as they are here."""
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value) if "." in value else int(value)
    return {"TRUE": True, "FALSE": False}.get(value, value) if isinstance(value, str) else value


class Book:
    """A spreadsheet."""

    def __init__(self, *titles: str) -> None:
        self.sheets = [Sheet(70 * n, title) for n, title in enumerate(titles or ("Sheet1",))]
        self.metadata: dict[int, dict[str, Any]] = {}

    def box(self, text: str) -> Box:
        """The cells of a range in A1 notation."""
        name, mark, cells = text.rpartition("!")
        titles = {sheet.title: sheet for sheet in self.sheets}
        whole = text[1:-1].replace("''", "'") if text.startswith("'") else text
        if not mark and whole in titles:
            return Box(titles[whole], 0, 0, ROWS, COLUMNS)
        if name.startswith("'"):
            name = name[1:-1].replace("''", "'")
        match = re.fullmatch(r"([A-Z])?(\d+)?(?::([A-Z])?(\d+)?)?", cells)
        if match is None or (mark and name not in titles) or not cells:
            raise ApiError(400, f"Unable to parse range: {text}")
        sheet = titles[name] if mark else self.sheets[0]
        left, top, right, bottom = match.groups()
        if ":" not in cells:
            right, bottom = left, top
        return Box(
            sheet,
            int(top) - 1 if top else 0,
            ord(left) - 65 if left else 0,
            int(bottom) if bottom else ROWS,
            ord(right) - 64 if right else COLUMNS,
        )

    def change(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """All requests of a batchUpdate, or none."""
        before = deepcopy((self.sheets, self.metadata))
        try:
            return [self._change(n, *next(iter(r.items()))) for n, r in enumerate(requests)]
        except ApiError:
            self.sheets, self.metadata = before
            raise

    def _change(self, number: int, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
        where = f"Invalid requests[{number}].{kind}"
        match kind:
            case "appendCells":
                sheet = next((s for s in self.sheets if s.id == asked["sheetId"]), None)
                if sheet is None:
                    raise ApiError(400, f"{where}: No grid with id: {asked['sheetId']}")
                for row, data in enumerate(asked["rows"], sheet.last_row + 1):
                    for column, cell in enumerate(data["values"]):
                        value = cell.get("userEnteredValue", {})
                        sheet.put(row, column, next(iter(value.values()), None))
                return {}
            case "createDeveloperMetadata":
                metadata = asked["developerMetadata"]
                if metadata["metadataId"] in self.metadata:
                    raise ApiError(400, f"{where}: the metadata id is taken")
                self.metadata[metadata["metadataId"]] = metadata
                return {kind: {"developerMetadata": metadata}}
            case "deleteDeveloperMetadata":
                found = self.search([asked["dataFilter"]])
                for each in found:
                    del self.metadata[each["metadataId"]]
                return {kind: {"deletedDeveloperMetadata": found}}
        raise ApiError(400, f"{where}: not known here")

    def search(self, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The metadata that match any of some filters."""
        lookups = [each["developerMetadataLookup"] for each in filters]
        return [
            metadata
            for metadata in self.metadata.values()
            if any(
                all(metadata.get(k.replace("metadataLocation", "location")) == v
                    for k, v in lookup.items())
                for lookup in lookups
            )
        ]  # fmt: skip
