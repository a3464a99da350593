"""What is built to be installed."""

import subprocess
import sys
import zipfile

import pytest

from tests.test_project import PACKAGES, ROOT, SOURCES


@pytest.mark.wheel
def test_the_wheel_holds_exactly_our_packages(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        everything = archive.namelist()
        names = [name for name in everything if ".dist-info/" not in name]
        entry = archive.read(next(name for name in archive.namelist() if name.endswith("entry_points.txt"))).decode()
        notices = [name for name in archive.namelist() if name.endswith("LICENSE")]
    kinds = (".yaml", ".html", ".css", ".js", ".json", ".typed", ".toml", ".sql", ".ttf", ".txt")
    data = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in kinds]
    assert sorted(names) == sorted(str(path.relative_to(ROOT)) for path in [*SOURCES, *data])
    assert "f5-flows = deployments.cli.program:main" in entry
    assert "f5_flows = deployments.collection" in entry
    assert notices
    assert any(name.endswith("OFL.txt") and ".dist-info/" in name for name in everything)
