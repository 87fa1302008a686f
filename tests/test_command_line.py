import csv
import io
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

import click
import geopandas as gpd
import numpy as np
import pytest
from babel.messages.pofile import read_po

from layers import language
from layers.importing import osm, positions
from layers.site import Site
from layers.terminal.running import run, xuncha
from tests import wordings
from tests.conftest import at
from tests.layers.importing.extracts import crossroads, helsinki

ROOT = Path(__file__).parents[1]
CODE = "code=gbt30428-2013-event.0406"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.delenv("XUNCHA_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    with language.using("en"):
        yield


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command; return its code, what it said and what it complained about."""

    def command(*words: object) -> tuple[int, str, str]:
        code = run([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def home(tmp_path: Path, say: Callable[..., tuple[int, str, str]], streets: gpd.GeoDataFrame) -> Path:
    """Give a site with the streets of the town."""
    streets.to_file(tmp_path / "streets.gpkg")
    made = tmp_path / "site"
    assert say("init", made)[0] == 0
    assert say("import", "streets", tmp_path / "streets.gpkg", "--home", made)[0] == 0
    return made


def reports(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "reports.csv"
    lon, lat = at(90, 205)
    path.write_text(
        "number,lon,lat,time,note\n" + "".join(rows or (f"1,{lon},{lat},2026-01-05 10:00,占道\n",)),
        encoding="utf-8",
    )
    return path


def test_help_reads_like_a_table_of_contents(say: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = say("--help")
    assert code == 0
    order = [
        out.index(word)
        for word in ("Begin:", "init", "serve", "Bring data in:", "import", "assign", "account")
    ]
    assert order == sorted(order)
    assert "Examples:" in out
    assert say() == (0, out, "")


def test_help_is_in_the_reader_s_language(say: Callable[..., tuple[int, str, str]]) -> None:
    _, chinese, _ = say("--lang", "zh", "--help")
    assert "Begin" not in chinese
    assert "开始" in chinese
    language.choose("zh")
    _, out, _ = say("import", "findings", "--help")
    assert "选项" in out
    assert "Which column" not in out


def every_command(prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    command: click.Command = xuncha
    ctx = click.Context(xuncha)
    for name in prefix:
        assert isinstance(command, click.Group)
        found = command.get_command(ctx, name)
        assert found is not None
        command = found
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            yield from every_command((*prefix, name))
    else:
        yield prefix


@pytest.mark.parametrize("command", sorted(every_command()), ids=" ".join)
def test_every_command_has_a_help(command: tuple[str, ...], say: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = say(*command, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: xuncha {' '.join(command)}" in out


def in_chinese() -> set[str]:
    with (ROOT / "layers" / "translations" / "zh.po").open("rb") as file:
        messages = read_po(file, locale="zh")
    ids = {message.id: message.string for message in messages}
    one = {key: text for key, text in ids.items() if isinstance(key, str) and text}
    many = {form for key, text in ids.items() if not isinstance(key, str) and all(text) for form in key}
    return set(one) | many


def test_every_text_of_command_line_and_imports_is_there_in_chinese() -> None:
    files = [*ROOT.glob("layers/terminal/*.py"), *ROOT.glob("layers/importing/*.py")]
    found = wordings.of_files([*files, *(ROOT / "layers").glob("*ing.py")])
    assert len(found) > 200
    known = in_chinese()
    assert {message: where for message, where in found.items() if message not in known} == {}


def test_every_reason_for_leaving_something_out_is_there_in_chinese() -> None:
    reasons = set(osm.read(helsinki()).skipped) | {
        message for message, _ in positions.faults(np.zeros((1, 2)))
    }
    assert len(reasons) > 10
    assert reasons - in_chinese() == set()


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("impor",), 2, "There is no command impor"),
        (("import", "osm"), 2, "FILE is missing"),
        (("import", "osm", "x.pbf", "--nonsense"), 2, "There is no option --nonsense"),
        (("status",), 1, "Which site? Say --home"),
        (("status", "--home", "nowhere"), 1, "There is no site in nowhere"),
        (("serve", "nowhere"), 1, "There is no site in nowhere"),
        (("assign", "x.csv", "-o", "y.csv", "--streets", "a", "--home", "b"), 2, "not both"),
        (
            ("assign", "x.csv", "-o", "y.csv", "--streets", "a.gpkg", "--lon", "x"),
            2,
            "--lon and --lat go together",
        ),
        (("assign", "x.csv", "-o", "y.csv", "--streets", "a.gpkg"), 1, "There is no file a.gpkg"),
        (("assign", "x.csv", "--streets", "a.gpkg"), 2, "--out is missing"),
        (("serve", "h", "--port", "0"), 2, "--port: "),
        (("import", "findings", "x.csv", "--frame", "gps"), 2, "gps is none of: wgs84, gcj02, bd09"),
        (("import", "findings", "x.csv", "--set", "code"), 2, "--set wants NAME=VALUE; this is code"),
        (("init", "h", "--crs", "EPSG:3435"), 1, "feet are not metres"),
        (("init", "h", "--time-zone", "Mars"), 1, "time_zone"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    words: tuple[str, ...], code: int, complaint: str, say: Callable[..., tuple[int, str, str]]
) -> None:
    found, out, err = say(*words)
    assert found == code
    assert complaint in err
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert out == ""


def test_a_failed_init_leaves_nothing_that_counts_as_a_site(
    tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    assert say("init", tmp_path / "h", "--crs", "EPSG:3435")[0] == 1
    assert say("init", tmp_path / "h")[0] == 0
    code, _, err = say("init", tmp_path / "h")
    assert code == 1
    assert "There is a site in" in err


def test_the_trace_of_an_error_goes_to_the_site_s_log_alone(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    code, _, err = say("import", "osm", tmp_path / "missing.pbf", "--home", home)
    assert code == 1
    assert "Traceback" not in err
    log = (home / "log" / "xuncha.log").read_text(encoding="utf-8")
    assert "Traceback" in log
    assert "UnreadableFileError" in log


def test_an_extract_comes_in_once(tmp_path: Path, say: Callable[..., tuple[int, str, str]]) -> None:
    extract = crossroads().write(tmp_path / "town.osm")
    say("init", tmp_path / "h")
    _, first, _ = say("import", "osm", extract, "--home", tmp_path / "h")
    assert "Streets: 2 rows, 2 new" in first
    assert "street network 1: 4 blocks" in first
    _, second, _ = say("import", "osm", extract, "--home", tmp_path / "h")
    assert "Streets: 2 rows, 0 new, 2 as they were" in second
    assert "street network 1" in second


def test_the_site_may_be_the_folder_one_is_in_or_a_variable(
    home: Path, say: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XUNCHA_HOME", str(home))
    assert say("status")[0] == 0
    monkeypatch.delenv("XUNCHA_HOME")
    monkeypatch.chdir(home)
    code, out, _ = say("status")
    assert code == 0
    assert "street network 1: 40 blocks" in out


def test_an_import_is_read_by_a_profile_and_taken_back(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    lon, lat = at(90, 205)
    path = reports(tmp_path, f"1,{lon},{lat},2026-01-05 10:00,a\n")
    words = ("import", "findings", path, "--home", home)
    how = ("--frame", "wgs84", "--set", CODE, "--key", "number", "--save-profile", "hotline")
    assert say(*words, *how)[0] == 0
    assert say("import", "profiles", "--home", home)[1].startswith("hotline\tfindings")
    _, out, _ = say("import", "list", "--home", home)
    assert "\treports.csv\t1 new" in out
    _, out, _ = say("import", "undo", out.splitlines()[0].split("\t")[0], "--home", home)
    assert "is undone: 1 records" in out
    assert say("import", "list", "--home", home)[1].splitlines()[0].endswith("undone")
    code, out, _ = say(*words, "--profile", "hotline")
    assert (code, "1 rows, 1 new" in out) == (0, True)
    assert say(*words, "--profile", "other")[0] == 1


def test_findings_come_in_with_a_file_of_refused_rows_that_can_be_mended(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    lon, lat = at(90, 205)
    path = reports(tmp_path, f"1,{lon},{lat},2026-01-05,a\n", f"002,{lat},{lon},2026-01-05,b\n")
    words = ("import", "findings", path, "--home", home, "--frame", "wgs84", "--set", CODE, "--key", "number")
    code, out, _ = say(*words, "--dry-run")
    assert code == 0
    assert "dry run, nothing was written" in out
    assert not (tmp_path / "reports.csv.refused.csv").exists()
    code, out, _ = say(*words)
    assert code == 0
    assert "2 rows, 1 new, 0 as they were, 1 refused" in out
    assert "1 row has a date without a time of day" in out
    assert "row 2: " in out
    refused = tmp_path / "reports.csv.refused.csv"
    text = refused.read_text(encoding="utf-8-sig")
    kept = list(csv.DictReader(text.splitlines()))
    assert (kept[0]["refused_row"], kept[0]["refused_field"], kept[0]["number"]) == ("2", "position", "002")
    refused.write_text(text.replace(f"{lat},{lon}", f"{lon},{lat}"), encoding="utf-8")
    code, out, _ = say(*words[:2], refused, *words[3:])
    assert code == 0
    assert "1 rows, 1 new" in out
    _, out, _ = say("status", "--home", home)
    assert "findings                    2" in out


def test_a_file_of_which_every_row_is_refused_fails(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    path = reports(tmp_path, "1,x,y,2026-01-05,a\n")
    code, _, err = say("import", "findings", path, "--home", home, "--frame", "wgs84", "--set", CODE)
    assert code == 1
    assert "every row was refused" in err


def test_the_outbox_of_a_phone_comes_in_and_is_told_thing_by_thing(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    assert say("account", "add", "zhang", "--no-password", "--home", home)[0] == 0
    lon, lat = at(90, 205)
    body = {
        "scheme": "gbt30428-2013-event",
        "code": "0406",
        "observed_at": "2026-01-05T02:00:00.000Z",
        "position": {"lon": lon, "lat": lat, "frame": "wgs84"},
    }
    uuid = "0b8e4c1e-6d0f-4c57-9f4e-3a1b8d2c7e90"
    item = {"id": uuid, "kind": "finding", "account": 1, "body": body, "photos": [{"data": "AAAA"}]}
    file = tmp_path / "xuncha-outbox.json"
    file.write_text(json.dumps({"format": "xuncha-outbox-1", "items": [item, {**item, "account": 9}]}))
    dry = say("import", "outbox", file, "--home", home, "--dry-run")
    assert dry[0] == 0
    assert "nothing was written" in dry[1]
    code, out, _ = say("import", "outbox", file, "--home", home)
    assert code == 0
    first, photo, other = out.splitlines()[1:]
    assert first == f"  Finding {uuid}: taken"
    assert photo.startswith(f"  Finding {uuid} photo 1: refused: This is not a JPEG")
    assert f"{uuid}: refused: " in other
    assert f"{uuid}: already there" in say("import", "outbox", file, "--home", home)[1]
    file.write_text(json.dumps({"format": "xuncha-outbox-1", "items": [{**item, "account": 9}]}))
    assert say("import", "outbox", file, "--home", home)[0] == 1


def test_values_are_mapped_by_a_file_or_in_place(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    (tmp_path / "map.csv").write_text("占道,gbt30428-2013-event.0406\n", encoding="utf-8")
    words = (
        "import",
        "findings",
        reports(tmp_path),
        "--home",
        home,
        "--frame",
        "wgs84",
        "--column",
        "code=note",
    )
    assert "1 new" in say(*words, "--map-values", f"code={tmp_path / 'map.csv'}")[1]
    assert (
        "1 as they were"
        in say(*words, "--map-values", "code=占道:gbt30428-2013-event.0406;*:xuncha-ext.X999")[1]
    )
    code, _, err = say(*words, "--map-values", "code=missing.csv")
    assert (code, "There is no file missing.csv" in err) == (1, True)


def test_what_the_page_asks_of_a_file_can_be_said_here_too(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    path = tmp_path / "a.csv"
    lon, lat = at(90, 205)
    rows = ["一,二,三", "时间,位置,code", f'05/03/2026 8:30,"{lat} {lon}",406']
    path.write_text("\n".join(rows), encoding="utf-8")
    words = ("import", "findings", path, "--home", home, "--frame", "wgs84", "--column", "lonlat=位置")
    ways = ("--header-row", "2", "--scheme", "gbt30428-2013-event", "--time-zone", "UTC")
    code, _, err = say(*words, *ways)
    assert code == 1
    assert (
        "05/03/2026 8:30 can begin with the day or the month; say which with --date-format: dmy, mdy" in err
    )
    code, out, _ = say(*words, *ways, "--date-format", "dmy", "--coordinate-order", "latlon", "--dry-run")
    assert code == 0
    assert "1 new" in out
    for told in ("without a zone: UTC", "dates: dmy", "in one column: latlon", "406 → 0406"):
        assert told in out


def test_a_file_in_gb18030_names_the_way_out(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    path = reports(tmp_path)
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    words = ("import", "findings", path, "--home", home, "--frame", "wgs84", "--set", CODE)
    code, _, err = say(*words)
    assert code == 1
    assert "--encoding" in err
    assert "1 new" in say(*words, "--encoding", "gb18030")[1]


def test_assign_states_the_error_it_assumed(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    path, out_path = reports(tmp_path), tmp_path / "out.csv"
    for where in (("--home", home), ("--streets", tmp_path / "streets.gpkg")):
        code, out, err = say("assign", path, *where, "-o", out_path, "--source", "geocoded", "--accuracy", 15)
        assert (code, err) == (0, "")
        assert "position error assumed: 9.9 m per axis (geocoded), 0 m from the centre line" in out
        assert "mainland China were read as WGS 84" in out
        with out_path.open(encoding="utf-8", newline="") as file:
            assert next(csv.DictReader(file))["street_name"] == "光荣道"


def test_areas_and_places_come_in_from_tables(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    lon, lat = at(90, 205)
    (tmp_path / "schools.csv").write_text(f"名称,经度,纬度\n普育小学,{lon},{lat}\n", encoding="utf-8")
    code, _, err = say("import", "key-points", tmp_path / "schools.csv", "--kind", "school", "--home", home)
    assert code == 1
    assert "name it with --crs" in err
    words = (
        "import",
        "key-points",
        tmp_path / "schools.csv",
        "--kind",
        "school",
        "--frame",
        "wgs84",
        "--home",
        home,
    )
    assert "Key points: 1 rows, 1 new" in say(*words)[1]
    assert "0 new, 1 as they were" in say(*words)[1]
    (tmp_path / "grid.csv").write_text(
        f'name,wkt\n一,"POLYGON(({lon} {lat}, {lon + 0.01} {lat}, {lon} {lat + 0.01}, {lon} {lat}))"\n',
        encoding="utf-8",
    )
    words = (
        "import",
        "districts",
        tmp_path / "grid.csv",
        "--level",
        "grid",
        "--crs",
        "EPSG:4326",
        "--home",
        home,
    )
    assert "Areas: 1 rows, 1 new" in say(*words)[1]
    assert "1 key" not in say("check", "--home", home)[1]


def test_accounts_are_added_listed_and_given_tokens(
    home: Path, say: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a long password\n"))
    assert say("account", "add", "zhang", "--name", "张三", "--role", "supervisor", "--home", home)[0] == 0
    assert say("account", "add", "phone", "--no-password", "--home", home)[0] == 0
    _, out, _ = say("account", "list", "--home", home)
    assert out.splitlines() == ["phone\tinspector\tphone", "zhang\tsupervisor\t张三"]
    code, token, _ = say("account", "token", "phone", "--label", "Pixel", "--home", home)
    assert code == 0
    assert len(token.strip()) > 30
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    code, _, err = say("account", "add", "li", "--home", home)
    assert code == 1
    assert "8 characters" in err
    assert say("account", "disable", "phone", "--home", home)[0] == 0
    assert "phone" not in say("account", "list", "--home", home)[1]
    assert say("account", "readmit", "phone", "--home", home)[0] == 0
    assert say("account", "role", "phone", "viewer", "--home", home)[0] == 0
    assert "phone\tviewer" in say("account", "list", "--home", home)[1]
    code, once, _ = say("account", "password", "phone", "--once", "--home", home)
    assert (code, len(once.strip()) >= 12) == (0, True)
    assert say("account", "role", "nobody", "viewer", "--home", home)[0] == 1
    assert say("account", "role", "phone", "king", "--home", home)[0] == 2


def test_a_site_is_kept_and_brought_back(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    kept, again = tmp_path / "kept", tmp_path / "again"
    code, out, err = say("backup", kept, "--home", home)
    assert (code, err) == (0, "")
    assert "guard it" in out
    code, out, err = say("restore", kept, again)
    assert (code, err) == (0, "")
    assert f"xuncha check --home {again}" in out
    assert say("check", "--home", again) == (0, "everything is sound\n", "")
    code, _, err = say("restore", kept, home)
    assert code == 1
    assert "There is a site" in err


def test_check_names_the_line_of_history_that_was_changed(
    home: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    with sqlite3.connect(home / "site.gpkg") as connection:
        connection.execute("DROP TRIGGER history_no_update")
        connection.execute("DROP TRIGGER guard_history_update")
        connection.execute("UPDATE history SET action = 'x' WHERE id = 1")
    connection.close()
    code, out, err = say("check", "--home", home)
    assert code == 1
    guards = "somebody had let others edit these tables; no longer: history"
    assert out == f"history: line 1 was changed\n{guards}\n"
    assert "sound" in err
    assert say("check", "--home", home)[1] == "history: line 1 was changed\n"


def test_maps_are_written_as_files(
    home: Path, tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = say("maps", tmp_path / "maps", "--home", home, "--from", "2026-01-01")
    assert (code, err) == (0, "")
    assert (tmp_path / "maps" / "index.html").exists()
    assert "index.html" in out


def test_check_tells_what_is_not_sound(home: Path, say: Callable[..., tuple[int, str, str]]) -> None:
    assert say("check", "--home", home) == (0, "everything is sound\n", "")
    assert say("derive", "--home", home)[0] == 0


# the server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answered(url: str) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        return error.read()
    except (urllib.error.URLError, OSError):
        return None


def wait_for(url: str, process: subprocess.Popen[str]) -> bytes:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if (found := answered(url)) is not None:
            return found
        time.sleep(0.2)
    raise AssertionError(process.communicate(timeout=10))


def begin(*words: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", "from layers.terminal import main; main()", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "default"},
        start_new_session=True,
        cwd=Path(__file__).parents[1],
    )


def test_open_builds_a_site_serves_it_and_ends_on_ctrl_c(
    tmp_path: Path, say: Callable[..., tuple[int, str, str]]
) -> None:
    port, home = free_port(), tmp_path / "site"
    process = begin("open", home, "--osm", helsinki(), "--port", port)
    try:
        # the last that it says, and only when it answers
        said = list(takewhile(lambda line: "first accounts" not in line, process.stdout or ()))
        assert f"http://127.0.0.1:{port}/" in said[-1]
        assert json.loads(answered(f"http://127.0.0.1:{port}/api/v1/health") or b"{}")["status"] == "ok"
        code, _, err = say("serve", home, "--port", port)
        assert code == 1
        assert f"Cannot listen on 127.0.0.1 port {port}" in err
    finally:
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (home / "first-accounts.txt").stat().st_mode & 0o077 == 0
    site = Site.open(home, now=datetime.now(UTC))
    assert site.network.version == 1
    site.close()


def test_an_import_that_is_interrupted_ends_with_one_line(tmp_path: Path) -> None:
    home = tmp_path / "site"
    subprocess.run([*begin_words(), "init", str(home)], check=True, cwd=Path(__file__).parents[1])
    lon, lat = at(90, 205)
    lines = [f"{n},{lon},{lat},2026-01-05 10:00,a\n" for n in range(400_000)]
    path = reports(tmp_path, *lines)
    process = begin("import", "findings", path, "--home", home, "--frame", "wgs84", "--set", CODE)
    until = time.monotonic() + 120
    while not (home / "site.gpkg-wal").exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.strip().endswith("Interrupted; what is in is whole, the same command again continues")
    assert "Traceback" not in err
    assert not list(tmp_path.glob("*.refused.csv"))


def begin_words() -> list[str]:
    return [sys.executable, "-c", "from layers.terminal import main; main()"]
