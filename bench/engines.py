# SPDX-License-Identifier: Apache-2.0
"""Running hob and its peers on one case, for bench/table and bench/compare."""
import json
import os
import re
import resource
import statistics
import subprocess
import time

CASES = "prefill 64,prefill 512,prefill 4096,decode,decode at 4096,16 at once"
CASES_HELP = 'any of "prefill N", "decode", "decode at N", "N at once" (%(default)s)'


def case_of(name):
    """What llama-bench and hob are asked for."""
    for pattern, case in ((r"prefill (\d+)", lambda n: {"prompt": n}),
                          (r"decode", lambda: {"decode": 64, "depth": 0}),
                          (r"decode at (\d+)", lambda n: {"decode": 32, "depth": n}),
                          (r"(\d+) at once", lambda n: {"decode": 32, "depth": 0, "parallel": n})):
        if match := re.fullmatch(pattern, name):
            return case(*map(int, match.groups()))
    raise SystemExit(f'"{name}": not "prefill N", "decode", "decode at N" or "N at once"')


def cases_of(names):
    """Those of a list with commas: {name: what is asked for}."""
    return {name: case_of(name) for name in map(str.strip, names.split(",")) if name}


def run(command, errors=subprocess.DEVNULL):
    """Standard output of a command (with errors=STDOUT what it says of errors too), and the processors others used."""
    before, start, own = busy(), time.monotonic(), children()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}")
    wall = time.monotonic() - start
    return done.stdout.decode(errors="replace"), (busy() - before - (children() - own)) / wall


def busy():
    """Seconds that processors were busy, all together."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(x) for x in file.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def wait_idle(limit=0.15, seconds=300):
    """Waits until other programs leave the processors alone, for some time at most."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before, start = busy(), time.monotonic()
        time.sleep(0.5)
        if (busy() - before) / (time.monotonic() - start) < limit:
            return


def hob(binary, model, case, threads, extra=()):
    """One measurement: (tokens a second, the row of hob bench, the limits, foreign load)."""
    command = [binary, "bench", model, "--json", "-r", "1", "-t", str(threads), "--limits", *extra]
    if "prompt" in case:
        command += ["-p", str(case["prompt"]), "-n", "0"]
    else:
        command += ["-p", "0", "-n", str(case["decode"]), "-d", str(case["depth"]),
                    "--parallel", str(case.get("parallel", 1))]
    out, foreign = run(command)
    limits, row = json.loads(out)
    return row["tokens_per_second"]["median"], row, limits, foreign


def llama(folder, model, case, threads, ik=False, repack=False):
    """One measurement of llama.cpp, or of ik_llama.cpp: (tokens a second, foreign load)."""
    if "parallel" in case:
        n, tokens = case["parallel"], case["decode"]
        command = [f"{folder}/llama-batched-bench", "-m", model, "-t", str(threads), "-c", str(n * (tokens + 32)),
                   "-b", "512", "-ub", "512", "-npp", "1", "-ntg", str(tokens), "-npl", str(n)]
        command += ["-rtr"] if repack else []
        out, foreign = run(command, subprocess.STDOUT)  # ik_llama.cpp prints its table there
        for line in out.splitlines():
            cells = [cell.strip() for cell in line.strip("| \n").split("|")]
            if len(cells) >= 8 and cells[0] == "1" and cells[2] == str(n):
                return float(cells[7]), foreign  # S_TG t/s
        raise RuntimeError(f"{folder}/llama-batched-bench: no row of {n} sequences")
    command = [f"{folder}/llama-bench", "-m", model, "-t", str(threads), "-r", "1", "-o", "json"]
    command += ["-fa", "1", "-rtr", str(int(repack))] if ik else []
    if case.get("prompt", case.get("depth", 0)) >= 4096:  # long enough to need no warming up, which takes as long again
        command += ["-w", "0"] if ik else ["--no-warmup"]
    if "prompt" in case:
        command += ["-p", str(case["prompt"]), "-n", "0"]
    elif case["depth"] == 0:
        command += ["-p", "0", "-n", str(case["decode"])]
    elif ik:
        command += ["-p", "0", "-n", "0", "-gp", f"{case['depth']},{case['decode']}"]
    else:
        command += ["-p", "0", "-n", str(case["decode"]), "-d", str(case["depth"])]
    out, foreign = run(command)
    return json.loads(out[out.index("["):])[-1]["avg_ts"], foreign


def spread(values):
    """ "median [least-most]" of some numbers."""
    digits = 1 if statistics.median(values) >= 10 else 2
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}-{max(values):.{digits}f}]"


def machine():
    """The processor in general terms."""
    name, flags = "processor", ""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            if key.strip() in ("flags", "Features"):
                flags = value.split()
    sets = [s for s in ("avx2", "avx512_vnni", "avx512_bf16", "asimddp", "i8mm") if s in flags]
    return f"{name}, {len(os.sched_getaffinity(0))} processors, {' '.join(sets)}"
