from __future__ import annotations

import io
import os
import threading
import time
from typing import IO, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.logs import LONGEST_MESSAGE, Pump, pump
from tests.cloud.local_cloud import wait_until


class Chunks(io.RawIOBase):
    """An output that comes in the given pieces."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = [chunk for chunk in chunks if chunk]

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._chunks.pop(0) if self._chunks else b""


def pumped(chunks: list[bytes]) -> list[str]:
    output: Any = Chunks(chunks)
    taken: list[str] = []
    pump(output, taken.extend)
    assert output.closed
    return taken


@given(st.lists(st.binary(max_size=20)))
def test_lines_do_not_depend_on_the_pieces_they_come_in(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    assert pumped(chunks) == pumped([whole])


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))))
def test_each_line_comes_once_and_in_order(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    assert pumped([text.encode()]) == lines
    assert pumped([text.replace("\n", "\r\n").encode()]) == lines


def test_the_last_line_needs_no_end() -> None:
    assert pumped([b"one\ntw", b"o"]) == ["one", "two"]


def test_bytes_that_are_not_utf_8_do_no_harm() -> None:
    assert pumped([b"\xff\xfe ok\n"]) == ["�� ok"]


def test_a_line_without_an_end_is_cut_up_before_it_fills_the_memory() -> None:
    lines = pumped([b"x" * 65536] * 20)
    assert "".join(lines) == "x" * 65536 * 20
    assert max(map(len, lines)) <= LONGEST_MESSAGE + 65536


@pytest.mark.parametrize("size", [1, 65536, 200_000])
def test_a_pipe_is_pumped_to_its_end(size: int) -> None:
    reading, writing = os.pipe()
    source: IO[bytes] = os.fdopen(reading, "rb", buffering=0)

    def write() -> None:
        with os.fdopen(writing, "wb") as target:
            target.write(b"y" * size + b"\nend\n")

    writer = threading.Thread(target=write)
    writer.start()
    taken: list[str] = []
    pump(source, taken.extend)
    writer.join()
    assert taken == ["y" * size, "end"]


def test_whoever_drains_a_pump_sees_what_was_written_before() -> None:
    reading, writing = os.pipe()
    taken: list[str] = []
    may_go_on = threading.Event()

    def take(lines: list[str]) -> None:
        may_go_on.wait()
        taken.extend(lines)

    pumping = Pump(os.fdopen(reading, "rb", buffering=0), take)
    with os.fdopen(writing, "wb", buffering=0) as target:
        target.write(b"one\n")
        threading.Timer(0.05, may_go_on.set).start()
        pumping.drain(60)
        assert taken == ["one"]
        for number in range(1000):
            target.write(f"{number}\n".encode())
            pumping.drain(60)
            assert taken[-1] == str(number)
        target.write(b"no end")
    wait_until(lambda: taken[-1] == "no end")
    pumping.drain(60)  # and when it has ended


def test_a_pump_goes_on_when_a_line_could_not_be_kept_and_whoever_drains_it_waits_for_no_later_ones() -> None:
    reading, writing = os.pipe()
    taken: list[str] = []

    def take(lines: list[str]) -> None:
        if "bad" in lines:
            raise RuntimeError("no such log group")
        taken.extend(lines)

    pumping = Pump(os.fdopen(reading, "rb", buffering=0), take)
    talks, is_over = threading.Event(), threading.Event()

    def talk() -> None:
        while not is_over.is_set():
            target.write(b"more\n" * 1000)
            talks.set()

    with os.fdopen(writing, "wb", buffering=0) as target:
        target.write(b"bad\n")
        pumping.drain(60)
        target.write(b"good\n")
        pumping.drain(60)
        assert taken == ["good"]
        talker = threading.Thread(target=talk)
        talker.start()
        talks.wait()
        began = time.monotonic()
        pumping.drain(600)
        assert time.monotonic() - began < 300
        is_over.set()
        talker.join()
