"""The tables of the local server's database, as they ship, against those that Prefect's migrations make."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import httpx
import pytest

from deployments.local import tables
from deployments.local.home import database_file, password
from deployments.local.server import ensure, find_problem, stop
from tests import PATIENCE, inherited

# Prefect's tables of June 2025. Later migrations move rows into new tables and rewrite others.
EARLIER = "bb2345678901"
# Prefect's migrations run an event loop, and want to be called from a thread of one.
DOWNGRADE = """
import sys, anyio
from prefect.server.database.alembic_commands import alembic_downgrade
anyio.run(anyio.to_thread.run_sync, alembic_downgrade, sys.argv[1])
"""


@pytest.fixture
def database(monkeypatch, tmp_path):
    """The database of a new home."""
    monkeypatch.setenv("F5_FLOWS_HOME", str(tmp_path))
    yield database_file()
    stop()


def schema(connection):
    """What a database is: the columns and foreign keys of each table, and the indexes, however they are written."""
    made = {}
    for name, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall():
        columns = connection.execute(f'PRAGMA table_info("{name}")').fetchall()
        keys = connection.execute(f'PRAGMA foreign_key_list("{name}")').fetchall()
        indexes = connection.execute(f'PRAGMA index_list("{name}")').fetchall()
        made[name] = (
            (
                {
                    (column, kind, needed, " ".join(str(default).split()), key)
                    for _, column, kind, needed, default, key in columns
                },
                {key[2:] for key in keys},
                {(unique, partial, tuple(covered(connection, index))) for _, index, unique, _, partial in indexes},
            )
            if columns
            else " ".join(sql.split())
        )
    return made


def covered(connection, index):
    return [column for _, _, column in connection.execute(f'PRAGMA index_info("{index}")')]


def test_they_are_for_the_prefect_that_is_locked_and_hold_no_rows(tmp_path):
    database = tmp_path / "prefect.db"
    assert tables.make(database)
    assert tables.dump(database) == tables.FILE.read_text()
    inserts = [line for line in tables.FILE.read_text().splitlines() if line.startswith("INSERT")]
    assert [line.split()[2] for line in inserts] == ['"alembic_version"']


def test_for_another_prefect_nothing_is_made(tmp_path):
    other = tmp_path / "tables.sql"
    other.write_text(tables.FILE.read_text().replace("Prefect 3.", "Prefect 2.", 1))
    assert not tables.make(tmp_path / "prefect.db", other)
    assert not (tmp_path / "prefect.db").exists()


@pytest.mark.service
def test_what_a_killed_start_left_empty_gets_the_same_tables_from_prefects_migrations(database):
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("VACUUM")
    assert database.exists()
    assert ensure(str).answers()
    with closing(sqlite3.connect(database)) as connection, closing(sqlite3.connect(":memory:")) as shipped:
        shipped.executescript(tables.FILE.read_text())
        assert schema(connection) == schema(shipped)
    assert f"VALUES('{revision(database)}')" in tables.FILE.read_text()


@pytest.mark.service
def test_tables_of_an_earlier_prefect_are_migrated_with_their_rows_and_not_replaced(database):
    with client_of(ensure(str)) as client:
        made, newest = names(database), revision(database)
        flow = client.post("/flows/", json={"name": "kept"}).json()["id"]
        given = {"flow_id": flow, "name": "old", "parameters": {"text": "Hello."}, "state": {"type": "PENDING"}}
        run = client.post("/flow_runs/", json=given).json()["id"]
        client.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "RUNNING"}})
        client.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "COMPLETED"}})
        before = told(client, run)
    stop()
    variables = {
        "PREFECT_HOME": str(database.parent),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database}",
    }
    subprocess.run(
        [sys.executable, "-c", DOWNGRADE, EARLIER], env=inherited() | variables, check=True, timeout=PATIENCE
    )
    assert revision(database) == EARLIER != newest
    assert find_problem() is None
    with client_of(ensure(str)) as client:
        assert told(client, run) == before
        assert revision(database) == newest
    assert names(database) == made


def names(database):
    with closing(sqlite3.connect(database)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def client_of(server):
    name, _, word = password().partition(":")
    return httpx.Client(base_url=server.api, auth=(name, word), trust_env=False, timeout=60)


def told(client, run):
    """What the server tells of a run, and the states it went through."""
    found = client.get(f"/flow_runs/{run}").raise_for_status().json()
    states = client.get("/flow_run_states/", params={"flow_run_id": run}).raise_for_status().json()
    assert [state["type"] for state in states] == ["PENDING", "RUNNING", "COMPLETED"]
    return {name: found[name] for name in ("flow_id", "name", "parameters", "start_time", "end_time")}, states


def revision(database):
    with closing(sqlite3.connect(database)) as connection:
        [[revision]] = connection.execute("SELECT version_num FROM alembic_version")
    return revision
