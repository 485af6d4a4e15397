"""A process that is odd in a way that only its own code can make it. Says "ready" and lives until its standard input ends.

  title   overwrites its arguments with a title, as servers do to show their state
  tty     has a controlling terminal, in its foreground process group
  uids    real, effective, saved and file system ids all different (root only)
  nice    nice value 7
  reaped  has waited for children that used processor time and faulted pages

More of them, each with its own words, stand in oddities/: traced, killed, leaderless, environment, settings, idle, setuid (states.py),
all_descriptors, mappings (descriptors.py), all_sockets, listeners, prefork (sockets.py). What a mode answers stands behind "ready".
"""

import ctypes
import os
import subprocess
import sys

# The folder of the tests is not written to.
sys.dont_write_bytecode = True

from oddities.descriptors import all_descriptors, mappings
from oddities.sockets import all_sockets, listeners, prefork
from oddities.states import environment, idle, killed, leaderless, settings, setuid, traced

MODES = [all_descriptors, all_sockets, environment, idle, killed, leaderless, listeners, mappings, prefork, settings, setuid, traced]


def title():
    # What the kernel shows is the memory of the original arguments, which lie one behind the other.
    start, end = (int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[field - 3]) for field in (48, 49))
    text = b"odd: worker process ) of 7"
    assert end - start > len(text) + 1, "not enough room for the title"
    ctypes.memset(start, 0x20, end - start)
    ctypes.memmove(start, text, len(text))


def tty():
    pid, terminal = os.forkpty()
    if pid == 0:
        # The end of the terminal is the end of the input.
        sys.stdout.write("up\n")
        sys.stdout.flush()
        sys.stdin.read()
        os._exit(0)
    os.read(terminal, 2)
    return pid


def uids():
    os.setgroups([])
    os.setresgid(101, 102, 103)
    os.setresuid(201, 202, 203)


def nice():
    os.nice(7)


def reaped():
    for _ in range(5):
        subprocess.run([sys.executable, "-c", "sum(range(1000000))"], check=True)


MODES += [title, tty, uids, nice, reaped]
told = next(mode for mode in MODES if mode.__name__ == sys.argv[1])() or ""
print("ready", told, flush=True)
sys.stdin.read()
