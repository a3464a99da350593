"""The project as a whole: what it ships, what it imports, what it reads, how it is written."""

import ast
import os
import re
import resource
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.reference import PAGES, page

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


# Installed as runtime components, or used where they are found.
FOUND_AT_RUN_TIME = {
    "f5_tts", "flash_attn", "huggingface_hub", "torch", "torchaudio", "transformers", "triton", "uv",
    "whisperx",
}  # fmt: skip


def test_every_import_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {canonicalize_name(Requirement(one).name) for one in wanted}
    providers = packages_distributions()
    used = {name for path in SOURCES for name in imports(path)}
    foreign = used - set(PACKAGES) - sys.stdlib_module_names - FOUND_AT_RUN_TIME
    assert not {name for name in foreign if not declared & set(map(canonicalize_name, providers[name]))}


def test_only_one_module_reads_the_environment():
    readers = [str(path.relative_to(ROOT)) for path in SOURCES if re.search(r"os\.(environ|getenv)", path.read_text())]
    assert readers == ["speech/settings.py"]


def test_espeak_ng_is_loaded_only_in_its_own_process():
    users = [path.name for path in SOURCES if "CDLL(" in path.read_text()]
    assert users == ["espeak_worker.py"]
    assert not [path for path in SOURCES if re.search(r"(import|from) .*espeak_worker", path.read_text())]


@pytest.mark.service
def test_the_prefect_server_can_be_imported():
    subprocess.run([sys.executable, "-c", "import prefect.server.api.server"], check=True)


@pytest.mark.service
def test_help_answers_in_under_half_a_second():
    def seconds():
        """Of processor time, which does not depend on what else the machine does."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([PROGRAMS / "f5-flows", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.5


HEAVY = ("prefect", "numpy", "pydantic", "boto3", "obstore", "torch")


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
@pytest.mark.service
def test_nothing_heavy_is_imported_before_it_is_used(module, allowed):
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert set(out.split()) <= set(allowed)


@pytest.mark.service
def test_the_examples_in_docstrings_are_true():
    modules = [str(path) for path in SOURCES if ">>>" in path.read_text()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--doctest-modules",
         "-o", "doctest_optionflags=ELLIPSIS", *modules],
        cwd=ROOT, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_tables_of_the_docs_are_those_that_the_models_make(path):
    assert path.read_text() == page(path), "run: python -m tests.reference"


def test_the_page_of_the_api_tells_of_every_endpoint_and_every_lasting_sentence():
    text = (ROOT / "docs" / "api.md").read_text()
    endpoints = re.findall(
        r'^            "(\w+)": self\.', (ROOT / "deployments/endpoint/contract.py").read_text(), re.M
    )
    assert set(re.findall(r"^## .*`(?:\"endpoint\": )?\"?(\w+)\"?`", text, re.M)) == set(endpoints)
    code = "".join(path.read_text() for path in SOURCES)
    sentences = re.findall("^- `(.*)`$", text.partition("## Errors")[2], re.M)
    assert len(sentences) == 10
    assert not [one for one in sentences if re.split(r" \{|: \{|: ", one)[0] not in code]


def test_every_test_that_the_page_of_threats_names_exists():
    named = set(re.findall(r"\b(test_\w+|Test\w+)(?!\w|\.py|/)", (ROOT / "docs" / "threats.md").read_text()))
    there = set(
        re.findall(
            r"^ *(?:async )?(?:def|class) (\w+)", "".join(p.read_text() for p in ROOT.glob("tests/**/test_*.py")), re.M
        )
    )
    assert len(named) > 80
    assert named - there == set()


@pytest.mark.service
def test_every_benchmark_can_be_imported():
    names = [f"benchmarks.{path.stem}" for path in sorted((ROOT / "benchmarks").glob("*.py"))]
    code = f"import importlib\nfor name in {names!r}: importlib.import_module(name)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
