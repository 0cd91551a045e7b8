"""Save one frame of the index page's figure as the README's picture.

python -m tools.site.readme_picture [PATH]     (default: book/images/hero.png)

The drawing is the one that the index page moves, `npgkit.lab.figures.hero.draw`.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from npgkit.lab.figures import hero

ROOT = Path(__file__).resolve().parents[2]
EPSILON, STRETCH = 0.012, 2.5


def save(path: Path) -> None:
    """Write the frame at `EPSILON` and `STRETCH` to `path`, reduced to 128 colours."""
    fig = hero.draw(EPSILON, STRETCH)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    fig.savefig(buffer, dpi=220, bbox_inches="tight", pad_inches=0.08)
    Image.open(buffer).convert("RGB").quantize(128).save(path, format="png", optimize=True)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "book" / "images" / "hero.png"
    save(target)
    print(f"{target}: {target.stat().st_size // 1024} KB")
