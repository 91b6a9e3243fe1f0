"""Marks in a spreadsheet that say which appends it has, so that none is made twice.

A mark is developer metadata of the sheet, made in the same request as the rows: both are there, or
neither is. Its id follows from the step's idempotency key, and ids are unique in a spreadsheet; so
a request that comes twice is refused as a whole.

A sheet holds 30,000 characters of metadata
(https://developers.google.com/workspace/sheets/api/guides/metadata). A mark takes about 30, and
about every 25th append, by its id, takes away all but the newest 400.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from minizaps.connectors.sheets_api import Place, Spreadsheet
from minizaps.errors import ConnectorError

KEY = "minizaps"
KEPT = 400
_SWEEPS = 25
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Mark:
    """The mark of one append."""

    id: int
    text: str

    @classmethod
    def of(cls, idempotency_key: str) -> Mark:
        """The mark of what has an idempotency key."""
        digest = sha256(idempotency_key.encode())
        number = int.from_bytes(digest.digest()[-4:]) & 0x7FFF_FFFF
        return cls(number or 1, digest.hexdigest()[:_DIGITS])

    async def rows(self, spreadsheet: Spreadsheet) -> int | None:
        """How many rows were added with it; None if the spreadsheet has no such mark."""
        found = await spreadsheet.metadata({"metadataId": self.id, "metadataKey": KEY})
        texts = [each.get("metadataValue", "") for each in found]
        counts = [int(t[_DIGITS + 8 :]) for t in texts if t.startswith(self.text)]
        return counts[0] if counts else None

    def request(self, place: Place, seconds: int, rows: int) -> dict[str, Any]:
        """The request that sets it.

        Args:
            seconds: the time, since 1970.
            rows: how many are added with it.
        """
        metadata = {
            "metadataId": self.id,
            "metadataKey": KEY,
            "metadataValue": f"{self.text}{seconds:08x}{rows}",
            "location": {"sheetId": place.sheet_id},
            "visibility": "PROJECT",
        }
        return {"createDeveloperMetadata": {"developerMetadata": metadata}}

    @property
    def sweeps(self) -> bool:
        """Whether old marks are to be taken away with it."""
        return self.id % _SWEEPS == 0


async def append_once(
    spreadsheet: Spreadsheet, place: Place, rows: list[list[Any]], mark: Mark
) -> int:
    """Add rows below the last one of a sheet, unless an attempt before has added them.

    Returns:
        how many were added, now or then.
    """
    appended = {
        "sheetId": place.sheet_id,
        "rows": [{"values": [{}] * place.column + list(map(_cell, row))} for row in rows],
        "fields": "userEnteredValue",
    }
    requests = [
        {"appendCells": appended},
        mark.request(place, int(spreadsheet.context.now().timestamp()), len(rows)),
        *(await _old_marks(spreadsheet, place) if mark.sweeps else ()),
    ]
    try:
        await spreadsheet.change(requests)
    except ConnectorError as error:
        # An attempt that was given up may have come in late, and taken the id.
        made = await mark.rows(spreadsheet) if error.details.get("status") == 400 else None
        if made is None:
            raise
        return made
    return len(rows)


async def _old_marks(spreadsheet: Spreadsheet, place: Place) -> list[dict[str, Any]]:
    """The requests that take away all marks of a sheet but the newest."""
    location = {"sheetId": place.sheet_id}
    found = await spreadsheet.metadata({"metadataKey": KEY, "metadataLocation": location})
    found.sort(key=lambda each: each.get("metadataValue", "")[_DIGITS:])
    return [
        {
            "deleteDeveloperMetadata": {
                "dataFilter": {"developerMetadataLookup": {"metadataId": each["metadataId"]}}
            }
        }
        for each in found[:-KEPT]
    ]


def _cell(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {}
        case bool():
            kind = "boolValue"
        case int() | float():
            kind = "numberValue"
        case _:
            kind, value = "stringValue", str(value)
    return {"userEnteredValue": {kind: value}}
