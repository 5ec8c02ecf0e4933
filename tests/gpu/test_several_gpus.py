"""Several GPUs, each with its engine, as one group: a job is the same on each of them, all of them work, and one that is lost leaves the others."""

import contextlib
import subprocess
import sys
import time

import pytest
from conftest import ROOT, shown, slices

MODEL = ROOT / "models" / "whisper-tiny.en-int8"

# In a process of its own: another library's kernel on the first GPU writes where there is no memory. CUDA then refuses every GPU of the
# process or this one alone, as that library's next call on the second one tells.
LOSE = """
import numpy as np, sys, whispertrt
cupy = __import__("cupy")
sound = np.load(sys.argv[2])

def works(gpu):
    try:
        with cupy.cuda.Device(gpu):
            return float(cupy.ones(4).sum().get()) == 4
    except Exception as error:
        print(f"GPU {gpu}: {error}")
        return False

with whispertrt.Model(sys.argv[1], device="cuda:0") as first, whispertrt.Model(sys.argv[1], device="cuda:1") as second:
    with whispertrt.EngineGroup([first.engine(), second.engine()]) as group:
        before = group.transcribe(sound, temperature=0).text
        assert works(0) and works(1)
        with cupy.cuda.Device(0):
            cupy.RawKernel('extern "C" __global__ void lose(int* p) { p[threadIdx.x] = 1; }', "lose")((1,), (1,), (np.uint64(64),))
        assert not works(0)
        other = works(1)
        failed = 0
        for _ in range(12):
            try:
                assert group.transcribe(sound, temperature=0).text == before
            except whispertrt.DeviceError as error:
                failed += 1
        print("the other GPU works:", other, "- jobs that failed:", failed)
        assert failed == (1 if other else 12), "the engine of a lost GPU gets no second job while another one lives"
with whispertrt.Model(sys.argv[1], device="cpu", compute_type="float32") as model, model.engine() as engine:
    assert engine.transcribe(sound, temperature=0).text == before
print("the process lives")
"""


@pytest.fixture(scope="module")
def gpus(whispertrt):
    count = len(whispertrt.doctor()["cuda"]["devices"])
    if count < 2:
        pytest.skip(f"needs two GPUs, there is {count}")
    return count


def timed(engine, sounds):
    begin = time.perf_counter()
    jobs = [engine.submit(sound, temperature=0, word_timestamps=True) for sound in sounds]
    found = [shown(job.result()) for job in jobs]
    return found, time.perf_counter() - begin


def test_a_group_works_on_all_and_each_job_is_the_same(reader, gpus, whispertrt):
    sounds = slices(reader, 32) * 4
    with contextlib.ExitStack() as stack:
        models = [stack.enter_context(whispertrt.Model(MODEL, device=f"cuda:{i}")) for i in range(gpus)]
        engines = [stack.enter_context(model.engine(max_batch=16)) for model in models]
        group = whispertrt.EngineGroup(engines)
        for engine in engines:  # graphs are recorded
            timed(engine, sounds[:32])
        alone, alone_seconds = timed(engines[0], sounds)
        before = [engine.stats.windows for engine in engines]
        together, seconds = timed(group, sounds)
        windows = [engine.stats.windows - had for engine, had in zip(engines, before)]
    print(f"\n{len(sounds)} jobs: one GPU {alone_seconds:.2f} s, {gpus} GPUs {seconds:.2f} s, windows {windows}")
    assert together == alone
    assert min(windows) >= 0.5 * sum(windows) / gpus


def test_a_lost_gpu_leaves_the_others(reader, gpus, tmp_path):
    import numpy as np

    pytest.importorskip("cupy", reason="needs cupy to lose the GPU with")
    np.save(tmp_path / "sound.npy", slices(reader, 1)[0])
    done = subprocess.run([sys.executable, "-c", LOSE, str(MODEL), str(tmp_path / "sound.npy")], capture_output=True, text=True, timeout=120)
    print(done.stdout, done.stderr[-2000:])
    assert done.returncode == 0 and "the process lives" in done.stdout
