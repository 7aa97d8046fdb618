"""The log of a step: whole, numbered, bounded, whatever a process prints."""

import asyncio
import hashlib
import resource
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.core import log_chunks
from tests.workers.runner.memory import Bench, MemoryStore, steps
from workers.runner.coalescing import IN_MEMORY, Delivery
from workers.runner.logsink import CHUNK_BYTES, StepLog
from workers.runner.masking import Masker
from workers.runner.ports import Chunk


class Kept:
    """Takes chunks."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []

    async def put(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)

    @property
    def text(self) -> bytes:
        return b"".join(log_chunks.served_text(c.data, c.times) for c in self.chunks)


async def test_binary_and_invalid_bytes_are_kept_as_text(bench: Bench) -> None:
    await bench.run(steps(r"printf 'a\0b\377\303\n\r50%%\r100%%'"))
    assert bench.store.raw(0) == b"a\0b\xef\xbf\xbd\xef\xbf\xbd\n\r50%\r100%\n"
    assert bench.store.step(0).lines == 2


async def test_a_line_of_fifty_megabytes(bench: Bench) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await bench.run(steps("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo end"))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    step = bench.store.step(0)
    assert (step.status, step.bytes) == ("success", 50_000_005)
    chunks = bench.store.chunks[0, 1]
    assert all(len(log_chunks.decompress(c.data)) <= 2 * CHUNK_BYTES for c in chunks)
    digest = hashlib.sha256(b"x" * 50_000_000 + b"\nend\n").hexdigest()
    assert step.sha256 == digest
    assert hashlib.sha256(bench.store.raw(0)).hexdigest() == digest
    assert grown < 80_000


@pytest.mark.parametrize(("timeout_s", "status"), [(6 * 3600, "success"), (1800, "timed_out")])
async def test_an_hour_of_silence_is_ended_only_by_a_time_out(
    bench: Bench, work_root: Path, monkeypatch: pytest.MonkeyPatch, timeout_s: float, status: str
) -> None:
    going = work_root / "go"
    script = f"echo begin; until [ -e {going} ]; do sleep 0.05; done; echo end"
    job = bench.start(steps(script), timeout_s=timeout_s)
    await bench.store.until("begin")
    loop = asyncio.get_running_loop()
    before = loop.time
    # For every timer of the runner an hour has passed.
    monkeypatch.setattr(loop, "time", lambda: before() + 3600)
    if status == "success":
        going.touch()
    result = await job
    assert result.status.value == status
    assert bench.store.text(0) == ("begin\nend\n" if status == "success" else "begin\n")


async def test_characters_of_a_long_line_are_not_cut() -> None:
    kept = Kept()
    log = StepLog(0, 1, Masker(), kept.put)
    text = ("\u20ac" * 100_000).encode()
    for start in range(0, len(text), 70_001):
        await log.feed(text[start : start + 70_001])
    summary = await log.close()
    assert kept.text == text + b"\n"
    assert summary.bytes == len(text) + 1
    lines = log_chunks.lines_of(kept.chunks[0].data, kept.chunks[0].times, 1)
    assert all(len(line.text.encode()) <= log_chunks.MAX_LINE for line in lines)
    assert [line.continued for line in lines] == [True] * (len(lines) - 1) + [False]


async def test_the_cap_ends_the_log_with_a_notice_and_the_process_goes_on() -> None:
    kept = Kept()
    log = StepLog(0, 1, Masker(), kept.put, max_bytes=1 << 20)
    for _ in range(40):
        await log.feed(b"y" * 65535 + b"\n")
    summary = await log.close()
    *_, last = kept.text.splitlines()
    assert last.startswith(b"##[warning]This log reached its limit of 1 MiB")
    assert summary.bytes == len(kept.text) < 1_200_000
    assert summary.sha256 == hashlib.sha256(kept.text).hexdigest()


async def test_lines_have_the_time_at_which_they_came() -> None:
    now = 1_000_000_000_000
    kept = Kept()
    log = StepLog(0, 1, Masker(), kept.put, now_ns=lambda: now)
    await log.feed(b"one\ntwo\n")
    now += 25_000_000
    await log.feed(b"three\n")
    await log.close()
    (chunk,) = kept.chunks
    lines = log_chunks.lines_of(chunk.data, chunk.times, chunk.first_line)
    assert [line.at_ms for line in lines] == [1_000_000, 1_000_000, 1_000_020]


async def test_a_line_is_stored_while_the_step_still_runs(bench: Bench) -> None:
    task = bench.start(steps("echo early; while [ ! -e go ]; do sleep 0.05; done"))
    await bench.store.until("early")
    assert bench.store.step(0).status == "running"
    bench.cancel.request()
    await task


async def test_a_million_lines_pass_whole_and_numbered() -> None:
    kept = Kept()
    log = StepLog(0, 1, Masker(["never-there"]), kept.put, on_command=lambda line: None)
    block = b"".join(b"%099d\n" % number for number in range(2_000))
    digest = hashlib.sha256()
    for _ in range(500):
        for start in range(0, len(block), 65_536):
            await log.feed(block[start : start + 65_536])
        digest.update(block)
    summary = await log.close()
    assert (summary.lines, summary.bytes) == (1_000_000, 100_000_000)
    assert summary.sha256 == digest.hexdigest()
    number = 1
    for chunk in kept.chunks:
        assert chunk.first_line == number
        number += chunk.line_count
    assert number == 1_000_001


class Slow(MemoryStore):
    """A store whose first write waits for `gate`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.writes: list[int] = []

    async def write(self, chunks: Sequence[Chunk]) -> None:
        self.writes.append(len(chunks))
        await self.gate.wait()
        await super().write(chunks)


def chunk_of(number: int, size: int = 10) -> Chunk:
    return Chunk(0, 1, number, number, 1, bytes(size), size, b"d", b"t")


async def test_what_comes_while_a_write_is_under_way_goes_in_one_batch(tmp_path: Path) -> None:
    store = Slow()
    delivery = Delivery(store, store, tmp_path / "spool")
    for number in range(1, 6):
        await delivery.put(chunk_of(number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    store.gate.set()
    await store.until_chunks(5)
    assert store.writes == [1, 4]
    await delivery.close()


class Picky(Slow):
    """A store whose own code fails for the chunk `bad`, and for what is written with it."""

    bad = 4

    async def write(self, chunks: Sequence[Chunk]) -> None:
        if any(chunk.number == self.bad for chunk in chunks):
            raise TypeError
        await super().write(chunks)


async def test_a_chunk_that_cannot_be_stored_costs_nothing_of_what_came_before_it(
    tmp_path: Path,
) -> None:
    store = Picky()
    lost = asyncio.Event()
    delivery = Delivery(store, store, tmp_path / "spool", on_lost=lost.set)
    for number in range(1, 6):
        await delivery.put(chunk_of(number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    store.gate.set()
    async with asyncio.timeout(30):
        await lost.wait()
    assert store.writes == [1, 1, 1]
    assert [chunk.number for chunk in store.chunks[0, 1]] == [1, 2, 3]
    assert isinstance(delivery.failure, TypeError)
    await delivery.close()


async def test_while_the_store_is_away_chunks_go_to_disk_and_come_in_order(
    tmp_path: Path,
) -> None:
    store = MemoryStore(away=True)
    delivery = Delivery(store, store, tmp_path / "spool")
    size = IN_MEMORY // 4
    async with asyncio.timeout(30):
        for number in range(1, 13):
            await delivery.put(chunk_of(number, size))
    assert (tmp_path / "spool").stat().st_size >= 4 * size
    store.away = False
    await store.until_chunks(12)
    assert [len(chunk.data) for chunk in store.chunks[0, 1]] == [size] * 12
    await delivery.close()
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("full_disk", [False, True])
async def test_without_room_the_writer_waits_and_loses_nothing(
    tmp_path: Path, full_disk: bool
) -> None:
    store = MemoryStore(away=True)
    spool = tmp_path / ("no-such-folder/spool" if full_disk else "spool")
    delivery = Delivery(store, store, spool, max_spool_bytes=IN_MEMORY)

    async def put_all() -> None:
        for number in range(1, 21):
            await delivery.put(chunk_of(number, IN_MEMORY // 4))

    putting = asyncio.create_task(put_all())
    done, _ = await asyncio.wait((putting,), timeout=0.5)
    assert not done
    store.away = False
    async with asyncio.timeout(30):
        await putting
    await store.until_chunks(20)
    await delivery.close()
