"""A template's text, and errors that point into it."""

from __future__ import annotations

from bisect import bisect_right

from minizaps.errors import ExpressionError, ExpressionSyntaxError


class Source:
    """The text of a template."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = [0]
        while newline := text.find("\n", self._lines[-1]) + 1:
            self._lines.append(newline)

    def position(self, at: int) -> tuple[int, int]:
        """Line and column, both counted from 1, of an offset."""
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def error(self, at: int, message: str) -> ExpressionError:
        """An evaluation failed at an offset."""
        line, column = self.position(at)
        return ExpressionError(message, line=line, column=column)

    def syntax_error(self, at: int, message: str) -> ExpressionSyntaxError:
        """The text cannot be read at an offset."""
        line, column = self.position(at)
        return ExpressionSyntaxError(message, line=line, column=column, source=self.text)
