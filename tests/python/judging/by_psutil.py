"""What psutil 7.2.2 says of a process, wherever it says what procwire means. Where the two differ on purpose the comment names the
heading of docs/psutil-differences.md; the kernel's files are the judge there.
"""

import os
import re

import psutil

from judging.rows import absent, octets, ticks_to_ns

# Since kernel 6.2 its size is the number of descriptors, and shows even where the entries do not.
FD_DIRECTORY_HAS_SIZE = [int(part) for part in re.findall(r"\d+", os.uname().release)[:2]] >= [6, 2]

STATES = {
    psutil.STATUS_RUNNING: "RUNNING",
    psutil.STATUS_SLEEPING: "SLEEPING",
    psutil.STATUS_DISK_SLEEP: "DISK_SLEEP",
    psutil.STATUS_STOPPED: "STOPPED",
    psutil.STATUS_TRACING_STOP: "TRACING_STOP",
    psutil.STATUS_ZOMBIE: "ZOMBIE",
    psutil.STATUS_DEAD: "DEAD",
    psutil.STATUS_IDLE: "IDLE",
    psutil.STATUS_PARKED: "PARKED",
}
IO_CLASSES = ["NONE", "REALTIME", "BEST_EFFORT", "IDLE"]
RESOURCES = [
    "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE",
    "RTPRIO", "RTTIME",
]  # fmt: skip
MAP_SIZES = {
    "size_bytes": "size", "resident_bytes": "rss", "proportional_bytes": "pss", "shared_clean_bytes": "shared_clean",
    "shared_dirty_bytes": "shared_dirty", "private_clean_bytes": "private_clean", "private_dirty_bytes": "private_dirty",
    "referenced_bytes": "referenced", "anonymous_bytes": "anonymous", "swap_bytes": "swap",
}  # fmt: skip


def ask_psutil(row, process, subject):
    ask = lambda paths, question: row.ask("psutil", paths, question, subject.without)
    ask("ppid", process.ppid)
    ask(
        ["cpu_times.user_ns", "cpu_times.system_ns", "cpu_times.children_user_ns", "cpu_times.children_system_ns",
         "cpu_times.block_io_wait_ns"],
        lambda: tuple(map(ticks_to_ns, process.cpu_times())),
    )  # fmt: skip
    ask("start_time", lambda: round(process.create_time() * 10**9))
    ask("thread_count", process.num_threads)
    ask("nice", process.nice)
    ask("cpu_number", process.cpu_num)
    ask("terminal", lambda: octets(process.terminal()) if process.terminal() else absent("none"))
    ask(["context_switches.voluntary", "context_switches.involuntary"], lambda: tuple(process.num_ctx_switches()))
    ask(["uids.real", "uids.effective", "uids.saved"], lambda: tuple(process.uids()))
    ask(["gids.real", "gids.effective", "gids.saved"], lambda: tuple(process.gids()))
    ask("username", lambda: username(process))
    ask("cpu_affinity", process.cpu_affinity)
    ask(["io_priority.io_class", "io_priority.level"], lambda: io_priority(process))
    row.list("psutil", "ancestors", lambda: say_parents(row, process))
    say_limits(row, process)
    if subject.leader_exited:
        # "A main thread that has exited": psutil takes it for a zombie.
        return
    ask_files(row, process, subject, ask)
    ask_memory(row, process, subject, ask)
    if not any(b")" in name for name in thread_names(subject)):
        # "Threads": psutil looks for the first ")" of a line, and reads other columns where a name has one.
        row.list("psutil", "threads", lambda: say_threads(row, process))


def ask_files(row, process, subject, ask):
    comm = subject.stat[2]
    if len(comm) < 15 or comm.isascii():
        # "Name": psutil counts characters where the kernel cuts after 15 bytes, and so does not complete other names.
        ask("name", lambda: octets(process.name()))
    ask("state", lambda: "PROCESS_STATE_" + STATES[process.status()])
    ask("cmdline", lambda: [octets(argument) for argument in process.cmdline()])
    if not subject.is_kernel_thread:
        cwd = lambda: octets(process.cwd()) if process.cwd() else absent("none")
        row.ask("psutil", "cwd", cwd, subject.without, whoever_asks=True)
        # "Environment": of a kernel thread psutil says that there is no such process.
        row.list("psutil", "environ", lambda: say_environment(row, process, subject), subject.without, whoever_asks=True)
        if os.access(subject.file("exe"), os.F_OK):
            # "Program": where the link cannot be read psutil guesses.
            ask("exe", lambda: octets(process.exe()))
    ask(
        ["io.read_calls", "io.write_calls", "io.read_bytes", "io.write_bytes", "io.read_call_bytes", "io.write_call_bytes"],
        lambda: tuple(process.io_counters()),
    )
    if os.access(subject.file("fd"), os.R_OK) or not FD_DIRECTORY_HAS_SIZE:
        # "Open descriptors": psutil counts entries, which takes more rights than the size of the directory.
        ask("fd_count", process.num_fds)
    # "Open files": psutil says nothing of other kinds, so an empty list is not its last word.
    say_open_files(row, process)


def ask_memory(row, process, subject, ask):
    ask(
        ["memory.resident_bytes", "memory.virtual_bytes", "memory.shared_bytes", "memory.text_bytes", "memory.data_bytes"],
        lambda: (lambda memory: (memory.rss, memory.vms, memory.shared, memory.text, memory.data))(process.memory_info()),
    )
    ask("memory_ratio", lambda: process.memory_percent() / 100)
    ask(
        ["memory_footprint.unique_bytes", "memory_footprint.proportional_bytes", "memory_footprint.swap_bytes"],
        lambda: (lambda memory: (memory.uss, memory.pss, memory.swap))(process.memory_full_info()),
    )
    row.list("psutil", "memory_maps", lambda: say_maps(row, process), subject.without)
    row.list("psutil", "memory_map_groups", lambda: say_map_groups(row, process), subject.without)


def username(process):
    # "User names": psutil gives the number where there is no name.
    name = process.username()
    return absent("none") if name.isdigit() else octets(name)


def io_priority(process):
    answer = process.ionice()
    return f"IO_CLASS_{IO_CLASSES[answer.ioclass]}", answer.value


def say_parents(row, process):
    parents = process.parents()
    for parent in parents:
        row.say("psutil", f"ancestors[{parent.pid}].pid", parent.pid)
    return len(parents)


def say_limits(row, process):
    for number, name in enumerate(RESOURCES):
        try:
            limits = process.rlimit(number)
        except psutil.AccessDenied:
            # "Resource limits": the file `limits` says them to everybody.
            return
        for kind, limit in zip(["soft", "hard"], limits, strict=True):
            say_limit(row, "psutil", f"resource_limits[RESOURCE_KIND_{name}].{kind}", None if limit == -1 else limit)


def say_limit(row, judge, path, limit):
    row.say(judge, f"{path}.unlimited" if limit is None else f"{path}.limit", {} if limit is None else limit)


def say_environment(row, process, subject):
    variables = process.environ()
    # "Environment": of a name that is there twice psutil keeps the last.
    places = {octets(name): f"environ[{octets(name)}]" for name in variables}
    names = [octets(entry.partition(b"=")[0]) for entry in open(subject.file("environ"), "rb").read().split(b"\0")]
    for name, value in variables.items():
        count = names.count(octets(name))
        place = places[octets(name)] if count < 2 else f"environ[{octets(name)}#{count}]"
        row.say("psutil", f"{place}.name", octets(name))
        row.say("psutil", f"{place}.value", octets(value))
    return len(variables)


def thread_names(subject):
    for thread in os.listdir(f"/proc/{subject.pid}/task"):
        try:
            yield open(f"/proc/{subject.pid}/task/{thread}/comm", "rb").read()
        except (FileNotFoundError, ProcessLookupError):
            pass


def say_threads(row, process):
    threads = process.threads()
    for thread in threads:
        path = f"threads[{thread.id}]"
        row.say("psutil", f"{path}.thread_id", thread.id)
        row.say("psutil", f"{path}.user_ns", ticks_to_ns(thread.user_time))
        row.say("psutil", f"{path}.system_ns", ticks_to_ns(thread.system_time))
    return len(threads)


def say_open_files(row, process):
    try:
        files = process.open_files()
    except (psutil.AccessDenied, psutil.ZombieProcess):
        return
    for file in files:
        path = f"open_files[{file.fd}]"
        row.say("psutil", f"{path}.fd", file.fd)
        row.say("psutil", f"{path}.kind", "OPEN_FILE_KIND_REGULAR")
        row.say("psutil", f"{path}.path", octets(file.path))
        row.say("psutil", f"{path}.position_bytes", file.position)
        row.say("psutil", f"{path}.flags", file.flags)


def say_maps(row, process):
    maps = process.memory_maps(grouped=False)
    for entry in maps:
        start, end = (int(number, 16) for number in entry.addr.split("-"))
        path = f"memory_maps[{start}]"
        row.say("psutil", f"{path}.end_address", end)
        row.say("psutil", f"{path}.permissions", entry.perms)
        if not is_odd(entry.path):
            row.say("psutil", f"{path}.path", absent("none") if entry.path == "[anon]" else octets(entry.path))
        for ours, theirs in MAP_SIZES.items():
            row.say("psutil", f"{path}.{ours}", getattr(entry, theirs))
    return len(maps)


def say_map_groups(row, process):
    groups = process.memory_maps(grouped=True)
    with open(f"/proc/{process.pid}/maps", "rb") as maps:
        has_removed_files = b" (deleted)\n" in maps.read()
    if has_removed_files or any(is_odd(group.path) for group in groups):
        # A file that was removed and one that took its name, as when a program that runs is built anew, are one group here.
        return len(groups)
    for group in groups:
        name = "" if group.path == "[anon]" else group.path
        for ours, theirs in MAP_SIZES.items():
            row.say("psutil", f"memory_map_groups[{octets(name)}].{ours}", getattr(group, theirs))
    return len(groups)


def is_odd(path):
    r""" "Mappings": psutil leaves the kernel's \012 as it is, and takes " (deleted)" off where no file of that name is there now."""
    return "\\" in path or " (deleted)" in path or (path.startswith("/") and not os.path.exists(path))
