"""What the tests share: a home of their own, a Prefect server, an S3 server, recordings made on the spot."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tests import CACHE, FOREIGN, RUNTIME

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.fakes.faults import FaultyProxy
    from tests.fakes.runpod import ControlPlane
    from tests.services import Postgres
    from tests.stack import Stack

ROOT = Path(__file__).parent.parent

# Before anything reads them: the tests must not see, nor leave anything in, the home of whoever runs them.
HOME = Path(os.environ.setdefault("F5_FLOWS_TEST_HOME", tempfile.mkdtemp(prefix="f5-flows-tests-")))
for name in [name for name in os.environ if name.startswith(FOREIGN)]:
    del os.environ[name]
os.environ |= {
    "F5_FLOWS_HOME": str(HOME / "f5-flows"),
    "RUNTIME_DIR": str(RUNTIME),
    # Test processes run side by side; PyTorch would give each of them all cores.
    "OMP_NUM_THREADS": "1",
    "PREFECT_HOME": str(HOME / "prefect"),
    # Each test has its own environment, and a process that stays for it would only take memory.
    "WARM_MINUTES": "0",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}

# A hub that is not there: no test may fetch what is published.
os.environ.setdefault("HF_ENDPOINT", "http://127.0.0.1:9")

import boto3  # noqa: E402
import hypothesis  # noqa: E402
import pytest  # noqa: E402

from deployments.local import server as local_server  # noqa: E402
from speech.audio import Recording, record  # noqa: E402
from speech.engines.espeak import Utterance, say  # noqa: E402
from speech.stores.s3 import Bucket, S3Store  # noqa: E402
from tests.fakes import gateway as ceph  # noqa: E402

# Known before Prefect is imported, whose settings freeze then.
os.environ["PREFECT_API_AUTH_STRING"] = local_server.password()

# Hypothesis reads every module that is not in site-packages for constants, the components' among them.
hypothesis.settings.register_profile("shared", suppress_health_check=[hypothesis.HealthCheck.too_slow], deadline=None)
hypothesis.settings.register_profile("fast", hypothesis.settings.get_profile("shared"), max_examples=20)
hypothesis.settings.load_profile("shared")


# What a test that asks for one of these starts: servers, a browser, or PyTorch with networks.
_SERVICES = {"browser", "components", "database", "gateway", "networks", "plane", "prefect_server", "stack"}
# What a test asks for that runs our programs, each of which imports Prefect.
_PROGRAMS = {"call", "container", "stack", "start"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that `python -m tests --fast` leaves out, and put the files that take longest first.

    A long file that begins last would be waited for by all other workers.
    """
    # What runs programs of ours, or is marked by hand as a whole, takes longest; of the others what starts most often.
    longest = {item.path for item in items if _PROGRAMS & _fixtures(item)}
    longest |= {item.path for item in items} - {item.path for item in items if not item.get_closest_marker("service")}
    for item in items:
        if _SERVICES & _fixtures(item):
            item.add_marker(pytest.mark.service)
    starts = Counter(item.path for item in items if item.get_closest_marker("service"))
    marked = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: (item.path not in marked, item.path not in longest, -starts[item.path]))


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def pytest_collection_finish() -> None:
    """Leave out of each search for garbage what has been imported and collected, and is there until the end."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The first process to start is the last to end: it takes down what all shared."""
    if not hasattr(session.config, "workerinput"):
        local_server.stop()
        shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def rounds(pytestconfig: pytest.Config) -> Callable[[int], int]:
    """How often to try what chance makes: as often as a test says, or a fifth of that in the fast lane."""
    fast = pytestconfig.getoption("--hypothesis-profile") == "fast"
    return lambda most: max(most // 5, 1) if fast else most


@pytest.fixture(scope="session")
def prefect_server() -> str:
    """URL of the API of the local server, the one that users get."""
    return local_server.ensure(lambda text: None).api


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A certificate authority made on the spot, and a certificate of its for localhost."""
    import trustme

    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    paths = {"authority": folder / "authority.pem", "server": folder / "server.pem"}
    authority.cert_pem.write_to_path(str(paths["authority"]))
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(paths["server"]))
    return paths


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, certificates: dict[str, Path]) -> Iterator[ceph.Gateway]:
    """A real S3 server."""
    if not ceph.available():
        needed(f"a real S3 server is needed: apt-get install {' '.join(ceph.PACKAGES)}")
    server = ceph.Gateway(tmp_path_factory.mktemp("ceph"), certificates["server"])
    yield server
    server.stop()


@pytest.fixture
def bucket(gateway: ceph.Gateway, request: pytest.FixtureRequest) -> Bucket:
    """A new bucket there."""
    name = f"b{abs(hash(request.node.nodeid)) % 10**12}"
    return new_bucket(gateway, name)


def new_bucket(gateway: ceph.Gateway, name: str) -> Bucket:
    """A bucket of that name on the test server."""
    client = boto3.client(
        "s3",
        endpoint_url=gateway.url,
        aws_access_key_id=ceph.ACCESS_KEY,
        aws_secret_access_key=ceph.SECRET_KEY,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=name)
    return bucket_at(gateway.url, name)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Postgres]]:
    """Makes PostgreSQL servers, each with Prefect's tables and nothing in them."""
    from tests.services import migrated, postgres_programs

    if postgres_programs() is None:
        needed("PostgreSQL is needed: apt-get install postgresql")
    made: list[Postgres] = []

    def make() -> Postgres:
        home = tmp_path_factory.mktemp("postgres") / "server"
        made.append(migrated(CACHE, home))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="module")
def proxy(gateway: ceph.Gateway) -> Iterator[FaultyProxy]:
    """Before the S3 server, to make it be away."""
    from tests.fakes.faults import FaultyProxy

    faulty = FaultyProxy(gateway.url)
    yield faulty
    faulty.stop()


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """RunPod's control plane, with one endpoint."""
    from tests.fakes.runpod import ControlPlane
    from tests.stack import ENDPOINT

    plane = ControlPlane(ENDPOINT)
    yield plane
    plane.stop()


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    database: Callable[[], Postgres],
    gateway: ceph.Gateway,
    proxy: FaultyProxy,
) -> Iterator[Stack]:
    """The whole way over RunPod, one for each file of tests."""
    from tests.stack import Stack

    bucket = new_bucket(gateway, f"s{abs(hash(request.node.nodeid)) % 10**12}")
    whole = Stack(tmp_path_factory.mktemp("stack"), database(), bucket, proxy.url)
    yield whole
    whole.stop()


def bucket_at(url: str, name: str, **changes: object) -> Bucket:
    """The test server's bucket, reached at `url`."""
    from pydantic import SecretStr

    fields = {
        "endpoint": url,
        "access_key": SecretStr(ceph.ACCESS_KEY),
        "secret_key": SecretStr(ceph.SECRET_KEY),
        "timeout": 10,
        "retries": 1,
    }
    return Bucket(name, **(fields | changes))


@pytest.fixture
def s3(bucket: Bucket) -> S3Store:
    return S3Store(bucket)


def recorded(utterance: Utterance, path: Path, rate: int = 22050) -> Recording:
    """An utterance as a recording whose chunks nobody knows."""
    return record(utterance.samples, utterance.rate, (), path, rate)


def needed(missing: str) -> None:
    """Skip what cannot run here; in CI it must."""
    pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


def font() -> str | None:
    """What captions in a picture lack here."""
    if any(next(Path(place).expanduser().rglob("*.[to]tf"), None) for place in _FONTS):
        return None
    return "a font is needed: apt-get install fonts-dejavu-core"


_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "/Library/Fonts", "/System/Library/Fonts")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real one, to which a name is known that leads to this machine."""
    from playwright.sync_api import sync_playwright

    program = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if program is None:
        needed("a browser is needed: apt-get install chromium")
    rebound = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--no-proxy-server", rebound]
        )
        yield started
        started.close()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A disk of that size in an empty folder, which is full when it says so."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small disk needs the right to mount one: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="session")
def components() -> None:
    """The real f5_tts and whisperx, installed as users get them."""
    if find_spec("torch") is None:
        needed("PyTorch is needed: uv pip install torch==2.13.0 --torch-backend cpu")
    from speech.errors import InstallError
    from speech.runtime import ensure

    try:
        for name in ("f5-tts", "whisperx"):
            ensure(name)
    except InstallError as fault:
        needed(str(fault))


# Trained on espeak-ng's speech for these tests; it aligns that and nothing else.
TINY_ALIGNER = ROOT / "tests" / "data" / "tiny_ctc"


@pytest.fixture(scope="session")
def networks(components: None) -> Path:
    """Small models in a cache of their own: an F5-TTS, a vocoder, an aligner for English."""
    from filelock import FileLock

    from speech.models import VOCODER, Location, adopt, aligner, announce
    from tests.fakes.networks import f5_checkpoint, vocoder

    root = HOME / "networks"
    with FileLock(f"{root}.lock"):
        place = Location(root)
        announce(place, offline=True)
        if not (root / "ready").exists():
            adopt("f5-tts/tiny", place, f5_checkpoint(root / "f5-tts" / "tiny"))
            adopt(VOCODER, place, vocoder(root / VOCODER))
            shutil.copytree(TINY_ALIGNER, root / "align" / "en")
            adopt(aligner("en"), place, sorted((root / "align" / "en").iterdir()))
            (root / "ready").touch()
    return root


@pytest.fixture
def tiny(networks: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process that is set up for them."""
    monkeypatch.setenv("MODELS_DIR", str(networks))
    monkeypatch.setenv("F5_MODEL", "tiny")
    # Eight steps of a random network sound like thirty-two.
    monkeypatch.setenv("NFE_STEP", "5")
    return networks


@pytest.fixture
def spoken(tmp_path: Path) -> Recording:
    """Half a minute by a voice that is not the aligner's own."""
    from tests.scripts import ALICE

    return recorded(say(ALICE, "en", 150, "en-gb-x-rp+f3"), tmp_path / "spoken.wav")
