"""The tables of the endpoint's database."""

import sqlite3
from pathlib import Path

from flyte_jupyter.errors import StoreError

VERSION = 1

_SQL = """
CREATE TABLE IF NOT EXISTS runs (
    name TEXT PRIMARY KEY, org TEXT NOT NULL, project TEXT NOT NULL, domain TEXT NOT NULL,
    labels TEXT NOT NULL, spec BLOB NOT NULL, created REAL NOT NULL, base TEXT NOT NULL,
    recorded INTEGER NOT NULL, start REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS actions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL, "group" TEXT NOT NULL, kind TEXT NOT NULL,
    task TEXT NOT NULL, version TEXT NOT NULL, short TEXT NOT NULL, spec TEXT NOT NULL,
    inputs TEXT NOT NULL, base TEXT NOT NULL, key TEXT NOT NULL, phase INTEGER NOT NULL,
    attempts INTEGER NOT NULL, created REAL NOT NULL, started REAL, ended REAL, updated REAL NOT NULL,
    stamp INTEGER NOT NULL, error BLOB NOT NULL, outputs TEXT NOT NULL, value BLOB NOT NULL,
    cache INTEGER NOT NULL, reason TEXT NOT NULL, stale INTEGER NOT NULL, before INTEGER NOT NULL,
    UNIQUE (run, name)
);
CREATE INDEX IF NOT EXISTS children ON actions (run, parent, stamp);
CREATE INDEX IF NOT EXISTS alive ON actions (phase) WHERE ended IS NULL;
CREATE INDEX IF NOT EXISTS roots ON actions (name, created) WHERE parent = '';
CREATE TABLE IF NOT EXISTS attempts (
    run TEXT NOT NULL, action TEXT NOT NULL, number INTEGER NOT NULL,
    started REAL NOT NULL, ended REAL, phase INTEGER NOT NULL, running REAL, error BLOB NOT NULL,
    outputs TEXT NOT NULL, pid INTEGER NOT NULL,
    PRIMARY KEY (run, action, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS specs (digest TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    org TEXT NOT NULL, project TEXT NOT NULL, domain TEXT NOT NULL, name TEXT NOT NULL,
    version TEXT NOT NULL, spec TEXT NOT NULL, created REAL NOT NULL,
    UNIQUE (org, project, domain, name, version)
);
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, outputs TEXT NOT NULL, created REAL NOT NULL
) WITHOUT ROWID;
"""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the database, made if it is not there.

    What is written survives the end of this process, however it comes about.

    Raises:
        StoreError: it cannot be used, or is of a newer version.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            raise StoreError(f"{path} was written by a newer flyte_jupyter (form {found}); update this one")
        connection.executescript(_SQL)
        connection.execute(f"PRAGMA user_version={VERSION}")
    except sqlite3.Error as error:
        raise StoreError(f"the endpoint's database {path} cannot be used: {error}") from error
    return connection
