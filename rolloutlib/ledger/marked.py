"""A page that people and rollout write together: ours stands between two marks, theirs around it.

What people wrote keeps its bytes, whatever its encoding and line ends.
"""

from __future__ import annotations

from typing import Final

from rolloutlib.errors import RolloutError

__all__ = ["BEGIN", "END", "DamagedMarksError", "inside", "with_block"]

BEGIN: Final = b"<!-- rollout: from here -->"
END: Final = b"<!-- rollout: to here -->"


class DamagedMarksError(RolloutError):
    """A page's marks are not one pair, so nobody can tell what is ours; nothing was written."""


def with_block(page: bytes, ours: bytes, where: str) -> bytes:
    """Return a page in which our lines stand between its marks, and nothing else differs.

    Args:
        page: the page as it is; without marks they are added at its end.
        ours: our lines.
        where: the page's path, for the message.

    Raises:
        DamagedMarksError: one mark is missing, or there twice, or they are in the wrong order.
    """
    block = b"\n".join((BEGIN, ours.strip(b"\n"), END))
    if BEGIN not in page and END not in page:
        gap = b"" if not page else b"\n" if page.endswith(b"\n") else b"\n\n"
        return b"".join((page, gap, block, b"\n"))
    head, _, tail = _parts(page, where)
    return b"".join((head, block, tail))


def inside(page: bytes, where: str) -> bytes:
    """Return what stands between a page's marks; nothing where it has none.

    Raises:
        DamagedMarksError: as `with_block`.
    """
    return _parts(page, where)[1] if BEGIN in page or END in page else b""


def _parts(page: bytes, where: str) -> tuple[bytes, bytes, bytes]:
    counts = page.count(BEGIN), page.count(END)
    if counts != (1, 1) or page.index(BEGIN) > page.index(END):
        begins, ends = counts
        raise DamagedMarksError(
            "{where} has {begins} of the line {begin} and {ends} of {end}; expected one of each, "
            "in this order, with what rollout writes between them: mend them, or remove them all "
            "to get a new block",
            where=where, begins=begins, begin=BEGIN.decode(), ends=ends, end=END.decode(),
        )  # fmt: skip
    head, _, rest = page.partition(BEGIN)
    middle, _, tail = rest.partition(END)
    return head, middle, tail
