"""Processes that are interrupted or killed, and several of them on one root."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from superdsm.batch.storage.lock import Lock, LockedError
from tests.laboratory import Laboratory, wait_for

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


def children(pid: int) -> list[int]:
    """Return the processes below a process, on Linux."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found += [int(path.parent.name), *children(int(path.parent.name))]
    return found


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_keeps_what_is_finished_and_says_how_to_go_on(lab: Laboratory, number: signal.Signals) -> None:
    for image in range(1, 13):
        lab.image(image)
    lab.task(file_ids="1-12", config={"rows": {"delay": 0.4}})
    process = lab.start("--run")
    wait_for(lambda: len(list(lab.root.glob("seg/*.png"))) >= 3)
    workers = children(process.pid)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert workers
    wait_for(lambda: not any(running(pid) for pid in workers), 5)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "stopped; what is finished is kept" in out
    assert out.splitlines()[-1] == f"superdsm batch {lab.root} --run"
    done = sum(group["action"] == "nothing" for group in lab.plan().values())
    assert 3 <= done < 12
    assert done == out.count(": done in")
    assert (lab.root / "timings.csv").exists()


@linux
def test_workers_do_not_outlive_a_killed_parent(lab: Laboratory) -> None:
    lab.task(config={"rows": {"delay": 30}})
    process = lab.start("--run")
    wait_for(lambda: len(children(process.pid)) >= 2)
    workers = children(process.pid)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(running(pid) for pid in workers), 10)


def kill_and_finish(lab: Laboratory, moments: list[float]) -> None:
    """Kill a run again and again, so many seconds after it begins to work (negative: before), and compare the end."""
    for number in range(1, 9):
        lab.image(number)
    lab.task(file_ids="1-8", cfg_pathpattern="cfg/%d.json", config={"rows": {"delay": 0.1}})
    lab.task("child", runnable=True, config={"rows": {"min_pixels": 5}})
    assert lab.run()[0] == 0
    undisturbed = lab.outputs()
    for name in (".superdsm", "seg", "cfg", "child/seg", "child/cfg"):
        shutil.rmtree(lab.root / name)
    finished = []
    for moment in moments:
        results = len(list(lab.root.glob(".superdsm/results/*/*")))
        process = lab.start("--run", "--jobs", "2")
        if moment >= 0:
            wait_for(lambda p=process, n=results: p.poll() is not None or _grown(lab, n))
        time.sleep(abs(moment))
        process.kill()
        process.communicate()
        finished.append(len(list(lab.root.glob("**/seg/[1-9].png"))))
    assert any(0 < count < 16 for count in finished), finished
    process = lab.start("--run", "--jobs", "2")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert lab.outputs() == undisturbed


def _grown(lab: Laboratory, results: int) -> bool:
    return len(list(lab.root.glob(".superdsm/results/*/*"))) > results


@posix
def test_killing_the_parent_three_times_ends_with_the_bytes_of_an_undisturbed_run(lab: Laboratory) -> None:
    chance = random.Random(1)
    kill_and_finish(lab, [chance.uniform(0.0, 0.5) for _ in range(3)])


@posix
@pytest.mark.slow
def test_killing_the_parent_at_ten_random_moments_ends_with_the_bytes_of_an_undisturbed_run(lab: Laboratory) -> None:
    chance = random.Random()
    kill_and_finish(lab, [chance.uniform(0.0, 0.4) for _ in range(7)] + [-chance.uniform(0, 3) for _ in range(3)])


@posix
def test_two_processes_on_one_root_do_no_harm(lab: Laboratory) -> None:
    for number in range(1, 7):
        lab.image(number)
    lab.task(file_ids="1-6", config={"rows": {"delay": 0.3}})
    one, other = lab.start("--run", "--jobs", "1"), lab.start("--run", "--jobs", "1")
    outputs = [process.communicate(timeout=60)[0] for process in (one, other)]
    codes = sorted([one.returncode, other.returncode])
    assert codes[0] == 0
    assert codes[1] in (0, 2)
    if codes[1] == 2:
        loser = outputs[0] if one.returncode == 2 else outputs[1]
        assert "has been working on it since" in loser
        assert loser.splitlines()[-1].startswith(f"superdsm batch {lab.root} --run")
    assert lab.run() == (0, {})


@posix
def test_a_lock_says_who_has_it_and_that_of_a_dead_process_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from superdsm.batch.storage.lock import Lock;"
        "lock = Lock(Path(sys.argv[1]), 'plate1'); lock.acquire(); print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "lock")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(LockedError, match=rf"task plate1: process {process.pid} on .* has been working on it"):
            Lock(tmp_path / "lock", "plate1").acquire()
        process.kill()
    lock = Lock(tmp_path / "lock", "plate1")
    lock.acquire()
    lock.release()
