from __future__ import annotations

import threading
import time

from jupyter_flows.runtime.bell import Bell


def test_who_waits_hears_the_bell_long_before_the_time_is_over() -> None:
    bell = Bell()
    heard = bell.rung
    began = time.monotonic()
    ringer = threading.Thread(target=bell.ring)
    ringer.start()
    bell.wait(heard, 60)
    ringer.join()
    assert bell.rung == heard + 1
    assert time.monotonic() - began < 30


def test_a_ring_between_looking_and_waiting_is_not_missed() -> None:
    bell = Bell()
    heard = bell.rung
    bell.ring()
    began = time.monotonic()
    bell.wait(heard, 60)
    assert time.monotonic() - began < 30


def test_without_a_ring_the_wait_ends_with_its_time() -> None:
    bell = Bell()
    bell.wait(bell.rung, 0.001)
    assert bell.rung == 0
