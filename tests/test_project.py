"""The project as a whole: what it ships, what it imports, what it reads, how it is written."""

import ast
import os
import re
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.reference import PAGE, page

ROOT = Path(__file__).parent.parent
PACKAGES = ("flows", "tasks", "blocks", "deployments", "speech")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
PROGRAMS = Path(sys.executable).parent


def imports(path):
    """The top-level packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


# Who may import whom; nothing points back up.
ALLOWED = {
    "speech": {"speech"},
    "blocks": {"blocks", "speech"},
    "tasks": {"tasks", "blocks", "speech"},
    "flows": {"flows", "tasks", "blocks", "speech"},
    "deployments": {"deployments", "flows", "tasks", "blocks", "speech"},
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    assert set(imports(path)) & set(PACKAGES) <= ALLOWED[package]


def test_the_domain_does_not_know_prefect():
    assert not [path for path in SOURCES if path.is_relative_to(ROOT / "speech") and "prefect" in set(imports(path))]


def test_only_one_module_reads_the_environment():
    readers = [str(path.relative_to(ROOT)) for path in SOURCES if re.search(r"os\.(environ|getenv)", path.read_text())]
    assert readers == ["speech/settings.py"]


def test_espeak_ng_is_loaded_only_in_its_own_process():
    users = [path.name for path in SOURCES if "ctypes" in set(imports(path))]
    assert users == ["espeak_worker.py"]
    assert not [path for path in SOURCES if re.search(r"(import|from) .*espeak_worker", path.read_text())]


def test_the_prefect_server_can_be_imported():
    subprocess.run([sys.executable, "-c", "import prefect.server.api.server"], check=True)


def test_the_wheel_holds_exactly_our_packages(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        entry = archive.read(next(name for name in archive.namelist() if name.endswith("entry_points.txt"))).decode()
        notices = [name for name in archive.namelist() if name.endswith("LICENSE")]
    kinds = (".yaml", ".html", ".json")
    data = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in kinds]
    assert sorted(names) == sorted(str(path.relative_to(ROOT)) for path in [*SOURCES, *data])
    assert "f5-flows = deployments.cli.program:main" in entry
    assert "f5_flows = deployments.collection" in entry
    assert notices


def test_help_answers_in_under_half_a_second():
    def seconds():
        """Of processor time, which does not depend on what else the machine does."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([PROGRAMS / "f5-flows", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.5


HEAVY = ("prefect", "numpy", "pydantic", "boto3", "obstore", "torch", "kaldi_native_fbank")


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("deployments.cli.commands", ()),
        ("speech.errors", ()),
        ("speech.request", ("pydantic",)),
        ("speech.text", ()),
        ("speech.subtitles", ()),
        ("flows.speak", ("prefect", "pydantic", "numpy", "obstore")),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(module, allowed):
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert set(out.split()) <= set(allowed)


def test_the_code_is_clean():
    for command in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
        done = subprocess.run([PROGRAMS / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_in_docstrings_are_true():
    modules = [str(path) for path in SOURCES if ">>>" in path.read_text()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--doctest-modules",
         "-o", "doctest_optionflags=ELLIPSIS", *modules],
        cwd=ROOT, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_page_of_settings_is_the_one_that_settings_make():
    assert PAGE.read_text() == page(), "run: python -m tests.reference"
