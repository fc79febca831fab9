"""Tables and paragraphs as wide as the terminal; as wide as they need to be where the output is no terminal."""

import shutil
import sys
import textwrap
from collections.abc import Sequence

from imtrans.errors import printable

GAP = "  "
LEAST = 12  # characters of a column that is cut


def width_of_output() -> int | None:
    """The columns of the terminal; None where the output goes elsewhere: a script reads whole lines."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()  # None: the caller closed it
    return max(20, shutil.get_terminal_size().columns) if is_terminal else None


def table(rows: Sequence[Sequence[str]], *, width: int | None = None, fixed: int = 0) -> list[str]:
    """The rows as lines of equal columns, at most `width` wide: the widest columns are cut, the first `fixed` last."""
    columns = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    spare = sum(columns) + len(GAP) * (len(columns) - 1) - (width or sys.maxsize)
    others = range(fixed, len(columns))
    for group, least in ((others, LEAST), (range(fixed), LEAST), (others, LEAST // 3)):
        while spare > 0 and group and max(columns[i] for i in group) > least:
            columns[max(group, key=lambda i: columns[i])] -= 1
            spare -= 1
    return [GAP.join(f"{cut(c, n):<{n}}" for c, n in zip(row, columns, strict=True)).rstrip() for row in rows]


def cut(text: str, length: int) -> str:
    """The text in one line of at most so many characters."""
    plain = printable(" ".join(text.split(" ")).replace("\n", " "))
    return plain if len(plain) <= length else plain[: max(0, length - 3)] + "..."[:length]


def paragraph(label: str, text: str, *, indent: int = 6, width: int | None = None) -> list[str]:
    """A label, and beside it the text, which is wrapped and continues at column `indent`."""
    line = f"{label:<{indent}}{text}" if len(label) < indent else f"{label} {text}"
    if width is None:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def blocks(count: int, width: int | None) -> list[slice]:
    """Which of so many columns stand together beside one of names: several tables where not all fit."""
    each = count if width is None else max(1, (width * 2 // 3) // (LEAST + len(GAP)))
    return [slice(i, i + each) for i in range(0, count, max(1, each))]
