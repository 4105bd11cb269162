"""Addresses against a real server that stalls, breaks, refuses and lies."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3

from gengap.data.collider import COLUMNS
from gengap.data.sources import remote
from gengap.data.sources.source import ingest, open_source
from gengap.errors import BadRowError, SourceError, TooFewRowsError
from gengap.files.user_cache import cache_folder

if TYPE_CHECKING:
    from conftest import Site

ROWS = 6000
VALUES = np.random.default_rng(0).normal(size=(ROWS, 28)).astype(np.float32)
LINES = [",".join([f"{i % 2:.18e}", *(f"{v:.18e}" for v in row)]) + "\n" for i, row in enumerate(VALUES.tolist())]
HIGGS = gzip.compress("".join(LINES).encode(), 1)  # 1.6 MB, written as the real file is


def read(source: Any, **options: Any) -> np.ndarray:
    """The rows of a HIGGS source, without the label."""
    batches = open_source(source, **options).batches()
    return np.concatenate([np.stack([c.to_numpy() for c in batch.columns[1:]], 1) for batch in batches])


def compressed(rows: int) -> int:
    """How many bytes of HIGGS its first rows take."""
    wanted, member = len("".join(LINES[:rows])), zlib.decompressobj(31)
    got = 0
    for at in range(0, len(HIGGS), 256):
        got += len(member.decompress(HIGGS[at : at + 256]))
        if got >= wanted:
            return at + 256
    return len(HIGGS)


@pytest.mark.parametrize("rows", [30, 100, 1000, 2345, 4000])
def test_the_transfer_stops_after_the_rows_asked_for(site: Site, cache: Path, rows: int) -> None:
    got = read(site.put("HIGGS.csv.gz", HIGGS), rows=rows)
    np.testing.assert_array_equal(got, VALUES[:rows])
    assert site.sent <= 1.5 * compressed(rows)
    assert not cache.exists()


@pytest.mark.parametrize("rows", [1500, 4000])
def test_the_transfer_stops_where_ranges_are_ignored(site: Site, rows: int) -> None:
    site.ranges = False
    got = read(site.put("HIGGS.csv.gz", HIGGS), rows=rows)
    np.testing.assert_array_equal(got, VALUES[:rows])
    assert site.sent <= 1.5 * compressed(rows)
    assert len(site.asked) == 1


def test_plain_csv_is_streamed_too(site: Site) -> None:
    got = read(site.put("HIGGS.csv", "".join(LINES).encode()), rows=500)
    np.testing.assert_array_equal(got, VALUES[:500])
    assert site.sent <= 1.5 * len("".join(LINES[:500]))


def test_a_stream_can_be_read_twice(site: Site) -> None:
    source = open_source(site.put("HIGGS.csv.gz", HIGGS), rows=50)
    first, second = (pa.Table.from_batches(source.batches()) for _ in range(2))
    assert first.equals(second)


def test_a_whole_file_is_fetched_and_parsed_once(site: Site, cache: Path) -> None:
    url = site.put("HIGGS.csv.gz", HIGGS)
    told: list[tuple[int, int | None]] = []
    source = open_source(url, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (len(HIGGS), len(HIGGS))
    assert sum(len(batch) for batch in source.batches()) == ROWS
    (kept,) = cache.glob("[!.]*")
    assert kept.suffix == ".parquet" and kept.name.startswith("HIGGS-")
    site.sent = 0
    np.testing.assert_array_equal(read(url), VALUES)
    np.testing.assert_array_equal(read(url, rows=70), VALUES[:70])  # a kept copy serves a part as well
    assert site.sent <= 4 * remote.FIRST


def test_a_changed_file_is_fetched_anew(site: Site) -> None:
    url = site.put("HIGGS.csv.gz", HIGGS)
    read(url)
    site.etag = '"two"'
    site.put("HIGGS.csv.gz", gzip.compress("".join(LINES[:10]).encode()))
    assert len(read(url)) == 10


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_transfer_goes_on(site: Site, ranges: bool) -> None:
    site.ranges = ranges
    url = site.put("HIGGS.csv.gz", HIGGS)
    site.breaks = [3000, 0, 200_000, 1_000_000]
    np.testing.assert_array_equal(read(url), VALUES)
    if ranges:
        assert site.sent <= len(HIGGS) + 100_000
        assert site.conditions[-1] == '"one"'


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_stream_goes_on(site: Site, ranges: bool) -> None:
    site.ranges = ranges
    site.breaks = [3000, 0, 20_000, 5000, 100_000]
    np.testing.assert_array_equal(read(site.put("HIGGS.csv.gz", HIGGS), rows=3000), VALUES[:3000])


def test_servers_faults_that_pass_are_waited_out(site: Site) -> None:
    site.statuses = [500, 503, 429]
    assert len(read(site.put("HIGGS.csv.gz", HIGGS), rows=10)) == 10
    site.statuses = [500] * 10
    with pytest.raises(SourceError, match=r"500 Internal Server Error \(byte 0; 4 attempts\)"):
        open_source(site.put("HIGGS.csv.gz", HIGGS), rows=10)


def test_the_next_run_goes_on_with_the_part(site: Site, cache: Path) -> None:
    url = site.put("HIGGS.csv.gz", HIGGS)
    site.breaks = [remote.FIRST, 1_000_000, 0, 0, 0]
    with pytest.raises(SourceError, match=r"closed|broken|incomplete|Incomplete") as caught:
        open_source(url)
    assert "the part that was fetched is kept" in str(caught.value)
    (part,) = cache.glob("*.part")
    assert part.stat().st_size == 1_000_000
    site.sent = 0
    np.testing.assert_array_equal(read(url), VALUES)
    assert site.sent <= len(HIGGS) - 1_000_000 + 2 * remote.FIRST
    assert [path.suffix for path in cache.glob("[!.]*")] == [".parquet"]


def test_a_part_of_which_the_server_can_not_tell_the_version_is_not_used(site: Site, cache: Path) -> None:
    site.etag = None
    url = site.put("HIGGS.csv.gz", HIGGS)
    site.breaks = [remote.FIRST, 500_000, 0, 0, 0]
    with pytest.raises(SourceError):
        open_source(url)
    (part,) = cache.glob("*.part")
    part.write_bytes(b"x" * 500_000)
    np.testing.assert_array_equal(read(url), VALUES)


def test_a_date_serves_where_the_tag_is_weak(site: Site) -> None:
    site.etag, site.modified = 'W/"one"', "Mon, 03 Feb 2014 10:00:00 GMT"
    site.breaks = [remote.FIRST, 100_000]
    np.testing.assert_array_equal(read(site.put("HIGGS.csv.gz", HIGGS)), VALUES)
    assert site.conditions[-1] == site.modified


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_changes_underway_is_refused(site: Site, ranges: bool) -> None:
    site.ranges = ranges
    source = open_source(site.put("HIGGS.csv.gz", HIGGS), rows=4000)
    site.etag = '"two"'
    if not ranges:  # the running answer is still of the first version
        list(source.batches())
    with pytest.raises(SourceError, match=r"the file changed while it was being read. Run again"):
        list(source.batches())


@pytest.mark.parametrize("ranges", [True, False])
def test_a_length_too_long_is_found_out(site: Site, cache: Path, ranges: bool) -> None:
    site.ranges, site.lie = ranges, 1000
    with pytest.raises(SourceError, match=rf"byte {len(HIGGS):,}; 4 attempts|the server answered 416"):
        open_source(site.put("HIGGS.csv.gz", HIGGS))
    assert not list(cache.glob("*.parquet"))


def test_a_length_too_short_is_found_out_by_gzip(site: Site, cache: Path) -> None:
    site.lie = -1000
    with pytest.raises(SourceError, match="the gzip stream is cut off, after row"):
        open_source(site.put("HIGGS.csv.gz", HIGGS))
    assert not list(cache.glob("*.parquet"))


def test_a_file_cut_off_on_the_server(site: Site) -> None:
    url = site.put("HIGGS.csv.gz", HIGGS[: len(HIGGS) // 2])
    assert len(read(url, rows=1000)) == 1000
    with pytest.raises(SourceError, match="the gzip stream is cut off, after row 2,"):
        read(url, rows=5000)


def test_what_is_not_there(site: Site) -> None:
    with pytest.raises(SourceError, match=r"404 Not Found. Check the address"):
        open_source(f"{site.address}/none.csv.gz")
    assert len(site.asked) == 1
    with pytest.raises(SourceError, match=r"kind of file is not known, expected one of \.csv\.gz"):
        open_source(f"{site.address}/download?id=3")
    with pytest.raises(SourceError, match="there are no rows in it"):
        open_source(site.put("empty.csv", b""), target="y")


def test_a_slow_server_is_waited_for_until_the_timeout(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pause = 0.02
    assert len(read(site.put("HIGGS.csv.gz", HIGGS), rows=200)) == 200
    monkeypatch.setattr(remote, "TIMEOUT", urllib3.Timeout(connect=5, read=0.05))
    site.pause = 0.5
    with pytest.raises(SourceError, match="timed out"):
        open_source(site.put("HIGGS.csv.gz", HIGGS), rows=200)


def test_too_few_rows_at_an_address(site: Site) -> None:
    with pytest.raises(TooFewRowsError, match="only 6,000 rows, expected 6,001"):
        read(site.put("HIGGS.csv.gz", HIGGS), rows=ROWS + 1)


@pytest.mark.parametrize("on_bad_row", ["fail", "skip"])
def test_bad_rows_are_reported_at_every_reading(site: Site, cache: Path, on_bad_row: str) -> None:
    lines = [*LINES[:40], LINES[40].replace(",", ",x", 1), *LINES[41:60]]
    url = site.put("HIGGS.csv.gz", gzip.compress("".join(lines).encode()))
    for _ in range(2):
        if on_bad_row == "fail":
            with pytest.raises(BadRowError, match=f"{url}, row 41, column 'lepton_pT'"):
                read(url)
        else:
            source = open_source(url, on_bad_row="skip")
            assert sum(len(batch) for batch in source.batches()) == 59
            assert [fault.row for fault in source.skipped] == [41]
        assert [path.name.endswith(".csv.gz") for path in cache.glob("[!.]*")] == [True]
    site.sent = 0
    np.testing.assert_array_equal(read(url, rows=40), VALUES[:40])
    assert site.sent <= remote.FIRST


@pytest.mark.parametrize("name", ["t.parquet", "t.npz", "t.csv"])
def test_other_kinds_are_fetched_whole(site: Site, tmp_path: Path, name: str) -> None:
    table = pa.table({"a": [1.0, 2.0, 3.0], "y": [0, 1, 0]})
    path = tmp_path / name
    if name == "t.parquet":
        pq.write_table(table, path)
    elif name == "t.npz":
        np.savez(path, a=[1.0, 2.0, 3.0], y=[0, 1, 0])
    else:
        path.write_text("a,y\n1,0\n2,1\n3,0\n")
    url = site.put(name, path.read_bytes())
    for _ in range(2):
        source = open_source(url + "?version=1", target="y")
        assert pa.Table.from_batches(source.batches())["a"].to_pylist() == [1, 2, 3]
        assert source.name == "t" and source.origin == url + "?version=…"
    assert site.asked.count(None) == 1  # once fetched as a whole


def test_ingest_from_an_address(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    assert ingest(site.put("HIGGS.csv.gz", HIGGS), path, rows=100) == 100
    np.testing.assert_array_equal(read(path), VALUES[:100])


def test_two_readers_fetch_a_file_once(site: Site, cache: Path) -> None:
    site.pause = 0.0005
    url = site.put("HIGGS.csv.gz", HIGGS)
    got: list[np.ndarray] = []
    readers = [threading.Thread(target=lambda: got.append(read(url))) for _ in range(2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    for values in got:
        np.testing.assert_array_equal(values, VALUES)
    assert len(got) == 2 and site.sent < 1.5 * len(HIGGS)


@pytest.fixture
def nowhere(site: Site) -> Iterator[str]:
    """The address of a port of this machine that is taken, so that nobody can listen on it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_out_of_reach_a_kept_copy_is_used_with_a_warning(
    site: Site, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = site.put("HIGGS.csv.gz", HIGGS)
    read(url)
    site.statuses = [500] * 4
    with pytest.warns(UserWarning, match=r"500 Internal Server Error.*Using the copy kept in"):
        np.testing.assert_array_equal(read(url), VALUES)
    with pytest.raises(SourceError, match=r"refused.*4 attempts.*Check the address and the network"):
        open_source(f"{nowhere}/HIGGS.csv.gz", rows=10)


def test_higgs_tries_its_mirrors(site: Site, nowhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = site.put("HIGGS.csv.gz", HIGGS)
    monkeypatch.setattr(remote, "HIGGS_MIRRORS", (f"{nowhere}/HIGGS.csv.gz", url))
    source = open_source("higgs", rows=200)
    assert source.name == "higgs" and source.higgs_layout
    assert sum(len(batch) for batch in source.batches()) == 200
    assert sum(len(batch) for batch in open_source("higgs").batches()) == ROWS
    site.asked.clear()
    np.testing.assert_array_equal(read("higgs", rows=300), VALUES[:300])
    assert site.asked == []  # the file does not change: a kept copy needs no question


def test_higgs_without_a_network_says_what_it_tried(
    site: Site, nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors = (f"{nowhere}/HIGGS.csv.gz", f"{site.address}/gone.csv.gz")
    monkeypatch.setattr(remote, "HIGGS_MIRRORS", mirrors)
    with pytest.raises(SourceError) as caught:
        open_source("higgs", rows=10)
    said = str(caught.value)
    for part in (*mirrors, "refused", "404 Not Found", "collider", "give its path", remote.HIGGS_PAGE):
        assert part in said


def test_higgs_knows_its_facts() -> None:
    assert len(COLUMNS) == 29 and len(set(COLUMNS)) == 29
    assert remote.HIGGS_MIRRORS == ("http://mlphysics.ics.uci.edu/data/higgs/HIGGS.csv.gz",)
    assert (remote.HIGGS_ROWS, remote.HIGGS_BYTES) == (11_000_000, 2_816_407_858)


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENGAP_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("GENGAP_CACHE")
    assert cache_folder().name == "gengap"


def test_a_cache_that_can_not_be_written(site: Site, cache: Path) -> None:
    cache.write_text("a file, not a folder")
    with pytest.raises(SourceError, match=r"File exists. Set GENGAP_CACHE to another folder"):
        open_source(site.put("HIGGS.csv.gz", HIGGS))


def test_one_at_a_time_works_in_the_cache_folder(cache: Path) -> None:
    inside: list[int] = []

    def turn() -> None:
        with remote._exclusive():
            inside.append(1)
            time.sleep(0.02)
            most.append(len(inside))
            inside.pop()

    most: list[int] = []
    threads = [threading.Thread(target=turn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]
