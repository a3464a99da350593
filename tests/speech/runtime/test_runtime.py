"""Components are installed by the real uv and pip, from an index of our own, into environments thrown away."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from speech.runtime.components import COMPONENTS, flash_wheel
from tests import PATIENCE
from tests.conftest import small_disk
from tests.fakes.index import Index, wheel

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[3]

# Ensures a component in a process of its own and prints what it was told and what came of it.
CHILD = """
import json, sys
from speech.errors import InstallError
from speech.runtime import check, ensure, home
from speech.runtime.components import Component, Need
from speech.runtime.installers import choose
order = json.loads(sys.argv[1])
whole, bare = tuple(order["whole"]), tuple(order["bare"])
component = Component("greeter", "greets", ("greeter",), lambda live: Need(whole, bare), torch=False)
told = []
try:
    state = ensure("greeter", told.append, choose(order["installer"]), {"greeter": component})
    import greeter
    import importlib.metadata as metadata
    found = {"level": state.level, "greeting": greeter.GREETING}
    found["versions"] = {name: metadata.version(name) for name in order["versions"]}
except InstallError as fault:
    found = {"error": str(fault)}
print(json.dumps(found | {"told": told, "paths": sys.path}))
"""


@pytest.fixture
def index():
    served = Index()
    yield served
    served.stop()


class Environment:
    """A throw-away environment that sees this project, with packages of its own put before."""

    def __init__(self, folder: Path, index: Index) -> None:
        self.folder, self.index = folder, index
        subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
        self.python = folder / "env" / "bin" / "python"
        self.site = next((folder / "env" / "lib").glob("python*/site-packages"))
        (self.site / "project.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
        self.home = folder / "home"

    def has(self, name: str, version: str, source: str = "") -> None:
        packed = self.folder / "packed.whl"
        packed.write_bytes(wheel(name, version, {f"{name}/__init__.py": source}))
        shutil.unpack_archive(packed, self.site, "zip")

    def start(self, installer="uv", whole=("greeter>=1",), bare=(), versions=(), url=None):
        order = {"installer": installer, "whole": whole, "bare": bare, "versions": versions}
        url = url or self.index.url
        variables = {
            "F5_FLOWS_HOME": str(self.home), "RUNTIME_DIR": "",
            "UV_INDEX_URL": url, "UV_CACHE_DIR": str(self.folder / "cache"), "UV_HTTP_TIMEOUT": "5",
            "PIP_INDEX_URL": url, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0",
            "AWS_SECRET_ACCESS_KEY": "s3cr3t",
        }  # fmt: skip
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
        return subprocess.Popen(
            [self.python, "-c", CHILD, json.dumps(order)],
            env=inherited | variables, stdout=subprocess.PIPE, text=True, cwd=self.folder,
        )  # fmt: skip

    def ensure(self, **order):
        out, _ = self.start(**order).communicate(timeout=120)
        return json.loads(out.splitlines()[-1])

    def left(self):
        """What lies in the runtime folder besides locks."""
        return sorted(path.name for path in (self.home / "runtime").glob("*") if path.suffix != ".lock") + sorted(
            path.name for path in (self.home / "runtime").glob(".*")
        )


@pytest.fixture
def environment(tmp_path, index):
    return Environment(tmp_path, index)


HELLO = "GREETING = 'hello'"


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_what_is_missing_is_installed_once_and_beside_the_environment(environment, index, installer):
    index.add("greeter", "1.2", HELLO, requires=("helper",))
    index.add("helper", "3.0")
    before = sorted(environment.site.rglob("*.py"))
    first = environment.ensure(installer=installer, versions=["greeter", "helper"])
    assert (first["level"], first["greeting"]) == ("ready", "hello")
    assert first["versions"] == {"greeter": "1.2", "helper": "3.0"}
    assert any("2 packages" in line for line in first["told"])
    assert sorted(environment.site.rglob("*.py")) == before
    index.fetched.clear()
    again = environment.ensure(installer=installer)
    assert again["told"] == [] and index.fetched == []
    [folder, marker] = environment.left()
    assert marker == folder + ".json"


def test_what_is_there_is_used_as_it_is(environment, index):
    environment.has("greeter", "1.5", "GREETING = 'from the environment'")
    assert environment.ensure()["greeting"] == "from the environment"
    assert index.fetched == []


def test_a_package_that_is_there_but_does_not_import_is_not_trusted(environment, index):
    environment.has("greeter", "1.5", "import nothing_of_this_name")
    index.add("greeter", "1.6", HELLO)
    found = environment.ensure(versions=["greeter"])
    assert "fails to import" in found["error"] and "nothing_of_this_name" in found["error"]
    assert environment.left() == []


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_torch_is_never_moved(environment, index, installer):
    environment.has("torch", "2.4.0")
    index.add("torch", "2.8.0")
    index.add("greeter", "1.0", HELLO, requires=("torch==2.8.0",))
    found = environment.ensure(installer=installer)
    assert "torch" in found["error"]
    assert environment.left() == []


def test_another_package_gets_a_newer_twin_and_stays_as_it_was(environment, index):
    environment.has("helper", "1.0")
    index.add("helper", "2.0")
    index.add("greeter", "1.0", HELLO, requires=("helper>=2",))
    found = environment.ensure(versions=["helper"])
    assert found["versions"] == {"helper": "2.0"}
    assert any("helper 2.0 is used in place of 1.0" in line for line in found["told"])
    assert (environment.site / "helper-1.0.dist-info").exists()


def test_requirements_that_contradict_each_other_are_told(environment, index):
    index.add("helper", "1.0")
    index.add("greeter", "1.0", HELLO, requires=("helper>=2",))
    found = environment.ensure()
    assert found["error"].startswith("greeter cannot be installed:") and "helper" in found["error"]
    assert environment.left() == []


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_wheel_that_does_not_import_is_taken_out_again(environment, index, installer):
    index.add("greeter", "1.0", "raise ImportError('undefined symbol: _ZN3c105ErrorC2E')")
    found = environment.ensure(installer=installer)
    assert "was removed" in found["error"] and "undefined symbol" in found["error"]
    assert environment.left() == []


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_without_a_network_it_says_so_and_shows_no_password(environment, installer):
    found = environment.ensure(installer=installer, url="http://someone:s3cr3t@127.0.0.1:9/simple")
    assert "cannot be reached" in found["error"]
    assert "s3cr3t" not in json.dumps(found)
    assert environment.left() == []


@pytest.mark.parametrize("told_before", [True, False], ids=["by the index's sizes", "while it is written"])
def test_a_full_disk_is_told_and_nothing_is_left(environment, index, told_before):
    index.sizes = told_before
    index.add("greeter", "1.0", os.urandom(6_000_000).hex().encode())
    environment.home.mkdir()
    with small_disk(environment.home, "4m"):
        found = environment.ensure()
        assert ("MB are free" if told_before else "the disk is full") in found["error"]
        assert environment.left() == []
    assert index.fetched == [] or not told_before


def test_a_process_killed_halfway_leaves_nothing_that_looks_whole(environment, index):
    index.add("greeter", "1.0", HELLO, requires=("helper",))
    index.add("helper", "1.0")
    index.stall = "greeter"
    process = environment.start(installer="pip")
    assert index.stalled.wait(PATIENCE)
    process.kill()
    process.wait()
    index.stall = None
    assert environment.ensure()["greeting"] == "hello"
    assert [name for name in environment.left() if name.startswith(".")] == []


def test_of_two_processes_one_installs_and_the_other_waits(environment, index):
    index.add("greeter", "1.0", HELLO + "\nimport time\ntime.sleep(1)")
    both = [environment.start(), environment.start()]
    results = [json.loads(process.communicate(timeout=120)[0].splitlines()[-1]) for process in both]
    assert [result["greeting"] for result in results] == ["hello", "hello"]
    assert sum("was installed in" in " ".join(result["told"]) for result in results) == 1
    assert any("waiting for it" in " ".join(result["told"]) for result in results)


def test_the_child_that_tries_an_import_does_not_see_the_secrets(environment, index):
    note = environment.folder / "seen"
    look = f"open({str(note)!r}, 'a').write(str('AWS_SECRET_ACCESS_KEY' in os.environ) + ' ')"
    index.add("greeter", "1.0", f"import os\n{look}\n{HELLO}")
    environment.ensure()
    assert note.read_text().split() == ["False", "True"]


def foreign(folder):
    """A folder of somebody else's, with another greeter."""
    folder.mkdir(parents=True)
    (folder / "greeter.py").write_text("GREETING = 'from a stranger'")
    return folder


@pytest.mark.parametrize("name", ["{folder}/strange", "../../strange", "greeter-0123456789ab/../../../strange", 7])
def test_a_marker_cannot_name_a_folder_elsewhere(environment, index, name):
    index.add("greeter", "1.0", HELLO)
    foreign(environment.folder / "strange")
    environment.ensure()
    [marker] = (environment.home / "runtime").glob("*.json")
    told = json.loads(marker.read_text())
    beside = name.format(folder=environment.folder) if isinstance(name, str) else name
    marker.write_text(json.dumps(told | {"beside": [beside]}))
    # Only what was installed anew is imported from.
    again = environment.ensure()
    assert again["greeting"] == "hello" and again["told"]
    assert not [path for path in again["paths"] if "strange" in path]


@pytest.mark.parametrize("kind", ["a link", "a folder that all may write to", "a folder of another user"])
def test_code_is_imported_only_from_folders_that_are_ours(environment, index, kind):
    index.add("greeter", "1.0", HELLO)
    environment.ensure()
    [folder] = [path for path in (environment.home / "runtime").iterdir() if path.is_dir()]
    shutil.rmtree(folder)
    strange = foreign(environment.folder / "strange" if kind == "a link" else folder)
    if kind == "a link":
        folder.symlink_to(strange)
    elif kind == "a folder of another user":
        if os.geteuid():
            pytest.skip("only root can give a folder away")
        os.chown(strange, 12345, 12345)
    else:
        strange.chmod(0o777)
    assert environment.ensure().get("greeting") != "from a stranger"


def test_transformers_suits_the_torch_that_is_there():
    def chosen(torch, package):
        need = COMPONENTS["f5-tts"].needs({"torch": torch})
        return next(requirement for requirement in need.whole if requirement.startswith(package))

    assert chosen("2.4.0+cu124", "transformers") == "transformers>=4.48.1,<5"
    assert chosen("2.8.0", "transformers") == "transformers>=4.48.1,<6"
    assert chosen("2.4.0+cu124", "torchaudio") == "torchaudio==2.4.*"
    assert chosen("2.13.0+cpu", "torchaudio") == "torchaudio>=2.11,<3"


@pytest.mark.parametrize(
    ("torch", "cuda", "abi", "tags"),
    [
        ("2.4.0+cu124", "12.4", False, "cu12torch2.4cxx11abiFALSE"),
        ("2.8.0", "12.8", True, "cu12torch2.8cxx11abiTRUE"),
    ],
)
def test_the_wheel_of_flash_attn_is_chosen_from_the_live_tags(torch, cuda, abi, tags):
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    name = flash_wheel(torch, cuda, abi).rsplit("/", 1)[1]
    assert tags in name and f"-{python}-{python}-linux_" in name


FLASH = """
import sys
from speech.errors import InstallError
from speech.runtime import check, ensure
from speech.runtime.installers import choose
try:
    print(ensure("flash-attn", installer=choose("uv")).level, __import__("flash_attn").WORKS)
except InstallError as fault:
    print("error", fault)
print(check("flash-attn").level)
"""
TORCH = """
__version__ = "2.4.0+cu124"
class version: cuda = "12.4"
class _C: _GLIBCXX_USE_CXX11_ABI = False
"""


@pytest.mark.parametrize("works", [True, False])
def test_the_flash_attn_that_suits_the_live_torch_is_used_and_a_broken_one_taken_out(environment, index, works):
    environment.has("torch", "2.4.0", TORCH)
    index.add("einops", "0.8.1")
    source = "WORKS = True" if works else "raise ImportError('undefined symbol: _ZN3c105ErrorC2E')"
    name = flash_wheel("2.4.0+cu124", "12.4", False, "files").removeprefix("files/")
    version = name.split("/")[1].split("-")[1]
    index.files[name] = wheel("flash_attn", version, {"flash_attn/__init__.py": source})
    variables = {
        "F5_FLOWS_HOME": str(environment.home), "RUNTIME_DIR": "", "FLASH_ATTN_WHEELS": f"{index.host}/files",
        "UV_INDEX_URL": index.url, "UV_CACHE_DIR": str(environment.folder / "cache"),
    }  # fmt: skip
    done = subprocess.run(
        [environment.python, "-c", FLASH], env=os.environ | variables, capture_output=True, text=True, timeout=120
    )
    first, second = done.stdout.splitlines()
    if works:
        assert (first, second) == ("ready True", "ready")
    else:
        assert "was removed" in first and "undefined symbol" in first
        assert second == "absent"
        assert environment.left() == []


def test_flash_attn_is_not_for_a_torch_without_cuda(components):
    from speech.runtime import check

    assert "built with CUDA" in check("flash-attn").sentence
