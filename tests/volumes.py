"""Volumes of ConfigMaps and Secrets as a kubelet keeps them: all files change in one step.

The files stand in a folder named for its time; ``..data`` is a link to it that is replaced as a
whole, and what a program opens are links through it. The folder of before is removed.
(kubernetes/pkg/volume/util/atomic_writer.go)
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Volume:
    """One such volume; ``mode`` is that of its files (defaultMode)."""

    folder: Path
    mode: int = 0o644
    group: str = "root"

    def write(self, files: Mapping[str, bytes]) -> None:
        """Let the volume hold these files and no others."""
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o755)
        fresh = Path(tempfile.mkdtemp(prefix="..2026_11_26_12_00_00.", dir=self.folder))
        fresh.chmod(0o755)
        for name, content in files.items():
            path = fresh / name
            path.write_bytes(content)
            path.chmod(self.mode)
            shutil.chown(path, "root", self.group)
        data = self.folder / "..data"
        old = data.resolve() if data.exists() else None
        link = self.folder / "..data_tmp"
        link.symlink_to(fresh.name)
        link.rename(data)
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        for path in self.folder.iterdir():
            if path.is_symlink() and not path.name.startswith("..") and path.name not in files:
                path.unlink()
        if old:
            shutil.rmtree(old)

    def swap_in(self, folder: Path) -> None:
        """Take the place of a folder, whose files it holds from now on."""
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        shutil.rmtree(folder)
        self.write(files)
