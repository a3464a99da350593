"""The template of the local server's database: made once, copied for each new home, and never trusted blindly."""

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import httpx
import pytest

from deployments.local import template
from deployments.local.home import database_file, password
from deployments.local.server import ensure, find_problem, stop
from tests import PATIENCE, inherited
from tests.conftest import small_disk

# Prefect's tables of June 2025. Later migrations move rows into new tables and rewrite others.
EARLIER = "bb2345678901"
# Prefect's migrations run an event loop, and want to be called from a thread of one.
DOWNGRADE = """
import sys, anyio
from prefect.server.database.alembic_commands import alembic_downgrade
anyio.run(anyio.to_thread.run_sync, alembic_downgrade, sys.argv[1])
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """A cache of the test's own."""
    monkeypatch.setenv("F5_FLOWS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "server"


@pytest.fixture
def migrations():
    """The databases that were migrated."""
    return []


@pytest.fixture
def create(tmp_path, migrations):
    """Create a database of that name; its migrations make one table."""

    def create(name):
        home = tmp_path / name
        home.mkdir(exist_ok=True)
        template.create(home / "prefect.db", partial(migrate, home / "prefect.db"))
        return home / "prefect.db"

    def migrate(database):
        migrations.append(database.parent.name)
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE runs (id INTEGER)")

    return create


@pytest.fixture
def kept(create, cache):
    """The template, made for the first of all homes."""
    create("first")
    return the_only(cache)


def the_only(cache):
    [path] = [path for path in cache.iterdir() if path.name != "lock"]
    return path


def tables(database):
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]


def test_only_the_first_database_is_migrated_and_the_others_are_the_same(create, migrations):
    first, second, third = map(create, ("first", "second", "third"))
    assert migrations == ["first"]
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()
    assert tables(second) == ["runs"]
    assert [*second.parent.iterdir()] == [second]


def test_template_and_copy_are_their_owners_alone(create, kept):
    assert {path.stat().st_mode & 0o777 for path in (kept, create("second"))} == {0o600}
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_of_many_at_once_one_migrates(create, migrations):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(create, map(str, range(8))))
    assert len(migrations) == 1
    assert [tables(database) for database in made] == [["runs"]] * 8


def cut(path):
    path.write_bytes(path.read_bytes()[:4096])


def spoil(path):
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)


def empty(path):
    path.write_bytes(b"")


def link(path):
    elsewhere = path.parents[2] / "elsewhere.db"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def pipe(path):
    path.unlink()
    os.mkfifo(path, 0o600)


def publish(path):
    path.chmod(0o644)


def give_away(path):
    if os.getuid():
        pytest.skip("only root can give a file to another user")
    os.chown(path, 65534, 65534)


def outdate(path):
    path.rename(path.with_name(path.name.replace("prefect-", "prefect-0.", 1)))


@pytest.mark.parametrize("harm", [cut, spoil, empty, link, pipe, publish, give_away, outdate])
def test_one_that_cannot_be_trusted_is_made_again(create, kept, migrations, harm):
    harm(kept)
    assert tables(create("second")) == ["runs"]
    assert tables(create("third")) == ["runs"]
    assert migrations == ["first", "second"]
    assert template.read()


def test_what_a_killed_start_had_begun_to_keep_is_neither_used_nor_left(create, cache, kept, migrations):
    begun = kept.rename(kept.with_name(f".{kept.name}.00000000.part"))
    create("second")
    assert migrations == ["first", "second"]
    assert the_only(cache) != begun


def test_a_start_that_is_killed_leaves_the_making_to_the_next(create, cache, migrations, tmp_path):
    """While it migrates it keeps all others waiting, but not beyond its death."""
    dies = "from pathlib import Path; from deployments.local import template; import os, sys;"
    dies += "template.create(Path(sys.argv[1]), lambda: os.kill(os.getpid(), 9))"
    died = subprocess.run([sys.executable, "-c", dies, str(tmp_path / "killed.db")])
    assert died.returncode == -9
    assert tables(create("second")) == ["runs"]
    assert migrations == ["second"]
    assert the_only(cache)


def test_a_journal_that_an_earlier_database_left_is_not_taken_for_the_copys(create, kept, tmp_path):
    home = tmp_path / "second"
    home.mkdir()
    with closing(sqlite3.connect(home / "old.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE old (id INTEGER)")
        connection.commit()
        (home / "prefect.db-wal").write_bytes((home / "old.db-wal").read_bytes())
    assert tables(create("second")) == ["runs"]


def test_a_cache_that_cannot_be_written_is_gone_without(monkeypatch, create, migrations):
    monkeypatch.setenv("F5_FLOWS_CACHE", "/proc/nowhere")
    assert [tables(create(name)) for name in ("first", "second")] == [["runs"]] * 2
    assert migrations == ["first", "second"]


def test_a_cache_on_a_full_disk_is_gone_without(create, cache, migrations):
    cache.mkdir(parents=True, mode=0o700)
    with small_disk(cache, "4k"):
        cache.chmod(0o700)
        assert [tables(create(name)) for name in ("first", "second")] == [["runs"]] * 2
        assert [path.name for path in cache.iterdir() if path.name != "lock"] == []
    assert migrations == ["first", "second"]


@pytest.mark.parametrize("is_link", [True, False])
def test_a_folder_that_others_may_have_filled_is_gone_without(create, cache, kept, migrations, is_link):
    if is_link:
        cache.symlink_to(cache.rename(cache.with_name("elsewhere")))
    else:
        cache.chmod(0o777)
    before = set(cache.iterdir())
    create("second")
    assert migrations == ["first", "second"]
    assert set(cache.iterdir()) == before


def test_without_a_home_folder_nothing_is_kept_beside_the_program(monkeypatch, create, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("F5_FLOWS_CACHE", "~/.cache/f5-flows")
    create("first")
    assert not (tmp_path / "~").exists()


@pytest.mark.service
class TestOfARealServer:
    @pytest.fixture(scope="class")
    @classmethod
    def homes(cls, tmp_path_factory):
        """Two new homes whose servers have run, and the cache that they shared."""
        root = tmp_path_factory.mktemp("homes")
        said = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("F5_FLOWS_CACHE", str(root / "cache"))
            for name in ("first", "second"):
                patch.setenv("F5_FLOWS_HOME", str(root / name))
                assert ensure(said.append).answers()
                stop()
        assert ["sets up its database" in sentence for sentence in said] == [True, False]
        return root

    def rows(self, database):
        """What is in each table that is not empty."""
        with closing(sqlite3.connect(database)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            found = {name: set(connection.execute(f'SELECT * FROM "{name}"')) for (name,) in names}
        return {name: rows for name, rows in found.items() if rows}

    def test_it_holds_tables_and_nothing_else(self, homes):
        assert set(self.rows(the_only(homes / "cache" / "server"))) == {"alembic_version"}

    def test_two_homes_share_the_tables_but_no_row(self, homes):
        first, second = (homes / name / "prefect" / "prefect.db" for name in ("first", "second"))
        assert tables(first) == tables(second)
        found = self.rows(first)
        assert {"block_type", "block_schema", "alembic_version"} <= set(found)
        assert [name for name, rows in found.items() if rows & self.rows(second).get(name, set())] == [
            "alembic_version"
        ]

    def test_tables_of_an_earlier_prefect_are_migrated_with_their_rows_and_not_replaced(
        self, monkeypatch, homes, tmp_path
    ):
        monkeypatch.setenv("F5_FLOWS_CACHE", str(homes / "cache"))
        monkeypatch.setenv("F5_FLOWS_HOME", str(tmp_path))
        database = database_file()
        try:
            with self.client(ensure(str)) as client:
                newest = self.revision(database)
                flow = client.post("/flows/", json={"name": "kept"}).json()["id"]
                given = {"flow_id": flow, "name": "old", "parameters": {"text": "Hello."}, "state": {"type": "PENDING"}}
                run = client.post("/flow_runs/", json=given).json()["id"]
                client.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "RUNNING"}})
                client.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "COMPLETED"}})
                before = self.told(client, run)
            stop()
            variables = {
                "PREFECT_HOME": str(database.parent),
                "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database}",
            }
            subprocess.run(
                [sys.executable, "-c", DOWNGRADE, EARLIER], env=inherited() | variables, check=True, timeout=PATIENCE
            )
            assert self.revision(database) == EARLIER != newest
            assert find_problem() is None
            with self.client(ensure(str)) as client:
                assert self.told(client, run) == before
                assert self.revision(database) == newest
            assert set(tables(database)) == set(tables(homes / "first" / "prefect" / "prefect.db"))
        finally:
            stop()

    def client(self, server):
        name, _, word = password().partition(":")
        return httpx.Client(base_url=server.api, auth=(name, word), trust_env=False, timeout=60)

    def told(self, client, run):
        """What the server tells of a run, and the states it went through."""
        found = client.get(f"/flow_runs/{run}").raise_for_status().json()
        states = client.get("/flow_run_states/", params={"flow_run_id": run}).raise_for_status().json()
        assert [state["type"] for state in states] == ["PENDING", "RUNNING", "COMPLETED"]
        return {name: found[name] for name in ("flow_id", "name", "parameters", "start_time", "end_time")}, states

    def revision(self, database):
        with closing(sqlite3.connect(database)) as connection:
            [[revision]] = connection.execute("SELECT version_num FROM alembic_version")
        return revision
