"""The process table: what each judge says of each process."""

import os
import subprocess

import psutil

from judging.by_kernel import STATES, ask_kernel
from judging.by_psutil import ask_psutil
from judging.files import ask_open_files
from judging.memory import ask_memory
from judging.rows import Row, Subject, absent, octets
from judging.sockets import Namespaces, ask_sockets

# procps column -> procwire path, for whole numbers.
PS_NUMBERS = {
    "ppid": "ppid", "pgid": "process_group_id", "sess": "session_id", "tpgid": "foreground_process_group_id",
    "ruid": "uids.real", "euid": "uids.effective", "suid": "uids.saved", "fuid": "uids.filesystem",
    "rgid": "gids.real", "egid": "gids.effective", "sgid": "gids.saved", "fgid": "gids.filesystem",
    "ni": "nice", "nlwp": "thread_count", "psr": "cpu_number", "min_flt": "page_faults.minor", "maj_flt": "page_faults.major",
}  # fmt: skip
PS_TEXTS = ["pid", "rss", "vsz", "s", "tty", "cputimes"]
# Of a process whose main thread has exited ps shows what is left of that.
PS_OF_LEADER = {"s", "vsz", "psr"}


def processes(pids=None):
    """Of these pids, or of all; "PID START_TICKS" -> path -> judge -> value."""
    rows, leaderless = {}, set()
    namespaces = Namespaces()
    # 7.2.2 looks for terminals once and never again (psutil #2830).
    psutil._psposix.get_terminal_map.cache_clear()
    for pid in psutil.pids():
        if pid == os.getpid() or (pids and pid not in pids):
            continue
        row = Row()
        try:
            subject = Subject(pid)
            process = psutil.Process(pid)
            ask_psutil(row, process, subject)
            ask_kernel(row, subject)
            ask_memory(row, subject)
            ask_open_files(row, subject)
            ask_sockets(row, subject, process, namespaces)
            if not subject.is_there():
                continue
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            continue
        rows[subject.key] = row
        if subject.leader_exited:
            leaderless.add(pid)
    ask_ps(rows, leaderless)
    return {key: row.values for key, row in rows.items()}


def ask_ps(rows, leaderless):
    columns = [*PS_TEXTS, *PS_NUMBERS]
    output = subprocess.run(
        ["ps", "-eo", ",".join(f"{column}:30=" for column in columns)], capture_output=True, check=True, text=True
    ).stdout
    by_pid = {key.split()[0]: row for key, row in rows.items()}
    for line in output.splitlines():
        told = dict(zip(columns, line.split(), strict=True))
        row = by_pid.get(told["pid"])
        if row is None:
            continue
        if int(told["pid"]) in leaderless:
            told = {column: "-" if column in PS_OF_LEADER else value for column, value in told.items()}
        say = lambda path, value: row.say("ps", path, value)
        for column, path in PS_NUMBERS.items():
            # "-" stands for what a class of scheduling does not have.
            if told[column] != "-":
                say(path, int(told[column]))
        if told["s"] != "-":
            say("state", "PROCESS_STATE_" + STATES[told["s"]])
            say("memory.virtual_bytes", int(told["vsz"]) * 1024)
        say("terminal", absent("none") if told["tty"] == "?" else octets("/dev/" + told["tty"]))
        if told["tpgid"] == "-1":
            say("foreground_process_group_id", absent("none"))
