"""A real S3 server: Ceph's RADOS gateway from Debian's packages, thrown away after use, on loopback.

A monitor, one object daemon that keeps everything in memory, and the gateway: up in about 2 s. The
settings below are those without which it takes 16 s (placement groups, paxos intervals) or answers
23 requests a second (tcp_nodelay).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
import uuid
from contextlib import suppress
from pathlib import Path

import httpx

from tests import PATIENCE

PACKAGES = ("radosgw", "ceph-mon", "ceph-osd", "ceph-common")
ACCESS_KEY, SECRET_KEY = "testkey", "testsecret123"

_CONFIG = """
[global]
fsid = {fsid}
mon initial members = a
mon host = [v2:127.0.0.1:{mon},v1:127.0.0.1:{mon1}]
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {home}/keyring
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail warn = 1
mon data avail crit = 0
mon max pg per osd = 2000
paxos propose interval = 0.05
paxos min wait = 0.01
log file = {home}/$name.log
admin socket = {home}/$name.asok
run dir = {home}
pid file = {home}/$name.pid
mon data = {home}/mon
osd data = {home}/osd
osd objectstore = memstore
memstore device bytes = {size}
osd class update on start = false
rgw data = {home}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1 {tls}
rgw dns name = localhost
rgw crypt require ssl = false
debug rgw = 0
"""


def available() -> bool:
    """Whether the packages are installed."""
    return all(shutil.which(program) for program in ("radosgw", "ceph-mon", "ceph-osd", "ceph", "radosgw-admin"))


def free_port() -> int:
    """A port that stays free until it is used: none of those that the system gives to connections."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Gateway:
    """A running gateway.

    Args:
        home: an empty folder.
        certificate: PEM file with key and certificate, to serve TLS too.
        size: bytes that the server can hold, in memory. All tests together write some 2 GB, and one process may get
            most of those that do.
    """

    def __init__(self, home: Path, certificate: Path | None = None, size: int = 8_000_000_000) -> None:
        self.home = home
        self.port, self.tls_port = free_port(), free_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        tls = f"ssl_endpoint=127.0.0.1:{self.tls_port} ssl_certificate={certificate}" if certificate else ""
        mon = free_port()
        for folder in ("mon", "osd", "rgw"):
            (home / folder).mkdir(parents=True)
        self.config = home / "ceph.conf"
        self.config.write_text(
            _CONFIG.format(fsid=uuid.uuid4(), mon=mon, mon1=free_port(), home=home, size=size, port=self.port, tls=tls)
        )
        try:
            self._start(mon)
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://localhost:{self.tls_port}"

    def admin(self, *command: object) -> None:
        """Run `radosgw-admin`."""
        self._run("radosgw-admin", "-c", self.config, *command)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _start(self, mon: int) -> None:
        keyring, root = self.home / "keyring", ("--setuser", "root", "--setgroup", "root")
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name, caps in {
            "client.admin": ("mon", "allow *", "osd", "allow *", "mgr", "allow *"),
            "osd.0": ("mon", "allow profile osd", "osd", "allow *"),
            "client.rgw": ("mon", "allow *", "osd", "allow *"),
        }.items():
            pairs = [word for part in zip(caps[::2], caps[1::2], strict=True) for word in ("--cap", *part)]
            self._run("ceph-authtool", keyring, "--gen-key", "-n", name, *pairs)
        fsid = self.config.read_text().split("fsid = ")[1].split()[0]
        monmap = self.home / "monmap"
        address = f"[v2:127.0.0.1:{mon},v1:127.0.0.1:{self.config.read_text().split('v1:127.0.0.1:')[1].split(']')[0]}]"
        self._run("monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, monmap)
        conf = ("-c", self.config)
        self._run("ceph-mon", *conf, "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring, *root)
        self._spawn("ceph-mon", *conf, "-i", "a", "-f", *root)
        self._until("ceph", *conf, "--connect-timeout", "2", "mon", "stat")
        self._run("ceph", *conf, "osd", "create")
        self._run("ceph-osd", *conf, "-i", "0", "--mkfs", *root)
        self._run("ceph", *conf, "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=h")
        self._spawn("ceph-osd", *conf, "-i", "0", "-f", *root)
        self._until("ceph", *conf, "osd", "stat", says=b"1 up")
        self._spawn("radosgw", *conf, "-n", "client.rgw", "-f", *root)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                httpx.get(self.url, timeout=2, trust_env=False, verify=False)
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        self._run(
            "radosgw-admin", *conf, "user", "create", "--uid=test", "--display-name=test",
            f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}",
        )  # fmt: skip

    def _run(self, *command: object) -> bytes:
        words = [str(word) for word in command]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout.decode()[-500:]}")
        return done.stdout

    def _spawn(self, *command: object) -> None:
        with (self.home / f"{command[0]}.out").open("wb") as output:
            words = [str(word) for word in command]
            self.processes.append(subprocess.Popen(words, stdout=output, stderr=output, env=dict(os.environ)))

    def _until(self, *command: object, says: bytes = b"") -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if says in self._run(*command):
                    return
            except RuntimeError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{command[0]} did not come up; see {self.home}")
