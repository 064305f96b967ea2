"""Signals request a stop, on systems that have them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from colorcli.interruption import interruptible

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals between processes")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_a_wish_and_what_was_before_comes_back(number: signal.Signals) -> None:
    heard: list[int] = []
    before = signal.getsignal(number)
    with interruptible(heard.append):
        os.kill(os.getpid(), number)
        assert heard == [number]
    assert signal.getsignal(number) is before


def test_one_that_was_ignored_stays_ignored() -> None:
    """As in `colorize train … &` in a script."""
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible(heard.append):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGTERM]


def test_the_second_ends_the_process() -> None:
    program = (
        "import os, signal\n"
        "from colorcli.interruption import interruptible\n"
        "with interruptible(lambda number: print('a wish', flush=True)):\n"
        "    for _ in range(2): os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('not reached')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("a wish\n", 128 + signal.SIGTERM)


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM"])
def test_a_closed_terminal_may_be_told_twice(name: str) -> None:
    """By the shell and by the system; at the end of a session after SIGTERM."""
    first = signal.Signals[name]
    heard: list[int] = []
    with interruptible(heard.append):
        os.kill(os.getpid(), first)
        os.kill(os.getpid(), signal.SIGHUP)
    assert heard == [first]


def test_a_thread_beside_the_main_one_hears_nothing() -> None:
    done: list[str] = []

    def work() -> None:
        with interruptible(lambda _: None):
            done.append("worked")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert done == ["worked"]
