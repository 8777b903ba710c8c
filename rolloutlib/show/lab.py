"""How JupyterLab serves a workbook: what a run left is read-only there, whoever the server runs as.

The server asks the system whether a file may be written, and root may write any. JupyterLab then
saves by itself what somebody only opened, and says so in a dialog where that is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError

__all__ = ["Workbook"]


class Workbook(AsyncLargeFileManager):
    """The server's files; one without any permission to write is read-only, to root as well."""

    def is_writable(self, path: str) -> bool:
        """Whether JupyterLab may save a file: else it says "read-only" and saves nothing by itself.

        Args:
            path: of the file, as the server names it.
        """
        manager: Any = super()  # its stubs leave paths and models open
        return bool(manager.is_writable(path)) and not self._is_as_it_ran(path)

    async def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Save a file, but for one that is as its run left it, whichever program asks.

        Args:
            model: what to save.
            path: of the file, as the server names it.

        Raises:
            tornado.web.HTTPError: it is read-only; JupyterLab shows the sentence.
        """
        if self._is_as_it_ran(path):
            name = Path(path).name
            why = "is as its run left it; save what you changed under another name (File, Save As)"
            raise HTTPError(403, f"{name} {why}")
        manager: Any = super()
        return await manager.save(model, path)

    def _is_as_it_ran(self, path: str) -> bool:
        file = Path(self.root_dir, path.strip("/"))
        return file.is_file() and not file.stat().st_mode & 0o222
