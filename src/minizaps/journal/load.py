"""Reading a dump (see `dump`) into an empty installation, all of it or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import orjson

from minizaps.errors import Conflict, InvalidInput
from minizaps.journal.dump import FORMAT, KIND, Counts, Target
from minizaps.journal.schema import TABLES

BATCH_ROWS = 2_000
BATCH_BYTES = 8 * 2**20
LONGEST_LINE = 64 * 2**20
Numbered = tuple[int, list[Any]]


async def import_journal(target: Target, file: BinaryIO) -> Counts:
    """Read a dump into `target`; return how many rows of each table that were.

    Raises:
        Conflict: the installation is not empty.
        InvalidInput: the dump is not whole or not right; says in which line.
    """
    await _refuse_full(target)
    dump = _Dump(file)
    await target.clear()
    for table, batch in dump.batches():
        columns, rows = dump.columns[table], [row for _, row in batch]
        try:
            await target.insert(table, columns, rows)
        except InvalidInput:
            await _insert_singly(target, table, columns, batch)
    return dump.counts


async def _refuse_full(target: Target) -> None:
    if filled := await target.filled():
        raise Conflict(
            f"the database is not empty, it has {', '.join(filled)}: import into a new one, which "
            "no server has been started on yet"
        )


async def _insert_singly(
    target: Target, table: str, columns: Sequence[str], batch: Sequence[Numbered]
) -> None:
    """Name the line that is to blame."""
    for number, row in batch:
        try:
            await target.insert(table, columns, [row])
        except InvalidInput as error:
            raise InvalidInput(f"line {number}: {error}") from None


class _Dump:
    """The lines of a dump, checked while they are read.

    Attributes:
        columns: the columns of each table, in the order of the tables.
        counts: how many rows of each table have been read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._number = 0
        self.columns = self._header()
        self.counts: Counts = dict.fromkeys(self.columns, 0)

    def batches(self) -> Iterator[tuple[str, list[Numbered]]]:
        """The rows with their lines' numbers, of one table at a time, up to the footer."""
        place = {name: number for number, name in enumerate(self.columns)}
        table, batch, size = next(iter(self.columns)), list[Numbered](), 0
        for length, (name, *values) in self._rows():
            if name != table or len(batch) == BATCH_ROWS or size > BATCH_BYTES:
                if place[name] < place[table]:
                    raise self._wrong(f"a row of {name} after those of {table}")
                if batch:
                    yield table, batch
                table, batch, size = name, [], 0
            batch.append((self._number, values))
            self.counts[name] += 1
            size += length
        if batch:
            yield table, batch

    def _header(self) -> dict[str, list[str]]:
        line, header = self._next()
        if not isinstance(header, dict) or header.get("kind") != KIND:
            raise self._wrong("not the header of a dump of Mini-Zaps (minizaps journal export)")
        if header.get("format") != FORMAT:
            raise self._wrong(
                f"the dump has format {header.get('format')}, of Mini-Zaps "
                f"{header.get('program')}; this one reads format {FORMAT}"
            )
        self._digest.update(line)
        tables = header.get("tables")
        known = {table.name: table.columns for table in TABLES}
        if not isinstance(tables, dict) or list(tables) != list(known):
            raise self._wrong(f"the tables are not {', '.join(known)}")
        for name, columns in tables.items():
            if unknown := sorted(set(columns) - set(known[name])):
                raise self._wrong(
                    f"this Mini-Zaps does not know {name}.{unknown[0]}; the dump is of "
                    f"{header.get('program')}"
                )
        return tables

    def _rows(self) -> Iterator[tuple[int, list[Any]]]:
        widths = {name: len(columns) for name, columns in self.columns.items()}
        while True:
            line, value = self._next()
            if isinstance(value, dict):
                self._check_footer(value)
                return
            if not isinstance(value, list) or not value or value[0] not in self.columns:
                raise self._wrong("neither a row of a known table nor the footer")
            if len(value) - 1 != widths[value[0]]:
                raise self._wrong(
                    f"{len(value) - 1} values for {value[0]}, which has {widths[value[0]]} columns"
                )
            self._digest.update(line)
            yield len(line), value

    def _check_footer(self, footer: dict[str, Any]) -> None:
        if footer.get("rows") != self.counts:
            raise self._wrong(f"the footer says {footer.get('rows')}, there were {self.counts}")
        if footer.get("sha256") != self._digest.hexdigest():
            raise self._wrong("the dump is not as it was written: its checksum is another")
        if self._file.read(1):
            raise self._wrong("there is more after the footer")

    def _next(self) -> tuple[bytes, Any]:
        """The next line, as bytes and as JSON."""
        self._number += 1
        line = self._file.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            if len(line) == LONGEST_LINE:
                raise self._wrong(f"longer than {LONGEST_LINE >> 20} MiB")
            raise self._wrong("the dump ends here, without its footer: it was cut off")
        try:
            return line, orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise self._wrong(f"not JSON: {error}") from None

    def _wrong(self, what: str) -> InvalidInput:
        return InvalidInput(f"line {self._number}: {what}")
