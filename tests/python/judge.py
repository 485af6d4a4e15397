"""Says what psutil, procps and the kernel's own files say, for the differential tests to hold procwire's answers against.

One JSON document per line of standard input:
  "processes [PID ...]"  {"PID START_TICKS": {PATH: {JUDGE: VALUE, ...}, ...}, ...}
  "system"               {PATH: {JUDGE: VALUE, ...}, ...}
  "connections"          [{PATH: VALUE, ..., "pid": PID or null, "fd": FD or -1}, ...], psutil's
Paths and units are procwire's. Rows of lists are named by their first field. Bytes are "x:" and hexadecimal digits;
{"absent": WHY} is a value that the judge cannot have, WHY being "denied", "zombie", "unsupported" or "none" (there is nothing
to have); {"anything": true} means that the judge knows of the value and lets any pass.

With --uid N it first gives up its rights for those of user N.
"""

import argparse
import json
import os
import sys

# The folder of the tests is not written to.
sys.dont_write_bytecode = True

import psutil

from judging.processes import processes
from judging.sockets import connections
from judging.system import system

QUESTIONS = {
    "processes": lambda pids: processes(set(map(int, pids))),
    "system": lambda _: system(),
    "connections": lambda _: connections(),
}


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
