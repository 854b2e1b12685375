"""The drill: a published test number stands where none may be, in the database, in a file and in the archive; the commands of docs/incident.md, and no others, find it and take it out within an hour."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import sys
import time
from pathlib import Path

import pytest

from service import app, config, wiring
from service.archive import Archive
from service.evidence.deployed import canary
from service.evidence.deployed.knocking import Way
from tests.faults.faults_stage import FaultStage
from tests.support.cards import VISA

pytestmark = pytest.mark.faults
ROOT = Path(__file__).resolve().parents[2]
SECTION = (
    (ROOT / "docs" / "incident.md")
    .read_text(encoding="utf-8")
    .partition("\n## A card number where none may be\n")[2]
    .partition("\n### The drill\n")[0]
)
BLOCKS = re.findall(r"```(sh|sql)\n(.*?)```", SECTION, re.DOTALL)
HOUR = 3_600.0


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with FaultStage.start(tmp_path_factory.mktemp("drill"), proxied=()) as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    """What Panless does not know: the logs of a proxy."""
    (tmp_path / "proxy").mkdir()
    (tmp_path / "proxy" / "access.log").write_text(f"GET /healthz 200\nGET /v1/accounts/{VISA} 422\nGET /readyz 200\n")
    return tmp_path / "proxy"


def plant(stage):
    """In a column whose guard somebody has switched off, in a log file, and in a piece of the archive."""
    stage.sql("ALTER DOMAIN word DROP CONSTRAINT word_format")
    stage.sql("INSERT INTO reviews VALUES (%s, %s, now(), 'operator')", "rv_" + "b" * 30, VISA)
    Path(stage.stack._environments["service"]["PANLESS_LOG_FOLDER"], "service-a.log").write_text(
        f'{{"event": "a", "note": "{VISA}"}}\n'
    )
    archive = Archive.open(stage.stack._environments["service"]["PANLESS_ARCHIVE_URL"])
    line = json.dumps({"event": "library.record", "note": " ".join(VISA)}) + "\n"
    archive.put_once("logs/other/2031-03-10/one.gz", gzip.compress(('{"event": "a"}\n' + line).encode()))
    return archive


def scanned(stage, *arguments):
    """A scan's status and findings."""
    done = stage.command("scan", *arguments)
    assert VISA not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def of_find(statement, find):
    """A statement of the document, for this find."""
    table, _, column = find["where"].rpartition(".")
    for word, meant in {"TABLE": table, "COLUMN": column, "VALUE": "'rights'", "ROW": find["at"]}.items():
        statement = re.sub(rf"\b{word}\b", meant, statement)
    return statement


def carry_out(stage, language, block, known):
    """One block, line by line: of SQL for each find in the database; the guards' statements are those that the scan gave."""
    for line in block.strip().splitlines():
        if language == "sh":
            words = shlex.split(line.replace("FOLDER", str(known["folder"])))
            assert words[:3] == ["python", "-m", "service"]
            done = stage.command(*words[3:])
            assert done.returncode in {0, 1}, done.stderr[-2000:]
            assert VISA not in done.stdout + done.stderr
            known["scans"].append((done.returncode, json.loads(done.stdout) if "--json" in words else None))
        elif line == "STATEMENT;":
            for statement in known["scans"][0][1]["guards"].values():
                stage.sql(statement.replace("%", "%%"))
        else:
            for find in known["rows"]:
                stage.sql(of_find(line, find))


def left_behind(stage, folder, archive):
    """Where anything of the number still stands: the files of the tables, the folder, the archive."""
    cluster = Path(stage.sql("SHOW data_directory")[0][0], "base")
    files = [path for top in (cluster, folder) for path in top.rglob("*") if path.is_file()]
    kept = {str(path) for path in files if VISA.encode() in path.read_bytes()}
    for name in archive.names(""):
        data = archive.read(name)
        text = gzip.decompress(data) if name.endswith(".gz") else data
        kept |= {name for form in (VISA, " ".join(VISA)) if form.encode() in text}
    return kept


def test_drill_number_is_found_and_contained_within_an_hour_by_the_document(stage, folder, capsys):
    archive = plant(stage)
    stage.sql("CHECKPOINT")
    assert len(left_behind(stage, folder, archive)) >= 3
    assert [language for language, _ in BLOCKS] == ["sh", "sh", "sql", "sql", "sh"]

    began = time.monotonic()
    known = {"folder": folder, "scans": [], "rows": []}
    carry_out(stage, *BLOCKS[0], known)
    found = known["scans"][1][1]
    known["rows"] = [find for find in found["finds"] if find["place"] == "database"]
    assert {find["place"] for find in found["finds"]} == {"database", "file", "archive"}
    assert {Path(find["where"]).name for find in found["finds"] if find["place"] == "file"} == {
        "access.log",
        "service-a.log",
    }
    assert [find["where"] for find in known["rows"]] == ["reviews.name"]
    assert list(found["guards"]) == ["word"]
    found_after = time.monotonic() - began
    for language, block in BLOCKS[1:]:
        carry_out(stage, language, block, known)
    contained_after = time.monotonic() - began

    status, last = known["scans"][-1]
    assert (status, last["finds"], last["guards"], last["unread"]) == (0, [], {}, [])
    assert scanned(stage, "--json", "--folder", str(folder))[0] == 0
    assert left_behind(stage, folder, archive) == set()
    assert "GET /readyz 200" in (folder / "access.log").read_text()
    with capsys.disabled():
        sys.stdout.write(
            f"\ndrill: all places found after {found_after:.1f} s, contained after {contained_after:.1f} s\n"
        )
    assert found_after < contained_after < HOUR


def test_drill_guard_that_is_back_refuses_the_number_again(stage):
    assert scanned(stage, "--json")[1]["guards"] == {}
    with pytest.raises(Exception, match="word_format"):
        stage.sql("INSERT INTO reviews VALUES (%s, %s, now(), 'operator')", "rv_" + "c" * 30, VISA)


def test_canary_is_refused_by_the_running_service_and_leaves_nothing_there(stage):
    environ = stage.stack._environments["service"]
    host, port = environ["PANLESS_BIND"].split(":")
    tools = wiring.build(config.load(environ | {"PANLESS_CANARY_URL": f"http://{host}:{port}"}))
    try:
        watch = canary.Watch(tools, [Way(*one) for one in app.ways_in()], wait_seconds=2.0)
        assert watch.run() is True
    finally:
        tools.engine.dispose()
