"""Parts of libraries that no review uses: they are not there while the library is imported."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["DEBUGGER", "FORMATS", "HADOOP", "without"]

# jsonschema's checks of international URLs (their grammars take 2 s to compile) and durations.
FORMATS: Final = ("rfc3987_syntax", "isoduration")
HADOOP: Final = ("pyarrow",)  # papermill's, for notebooks on HDFS; it brings numpy along
DEBUGGER: Final = ("debugpy",)  # ipykernel's; nobody steps through a process that nobody sees


class _Absent(MetaPathFinder):
    """Finds no module of these names, whoever else would."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        self.modules = modules

    def find_spec(self, fullname: str, *_: Any) -> None:  # noqa: ANN401 -- importlib's own
        """Leave other modules to others."""
        if fullname in self.modules:
            raise ModuleNotFoundError(fullname, name=fullname)


@contextmanager
def without(*modules: str) -> Generator[None]:
    """Import libraries as if these modules, which they treat as optional, were not installed.

    Args:
        modules: their names; what is imported already stays as it is.
    """
    finder = _Absent(modules)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


__dir__ = __all__.copy  # what completion lists
