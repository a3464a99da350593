"""A folder as a store; the default, for a machine of one's own."""

from __future__ import annotations

from pathlib import Path

from obstore.store import LocalStore

from speech.errors import StoreError
from speech.stores import EXPIRES_IN, check_key
from speech.stores.objects import ObjectStore

__all__ = ["FolderStore"]


class FolderStore(ObjectStore):
    """Objects as files below `root`, which is made if it is missing.

    Raises:
        StoreError: the folder cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.expanduser().absolute()
        try:
            self._root.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise StoreError(f"The folder {root} cannot be used as a store: {fault.strerror}.") from None
        super().__init__(LocalStore(prefix=self._root), f"the folder {self._root}", typed=False)

    def presign(self, key: str, expires_in: int = EXPIRES_IN) -> str:
        """A `file://` URL; it does not expire."""
        self.head(key)
        return (self._root / check_key(key)).as_uri()
