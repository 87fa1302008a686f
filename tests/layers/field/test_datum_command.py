from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pytest

from layers import language
from layers.field import datum, tracks
from layers.people import Account
from layers.site import Site
from layers.terminal.running import run
from tests.layers.field.test_datum import PHONE, derived, drive, wander


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with language.using("en"):
        yield


def test_a_terminal_can_name_correct_and_take_back(
    town: Site,
    inspector: Account,
    supervisor: Account,
    now: datetime,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = ["--home", str(town.settings.home)]
    assert run(["datum", "check", *home]) == 0
    assert capsys.readouterr().out == "No device is shifted\n"
    tracks.put(town, inspector, drive(1, wander(now, np.random.default_rng(4)), now), now=now)
    before = derived(town)
    assert run(["datum", "check", *home]) == 0
    assert capsys.readouterr().out.startswith(f"{PHONE}: says wgs84, fits as gcj02 (")
    asked = ["datum", "apply", PHONE, "--frame", "wgs84", "--true-frame", "gcj02", "--reason", "fits"]
    period = ["--from", "2026-08-01", "--until", "2026-08-31"]
    assert run([*asked, *period, "--by", "nobody", *home]) == 1
    assert run([*asked, *period, "--by", inspector.login, *home]) == 1
    assert run([*asked, *period, "--by", supervisor.login, *home]) == 0
    (one,) = datum.applied(town)
    assert one.evidence["guess"] == "gcj02"
    zone = town.settings.zone
    assert one.until_at is not None
    assert [at.astimezone(zone).isoformat()[:16] for at in (one.from_at, one.until_at)] == [
        "2026-08-01T00:00",
        "2026-09-01T00:00",
    ]
    assert derived(town) != before
    assert run(["datum", "withdraw", str(one.id), "--by", supervisor.login, *home]) == 0
    assert run(["datum", "withdraw", str(one.id), "--by", supervisor.login, *home]) == 1
    assert derived(town) == before
