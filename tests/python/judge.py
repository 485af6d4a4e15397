"""Says what psutil, procps and the kernel's own files say, for the differential tests to hold procwire's answers against.

One JSON document per line of standard input:
  "processes [PID ...]"  {"PID START_TICKS": {PATH: {JUDGE: VALUE, ...}, ...}, ...}
  "system"               {PATH: {JUDGE: VALUE, ...}, ...}
  "hardware"             the same, of sensors, power supplies, graphics processors and users only
  "connections"          [{PATH: VALUE, ..., "pid": PID or null, "fd": FD or -1}, ...], psutil's
  "usage PID"            {"now_ns": MONOTONIC, "cpu_ns": NANOSECONDS, "percent": SINCE THE LAST SUCH QUESTION}, psutil's
  "relatives PID"        {"children": [PID, ...], "descendants": [PID, ...], "parents": [PID, ...]}, psutil's
Paths and units are procwire's. Rows of lists are named by their first field. Bytes are "x:" and hexadecimal digits;
{"absent": WHY} is a value that the judge cannot have, WHY being "denied", "zombie", "unsupported" or "none" (there is nothing
to have); {"anything": true} means that the judge knows of the value and lets any pass.

With --uid N it first gives up its rights for those of user N.
"""

import argparse
import json
import os
import sys
import time

# The folder of the tests is not written to.
sys.dont_write_bytecode = True

import psutil

from judging.hardware import hardware
from judging.processes import processes
from judging.sockets import connections
from judging.system import system

QUESTIONS = {
    "processes": lambda pids: processes(set(map(int, pids))),
    "system": lambda _: system(),
    "hardware": lambda _: hardware(),
    "connections": lambda _: connections(),
    "relatives": lambda pid: relatives(psutil.Process(int(pid[0]))),
    "usage": lambda pid: usage(int(pid[0])),
}
asked = {}


def relatives(process):
    pids = lambda processes: [relative.pid for relative in processes]
    return {
        "children": sorted(pids(process.children())),
        "descendants": sorted(pids(process.children(recursive=True))),
        "parents": pids(process.parents()),
    }


def usage(pid):
    # psutil remembers the last reading in the object.
    process = asked.setdefault(pid, psutil.Process(pid))
    percent = process.cpu_percent()
    times = process.cpu_times()
    return {"now_ns": time.monotonic_ns(), "cpu_ns": round((times.user + times.system) * 1e9), "percent": percent}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--uid", type=int)
    uid = parser.parse_args().uid
    if uid is not None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    if psutil.__version__ != "7.2.2":
        sys.exit(f"psutil is {psutil.__version__}, not 7.2.2")
    for line in sys.stdin:
        question, *arguments = line.split()
        json.dump(QUESTIONS[question](arguments), sys.stdout)
        print(flush=True)


main()
