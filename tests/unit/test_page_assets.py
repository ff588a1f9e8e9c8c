"""The page's files: served by name alone, vendored unchanged, and loaded only from the page itself."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from bot.sandbox.page import assets

ROOT = Path(__file__).parents[2]
VENDOR = assets.STATIC / "vendor"
IMPORT = re.compile(r'^(?:import|export)\b[^;]*?from "([^"]+)"|^import "([^"]+)"', re.MULTILINE)


def manifest() -> dict[str, str]:
    lines = (VENDOR / "MANIFEST.txt").read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines if not line.startswith("#"))}


def test_vendored_files_are_unchanged() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir()}
    del found["MANIFEST.txt"]

    assert found == manifest()


def test_every_vendored_script_has_its_licences_beside_it() -> None:
    assert (VENDOR / "LICENSE-htm.txt").read_text(encoding="utf-8").lstrip().startswith("Apache License")
    assert (VENDOR / "LICENSE-preact.txt").read_text(encoding="utf-8").startswith("The MIT License")


@pytest.mark.parametrize("name", [name for name in assets.names() if name.endswith(".js")])
def test_a_module_imports_only_files_that_exist(name: str) -> None:
    folder = (assets.STATIC / name).parent
    source = (assets.STATIC / name).read_text(encoding="utf-8")
    imported = [first or second for first, second in IMPORT.findall(source)]

    assert [each for each in imported if not each.startswith("./") or not (folder / each).is_file()] == []


@pytest.mark.parametrize("name", [name for name in assets.names() if "vendor" not in name])
def test_nothing_is_loaded_from_elsewhere_and_no_text_becomes_html(name: str) -> None:
    source = (assets.STATIC / name).read_text(encoding="utf-8")

    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source)
    assert not re.search(r"""(?:src|href|url\()\s*=?\s*["']?https?://""", source)


def test_all_of_them_are_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["bot"]
    packed = {path for pattern in patterns for path in (ROOT / "bot").glob(pattern)}

    assert [path for path in assets.STATIC.rglob("*") if path.is_file() and path not in packed] == []


@pytest.mark.parametrize("name", ["../server.py", "/etc/passwd", "vendor/../../server.py", "vendor/MANIFEST.txt", ""])
def test_no_other_file_is_served(name: str) -> None:
    assert assets.read(name) is None
