"""Interrupts are held back, not lost."""

import signal
import threading

import pytest

from superdsm.batch.execution.interrupts import uninterrupted


def test_an_interrupt_takes_effect_when_the_block_has_ended() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        steps.append("to the end")
    assert steps == ["to the end"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_work_without_it() -> None:
    done = []

    def work() -> None:
        with uninterrupted():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
