"""What the tests share: a home of their own, a Prefect server, an S3 server, recordings made on the spot."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

# Before anything reads them: the tests must not see, nor leave anything in, the home of whoever runs them.
HOME = Path(os.environ.setdefault("F5_FLOWS_TEST_HOME", tempfile.mkdtemp(prefix="f5-flows-tests-")))
for name in [name for name in os.environ if name.startswith(("AWS_", "S3_", "STORAGE_", "PREFECT_", "GOOGLE_"))]:
    del os.environ[name]
os.environ |= {
    "F5_FLOWS_HOME": str(HOME / "f5-flows"),
    # Components take half a minute to install, so they stay from one run of the tests to the next.
    "RUNTIME_DIR": os.environ.get("F5_FLOWS_TEST_RUNTIME", str(ROOT / ".runtime")),
    # A hub that is not there: no test may fetch what is published.
    "HF_ENDPOINT": "http://127.0.0.1:9",
    "PREFECT_HOME": str(HOME / "prefect"),
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}

import boto3  # noqa: E402
import pytest  # noqa: E402

from deployments import server as local_server  # noqa: E402
from speech.audio import Recording, record  # noqa: E402
from speech.engines.espeak import Utterance, say  # noqa: E402
from speech.settings import settings  # noqa: E402
from speech.stores.s3 import Bucket, S3Store  # noqa: E402
from tests.fakes import gateway as ceph  # noqa: E402


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The first process to start is the last to end: it takes down what all shared."""
    if not hasattr(session.config, "workerinput"):
        local_server.stop()
        shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """A test that changes the environment changes what the code reads, and no later test sees it."""
    settings.cache_clear()
    yield
    settings.cache_clear()


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
        missing = f"a real S3 server is needed: apt-get install {' '.join(ceph.PACKAGES)}"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    server = ceph.Gateway(tmp_path_factory.mktemp("ceph"), certificates["server"])
    yield server
    server.stop()


@pytest.fixture
def bucket(gateway: ceph.Gateway, request: pytest.FixtureRequest) -> Bucket:
    """A new bucket there."""
    name = f"b{abs(hash(request.node.nodeid)) % 10**12}"
    client = boto3.client(
        "s3",
        endpoint_url=gateway.url,
        aws_access_key_id=ceph.ACCESS_KEY,
        aws_secret_access_key=ceph.SECRET_KEY,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=name)
    return bucket_at(gateway.url, name)


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


@pytest.fixture
def spoken(tmp_path: Path) -> Recording:
    """Half a minute by a voice that is not the aligner's own."""
    from tests.scripts import ALICE

    return recorded(say(ALICE, "en", 150, "en-gb-x-rp+f3"), tmp_path / "spoken.wav")
