from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from layers import history
from layers.analysis.questions import Analyst
from layers.errors import ConflictError, ForbiddenError
from layers.field import checks, findings, likeness, measures, photos, twins
from layers.field.findings import FindingFilter
from layers.people import Account
from layers.site import Site
from layers.store import schema
from tests.conftest import report
from tests.layers.field.test_checks import said

FIRST, AGAIN, FAR, OTHER = (report(number, 0, 0, datetime.now()).uuid for number in (1, 2, 3, 4))
ALL = FindingFilter()


@pytest.fixture
def told(town: Site, inspector: Account, now: datetime) -> Site:
    """Give the town one stall reported twice, another far off, and another category beside it."""
    later = now - timedelta(minutes=20)
    reports = [
        report(1, 300, 206, now),
        report(2, 303, 206, now, observed_at=later),
        report(3, 500, 606, now, observed_at=later),
        report(4, 301, 206, now, observed_at=later, code="0136"),
    ]
    findings.put_many(town, inspector, reports, now=now)
    return town


def scene(seed: int) -> Image.Image:
    """Draw a picture like no other."""
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def pair_of(site: Site) -> twins.Pair:
    found = twins.proposals(site, ALL)
    assert [(one.first, one.second, one.relation) for one in found] == [(FIRST, AGAIN, "duplicate")]
    return found[0]


def counted(site: Site) -> set[str]:
    return set(Analyst(site).findings(ALL)["uuid"])


def test_what_is_near_and_soon_is_proposed_with_its_evidence(told: Site) -> None:
    pair = pair_of(told)
    assert pair.p > 0.8
    assert pair.distance_m == pytest.approx(3.0, abs=0.2)
    assert pair.along_m == pytest.approx(3.0, abs=0.5)
    assert pair.hours == pytest.approx(2 / 3, abs=0.01)
    assert pair.photo_bits is None


def test_a_merged_finding_counts_with_the_first_and_stays(
    told: Site, supervisor: Account, now: datetime
) -> None:
    twins.decide(told, supervisor, pair_of(told), same=True, now=now)
    assert counted(told) == {FIRST, FAR, OTHER}
    everything = findings.page(told, FindingFilter(with_duplicates=True)).findings
    assert {one.uuid: one.duplicate_of for one in everything} == {
        FIRST: None,
        AGAIN: FIRST,
        FAR: None,
        OTHER: None,
    }
    assert twins.proposals(told, ALL) == []
    made = twins.links(told, AGAIN)
    assert [(one.first, one.second, one.same, one.decided_by) for one in made] == [
        (FIRST, AGAIN, True, supervisor.name)
    ]


def test_a_merge_can_be_undone_and_the_history_of_both_tells_it(
    told: Site, supervisor: Account, now: datetime
) -> None:
    key = twins.decide(told, supervisor, pair_of(told), same=True, now=now)
    twins.undo(told, supervisor, key, now=now)
    assert counted(told) == {FIRST, AGAIN, FAR, OTHER}
    assert findings.get(told, AGAIN).duplicate_of is None
    pair_of(told)
    for uuid in (FIRST, AGAIN):
        with told.store.read() as conn:
            actions = [line["action"] for line in history.of(conn, "finding", uuid)]
        assert actions == ["create", "merge", "undo"]
    with pytest.raises(ConflictError):
        twins.undo(told, supervisor, key, now=now)


def test_what_is_not_the_same_is_not_proposed_again(told: Site, supervisor: Account, now: datetime) -> None:
    key = twins.decide(told, supervisor, pair_of(told), same=False, now=now)
    assert twins.proposals(told, ALL) == []
    assert counted(told) == {FIRST, AGAIN, FAR, OTHER}
    twins.undo(told, supervisor, key, now=now)
    pair_of(told)


def test_who_comes_second_is_told_and_inspectors_decide_nothing(
    told: Site, supervisor: Account, inspector: Account, now: datetime
) -> None:
    pair = pair_of(told)
    with pytest.raises(ForbiddenError):
        twins.decide(told, inspector, pair, same=True, now=now)
    twins.decide(told, supervisor, pair, same=False, now=now)
    with pytest.raises(ConflictError):
        twins.decide(told, supervisor, pair, same=True, now=now)


def test_a_chain_of_three_counts_once(
    told: Site, supervisor: Account, inspector: Account, now: datetime
) -> None:
    third = report(5, 302, 207, now, observed_at=now - timedelta(minutes=5))
    findings.put(told, inspector, third, now=now)
    by_names = {(one.first, one.second): one for one in twins.proposals(told, ALL)}
    assert set(by_names) == {(FIRST, AGAIN), (AGAIN, third.uuid), (FIRST, third.uuid)}
    twins.decide(told, supervisor, by_names[AGAIN, third.uuid], same=True, now=now)
    with pytest.raises(ConflictError):
        twins.decide(told, supervisor, by_names[FIRST, third.uuid], same=True, now=now)
    twins.decide(told, supervisor, by_names[FIRST, AGAIN], same=True, now=now)
    assert counted(told) == {FIRST, FAR, OTHER}
    assert findings.get(told, third.uuid).duplicate_of == FIRST
    assert twins.proposals(told, ALL) == []


def test_seen_again_after_it_was_closed_it_is_a_relapse_and_both_count(
    told: Site, supervisor: Account, now: datetime
) -> None:
    closings = pd.DataFrame({"uuid": [FIRST], "closed_at": [pd.Timestamp(now - timedelta(minutes=40))]})
    (pair,) = twins.proposals(told, ALL, closings)
    assert (pair.relation, pair.hours) == ("relapse", pytest.approx(1 / 3, abs=0.01))
    twins.decide(told, supervisor, pair, same=True, now=now)
    assert counted(told) == {FIRST, AGAIN, FAR, OTHER}
    assert findings.get(told, AGAIN).duplicate_of is None


def test_a_photo_used_before_is_flagged_on_both_findings(
    told: Site, inspector: Account, now: datetime
) -> None:
    image = scene(1)
    smaller = jpeg(image.resize((320, 240)), quality=60)
    photos.attach(told, inspector, FIRST, jpeg(image), now=now)
    photos.attach(told, inspector, FAR, jpeg(scene(2)), now=now)
    assert not findings.get(told, FIRST).photos[0].reused
    photos.attach(told, inspector, OTHER, smaller, now=now)
    photos.attach(told, inspector, FIRST, jpeg(image, quality=50), "wide", now=now)
    reused = {uuid: [one.reused for one in findings.get(told, uuid).photos] for uuid in (FIRST, FAR, OTHER)}
    assert reused == {FIRST: [True, True], FAR: [False], OTHER: [True]}


def test_equal_photos_speak_for_a_pair(told: Site, inspector: Account, now: datetime) -> None:
    without = pair_of(told).p
    photos.attach(told, inspector, FIRST, jpeg(scene(1)), now=now)
    photos.attach(told, inspector, AGAIN, jpeg(scene(1), quality=70), now=now)
    pair = pair_of(told)
    assert pair.photo_bits is not None
    assert pair.photo_bits <= likeness.SAME_BITS
    assert pair.p > without


def test_plain_pictures_are_like_nothing_unless_the_file_is_the_same(
    told: Site, inspector: Account, now: datetime
) -> None:
    black, blacker = jpeg(Image.new("RGB", (64, 48), (9, 9, 9))), jpeg(Image.new("RGB", (64, 48), "black"))
    photos.attach(told, inspector, FIRST, black, now=now)
    photos.attach(told, inspector, AGAIN, blacker, now=now)
    assert not findings.get(told, AGAIN).photos[0].reused
    photos.attach(told, inspector, FAR, black, now=now)
    assert findings.get(told, FAR).photos[0].reused
    assert pair_of(told).photo_bits is None


def test_photos_of_an_older_version_are_hashed_when_asked(
    told: Site, inspector: Account, now: datetime
) -> None:
    photos.attach(told, inspector, FIRST, jpeg(scene(1)), now=now)
    photos.attach(told, inspector, OTHER, jpeg(scene(1), quality=60), now=now)
    gone = photos.attach(told, inspector, FAR, jpeg(scene(3)), now=now)[1]
    with told.store.write() as conn:
        conn.execute(schema.photo_band.delete())
        conn.execute(schema.photo.update().values(phash=None, turns=None))
    photos.open_original(told, inspector, gone.sha256).unlink()
    assert photos.compare(told) == 3
    assert photos.compare(told) == 0
    assert findings.get(told, FIRST).photos[0].reused
    assert findings.get(told, FAR).photos[0].phash == likeness.PLAIN


WAYS = list(Image.Transpose)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name.lower())
def test_a_photo_mirrored_or_turned_is_flagged_on_both_findings(
    told: Site, inspector: Account, now: datetime, way: Image.Transpose
) -> None:
    turned = scene(1).transpose(way)
    smaller = jpeg(turned.resize((turned.width * 2 // 3, turned.height * 2 // 3)), quality=60)
    photos.attach(told, inspector, FIRST, jpeg(scene(1)), now=now)
    photos.attach(told, inspector, FAR, jpeg(scene(2).transpose(way)), now=now)
    photos.attach(told, inspector, OTHER, smaller, "after", now=now)
    photos.compare_in_passing(told, now=now)
    kept = findings.get(told, OTHER).photos[0]
    assert "reused" in kept.doubts
    reused = {uuid: findings.get(told, uuid).photos[0].reused for uuid in (FIRST, FAR, OTHER)}
    assert reused == {FIRST: True, FAR: False, OTHER: True}
    shown = photos.also_on(told, inspector, findings.get(told, OTHER))
    assert shown == {kept.sha256: [FIRST]}


def test_whichever_photo_is_compared_first_finds_the_other(
    told: Site, inspector: Account, now: datetime
) -> None:
    photos.attach(told, inspector, FIRST, jpeg(scene(1)), now=now)
    photos.attach(told, inspector, OTHER, jpeg(scene(1).transpose(WAYS[0]), quality=70), now=now)
    assert not findings.get(told, FIRST).photos[0].reused
    assert photos.compare(told, most=1) == 1
    assert [findings.get(told, uuid).photos[0].reused for uuid in (FIRST, OTHER)] == [True, True]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name.lower())
def test_turned_photos_that_are_both_of_an_older_version_are_known_once_they_are_hashed(
    told: Site, inspector: Account, now: datetime, way: Image.Transpose
) -> None:
    photos.attach(told, inspector, FIRST, jpeg(scene(1)), now=now)
    photos.attach(told, inspector, OTHER, jpeg(scene(1).transpose(way), quality=70), now=now)
    before = findings.get(told, FIRST).photos[0].phash
    with told.store.write() as conn:
        conn.execute(schema.photo_band.delete())
        conn.execute(schema.photo.update().values(phash=None, turns=None))
    assert not findings.get(told, OTHER).photos[0].reused
    assert photos.compare(told) == 2
    assert photos.compare(told) == 0
    assert [findings.get(told, uuid).photos[0].reused for uuid in (FIRST, OTHER)] == [True, True]
    assert findings.get(told, FIRST).photos[0].phash == before


@pytest.mark.parametrize("size", [(160, 120), (120, 160)])
def test_the_four_hashes_kept_are_those_of_all_eight_ways(size: tuple[int, int]) -> None:
    image = scene(4).resize(size)
    kept = likeness.ways(likeness.look(image))
    made = {likeness.look(image.transpose(way)) for way in WAYS} | {likeness.look(image)}
    assert set(kept) == {likeness.ways(one)[0] for one in made}
    assert len(set(kept)) == 8


def test_hashes_survive_size_light_and_compression_and_tell_scenes_apart() -> None:
    image = scene(1)
    own = likeness.phash(image)
    brighter = image.point(lambda value: min(int(value * 1.15) + 6, 255))
    for other in (image.resize((200, 150)), brighter, Image.open(BytesIO(jpeg(image, 30)))):
        assert likeness.bits_apart(own, likeness.phash(other)) <= likeness.SAME_BITS
    others = [likeness.bits_apart(own, likeness.phash(scene(seed))) for seed in range(2, 40)]
    assert min(others) > 12


@pytest.mark.parametrize("bits", range(5))
def test_hashes_a_few_bits_apart_share_a_band(bits: int) -> None:
    rng = np.random.default_rng(bits)
    for _ in range(50):
        one = int(rng.integers(0, 2**63))
        other = one
        for bit in rng.choice(64, bits, replace=False).tolist():
            other ^= 1 << bit
        bands = [likeness.bands(f"{value:016x}") for value in (one, other)]
        assert any(left == right for left, right in zip(*bands, strict=True))


def test_what_a_measure_ended_and_is_there_again_is_a_relapse(
    told: Site, supervisor: Account, inspector: Account, now: datetime
) -> None:
    block = findings.get(told, FIRST).placement.block_id
    day = now.astimezone(told.settings.zone).date()
    measures.note(told, supervisor, "order", day, [block], now=now)
    later = report(11, 302, 206, now, observed_at=now + timedelta(days=2))
    findings.put(told, inspector, later, now=now + timedelta(days=2))
    assert {pair.relation for pair in twins.proposals(told, ALL)} == {"duplicate"}
    number = measures.note(told, supervisor, "fixed", day, [block], now=now)
    by_names = {(one.first, one.second): one.relation for one in twins.proposals(told, ALL)}
    assert by_names == {
        (FIRST, AGAIN): "duplicate",
        (FIRST, later.uuid): "relapse",
        (AGAIN, later.uuid): "relapse",
    }
    measures.take_back(told, supervisor, number, now=now)
    assert {pair.relation for pair in twins.proposals(told, ALL)} == {"duplicate"}


def test_what_a_check_did_not_find_and_is_there_again_is_a_relapse(
    told: Site, inspector: Account, now: datetime
) -> None:
    clean = replace(said(21, 300, 206, now, "place"), observed_at=now + timedelta(hours=1))
    checks.put(told, inspector, clean, now=now + timedelta(hours=1))
    later = report(11, 302, 206, now, observed_at=now + timedelta(hours=2))
    findings.put(told, inspector, later, now=now + timedelta(hours=2))
    relations = {(one.first, one.second): one.relation for one in twins.proposals(told, ALL)}
    assert relations[FIRST, AGAIN] == "duplicate"
    assert relations[FIRST, later.uuid] == relations[AGAIN, later.uuid] == "relapse"
