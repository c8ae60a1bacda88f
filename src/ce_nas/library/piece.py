"""What a reader makes of official files: pieces that are kept, each in a plain format of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd

__all__ = ["Piece"]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One file to be kept."""

    file: str
    #: rows, kept as Parquet; arrays by name, kept as npz; or a file that is kept as it is
    content: pd.DataFrame | Mapping[str, np.ndarray] | Path
    rows: int
    #: the files that it was read from
    sources: tuple[Path, ...]
    #: what a reader should know of it, a sentence each
    notes: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write the content to ``path``.

        :raises OSError: if it cannot be written.
        """
        import numpy as np
        import pandas as pd

        if isinstance(self.content, Path):
            shutil.copyfile(self.content, path)
        elif isinstance(self.content, pd.DataFrame):
            self.content.to_parquet(path, index=False)
        else:
            with path.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **self.content)
