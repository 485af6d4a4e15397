"""What the kernel's own files say of a process, read by plain Python: for what psutil and procps do not show, and where they guess."""

import ctypes
import os
import re
import signal
import stat as modes

from judging.by_psutil import IO_CLASSES, RESOURCES, say_limit
from judging.rows import ANYTHING, BOOT_ID, DELETED, TICKS, absent, fields_of_stat, lines_of, octets, read, threads_of

STATES = {
    "R": "RUNNING", "S": "SLEEPING", "D": "DISK_SLEEP", "T": "STOPPED", "t": "TRACING_STOP", "Z": "ZOMBIE", "X": "DEAD", "x": "DEAD",
    "I": "IDLE", "P": "PARKED",
}  # fmt: skip
POLICIES = {0: "OTHER", 1: "FIFO", 2: "ROUND_ROBIN", 3: "BATCH", 5: "IDLE", 6: "DEADLINE", 7: "EXT"}
NAMESPACES = {"cgroup": "cgroup", "ipc": "ipc", "mnt": "mount", "net": "network", "pid": "pid", "time": "time", "user": "user", "uts": "uts"}
STATUS_KILOBYTES = {
    "VmHWM": "peak_resident_bytes",
    "VmPeak": "peak_virtual_bytes",
    "RssAnon": "resident_anonymous_bytes",
    "RssFile": "resident_file_bytes",
    "RssShmem": "resident_shmem_bytes",
    "VmSwap": "swap_bytes",
    "HugetlbPages": "hugetlb_bytes",
    "VmLck": "locked_bytes",
    "VmPTE": "page_table_bytes",
}
CAPABILITIES = {"CapInh": "inheritable", "CapPrm": "permitted", "CapEff": "effective", "CapBnd": "bounding", "CapAmb": "ambient"}
SIGNALS = {"ShdPnd": "pending", "SigBlk": "blocked", "SigIgn": "ignored", "SigCgt": "caught"}
IO = {
    "syscr": "read_calls", "syscw": "write_calls", "read_bytes": "read_bytes", "write_bytes": "write_bytes", "rchar": "read_call_bytes",
    "wchar": "write_call_bytes", "cancelled_write_bytes": "cancelled_write_bytes",
}  # fmt: skip
SECCOMP = ["DISABLED", "STRICT", "FILTER"]
LIMITS = [
    "Max cpu time", "Max file size", "Max data size", "Max stack size", "Max core file size", "Max resident set", "Max processes",
    "Max open files", "Max locked memory", "Max address space", "Max file locks", "Max pending signals", "Max msgqueue size",
    "Max nice priority", "Max realtime priority", "Max realtime timeout",
]  # fmt: skip


def ask_kernel(row, subject):
    say = lambda path, value: row.say("kernel", path, value)
    ask = lambda paths, question: row.ask("kernel", paths, question, subject.without)
    say_stat(say, row, subject)
    say_status(say, row, subject)
    say_switches(say, subject)
    row.list("kernel", "threads", lambda: say_threads(row, subject.pid))
    # A zombie has let go of these and a kernel thread never had them: nothing is kept from whoever may not look.
    for name in ["exe", "cwd"]:
        row.ask("kernel", [name, f"{name}_deleted"], lambda name=name: link(subject, name), subject.without, whoever_asks=True)
    root = lambda: octets(os.readlink(subject.file("root").encode()))
    row.ask("kernel", "root", root, subject.without, whoever_asks=subject.is_zombie)
    ask("fd_count", lambda: descriptors(subject))

    def counters():
        lines = lines_of(f"/proc/{subject.pid}/io")
        return tuple(int(lines[key]) for key in IO)

    ask([f"io.{path}" for path in IO.values()], counters)
    ask("cmdline_raw", lambda: octets(read(subject.file("cmdline"))))
    if subject.is_zombie:
        say("cmdline_raw", absent("zombie"))
    if subject.live:
        # None of the animals needs more than the simplest of psutil's three ways to split.
        say("cmdline", [octets(argument) for argument in read(subject.file("cmdline")).split(b"\0")[:-1]])
    row.list("kernel", "environ", lambda: say_environment(say, subject), subject.without, whoever_asks=True)
    row.list("kernel", "resource_limits", lambda: say_limits(row, subject))
    for name, part in NAMESPACES.items():
        ask(f"namespaces.{part}", lambda name=name: os.stat(subject.file(f"ns/{name}")).st_ino)
    ask("oom.score", lambda: int(read(subject.file("oom_score"))))
    ask("oom.score_adjustment", lambda: int(read(subject.file("oom_score_adj"))))
    ask("security_label", lambda: octets(read(subject.file("attr/current")).rstrip(b"\0\n")))
    # The kernel's word for "nobody logged in".
    ask("login_uid", lambda: (lambda uid: absent("none") if uid == 2**32 - 1 else uid)(int(read(subject.file("loginuid")))))
    ask("cpu_affinity", lambda: sorted(os.sched_getaffinity(subject.live or subject.pid)))
    ask(["io_priority.io_class", "io_priority.level"], lambda: io_priority(subject.live or subject.pid))
    say_cgroup(say, subject)
    row.list("kernel", "ancestors", lambda: say_ancestors(say, subject))


def say_stat(say, row, subject):
    stat = subject.stat
    say("pid", subject.pid)
    say("ref.pid", subject.pid)
    say("ref.start_ticks", int(stat[22]))
    say("ref.boot_id", BOOT_ID)
    say("kernel_thread", subject.is_kernel_thread)
    say("leader_exited", subject.leader_exited)
    say("page_faults.minor", int(stat[10]))
    say("page_faults.major", int(stat[12]))
    say("page_faults.children_minor", int(stat[11]))
    say("page_faults.children_major", int(stat[13]))
    say("scheduling.priority", int(stat[18]))
    say("scheduling.realtime_priority", int(stat[40]))
    say("scheduling.policy", "SCHEDULING_POLICY_" + POLICIES[int(stat[41])])
    say("process_group_id", int(stat[5]))
    say("session_id", int(stat[6]))
    say("name", octets(completed(stat[2], subject)))
    state = fields_of_stat(subject.folder)[3].decode() if subject.live else stat[3].decode()
    say("state", "PROCESS_STATE_" + STATES[state])
    if subject.is_zombie:
        say_exit_status(say, row, subject)
    else:
        say("exit_status", absent("none"))


def say_exit_status(say, row, subject):
    """Field 52 is 0 for whoever may not trace the process, which is not to be taken for an exit code; following exe takes the same right."""
    try:
        os.readlink(f"/proc/{subject.pid}/exe")
    except PermissionError:
        say("exit_status.unknown.detail", ANYTHING)
        return say("exit_status.core_dumped", False)
    except FileNotFoundError:
        pass
    status = int(subject.stat[52])
    if os.WIFSIGNALED(status):
        say("exit_status.signal", signal.Signals(os.WTERMSIG(status)).name.replace("SIG", "SIGNAL_", 1))
    else:
        say("exit_status.code", os.WEXITSTATUS(status))
    say("exit_status.core_dumped", bool(status & 0x80))


def completed(comm, subject):
    """A name of 15 bytes or more may have been cut; whatever lies before the first NUL of cmdline then tells the whole."""
    name = read(subject.file("cmdline")).split(b"\0")[0].rpartition(b"/")[2]
    return name if len(comm) >= 15 and name.startswith(comm) else comm


def say_status(say, row, subject):
    status = subject.lines("status")
    kilobytes = {}
    for key, path in STATUS_KILOBYTES.items():
        # What has no memory of its own (kernel threads, zombies) has no such lines: psutil says 0, and so do we.
        kilobytes[path] = int(status.get(key, "0").split()[0]) * 1024
        say(f"memory.{path}", kilobytes[path])
    shared = kilobytes["resident_file_bytes"] + kilobytes["resident_shmem_bytes"]
    say("memory.estimated_proportional_bytes", kilobytes["resident_anonymous_bytes"] + shared // 4)
    statm = [int(pages) * os.sysconf("SC_PAGESIZE") for pages in read(subject.file("statm")).split()]
    for column, path in [(0, "virtual"), (1, "resident"), (2, "shared"), (3, "text"), (5, "data")]:
        say(f"memory.{path}_bytes", statm[column])
    say("memory_ratio", statm[1] / (int(lines_of("/proc/meminfo")["MemTotal"].split()[0]) * 1024))
    # These are the main thread's own, also when it has exited.
    own = lines_of(f"/proc/{subject.pid}/status")
    say("context_switches.voluntary", int(own["voluntary_ctxt_switches"]))
    say("context_switches.involuntary", int(own["nonvoluntary_ctxt_switches"]))
    for key, name in CAPABILITIES.items():
        say(f"capabilities.{name}", int(status[key], 16))
    for key, name in SIGNALS.items():
        say(f"signals.{name}", int((own if key == "SigBlk" else status)[key], 16))
    say("syscall_filter.seccomp_mode", "SECCOMP_MODE_" + SECCOMP[int(status["Seccomp"])])
    if "Seccomp_filters" in status:
        say("syscall_filter.filter_count", int(status["Seccomp_filters"]))
    say("syscall_filter.no_new_privileges", status["NoNewPrivs"] == "1")
    tracer = int(status["TracerPid"])
    say("tracer_pid", tracer if tracer else absent("none"))
    say("namespace_pids", [int(pid) for pid in own["NSpid"].split()])
    say("supplementary_gids", [int(gid) for gid in status["Groups"].split()])


def say_switches(say, subject):
    """Of the threads that live now; those that ended took theirs along."""
    sums = [0, 0]
    for thread in threads_of(subject.pid):
        try:
            status = lines_of(f"/proc/{subject.pid}/task/{thread}/status")
        except (FileNotFoundError, ProcessLookupError):
            continue
        sums[0] += int(status["voluntary_ctxt_switches"])
        sums[1] += int(status["nonvoluntary_ctxt_switches"])
    say("context_switches.all_threads_voluntary", sums[0])
    say("context_switches.all_threads_involuntary", sums[1])


def say_threads(row, pid):
    threads = threads_of(pid)
    for thread in threads:
        folder = f"/proc/{pid}/task/{thread}"
        try:
            stat, status = fields_of_stat(folder), lines_of(f"{folder}/status")
        except (FileNotFoundError, ProcessLookupError):
            continue
        ns = 10**9 // TICKS
        row.say_all("kernel", f"threads[{thread}]", {
            "thread_id": thread,
            "start_ticks": int(stat[22]),
            "name": octets(stat[2]),
            "state": "PROCESS_STATE_" + STATES[stat[3].decode()],
            "user_ns": int(stat[14]) * ns,
            "system_ns": int(stat[15]) * ns,
            "block_io_wait_ns": int(stat[42]) * ns,
            "cpu_number": int(stat[39]),
            "nice": int(stat[19]),
            "policy": "SCHEDULING_POLICY_" + POLICIES[int(stat[41])],
            "allowed_cpus": status["Cpus_allowed_list"],
            "voluntary_context_switches": int(status["voluntary_ctxt_switches"]),
            "involuntary_context_switches": int(status["nonvoluntary_ctxt_switches"]),
        })  # fmt: skip
    return len(threads)


def link(subject, name):
    path = subject.file(name).encode()
    target = os.readlink(path)
    gone = target.endswith(DELETED) and not leads_to(subject, target, path)
    return octets(target.removesuffix(DELETED) if gone else target), gone


def leads_to(subject, target, link):
    """A file may really be called "x (deleted)": then its whole name, seen from the process's own root, leads to what the link leads to."""
    try:
        return os.path.samestat(os.stat(subject.file("root").encode() + target), os.stat(link))
    except OSError:
        return False


def descriptors(subject):
    from judging.by_psutil import FD_DIRECTORY_HAS_SIZE

    folder = subject.file("fd")
    return os.stat(folder).st_size if FD_DIRECTORY_HAS_SIZE else len(os.listdir(folder))


# Names of variables that may be secret, and values that may hold one: those may be masked, whoever asks.
MAYBE_SECRET = re.compile(rb"pass|secret|token|key|cred|auth|bearer|private|session|cookie|jwt|pwd|dsn|url|uri|conn|cert|sign|salt|pin", re.I)
MAYBE_SECRET_VALUE = re.compile(rb"://|BEGIN|eyJ|AKIA|ASIA|gh[a-z]_|xox|sk-|[A-Za-z0-9+/_=-]{24}")


def say_environment(say, subject):
    count = {}
    entries = read(subject.file("environ")).split(b"\0")[:-1]
    for entry in entries:
        if not entry:
            break
        name, equals, value = entry.partition(b"=")
        if not equals or not name:
            continue
        count[name] = count.get(name, 0) + 1
        path = f"environ[{octets(name)}]" if count[name] == 1 else f"environ[{octets(name)}#{count[name]}]"
        maybe = MAYBE_SECRET.search(name) or MAYBE_SECRET_VALUE.search(value)
        say(f"{path}.name", octets(name))
        say(f"{path}.value", octets(value))
        say(f"{path}.redacted", ANYTHING if maybe else False)
    return len(count)


def say_limits(row, subject):
    """A limit is two columns, behind a name with blanks."""
    lines = read(subject.file("limits")).decode().splitlines()
    for line in lines[1:]:
        name = next(name for name in LIMITS if line.startswith(name))
        soft, hard = line.removeprefix(name).split()[:2]
        path = f"resource_limits[RESOURCE_KIND_{RESOURCES[LIMITS.index(name)]}]"
        row.say("kernel", f"{path}.resource", f"RESOURCE_KIND_{RESOURCES[LIMITS.index(name)]}")
        for kind, limit in [("soft", soft), ("hard", hard)]:
            say_limit(row, "kernel", f"{path}.{kind}", None if limit == "unlimited" else int(limit))
    return len(lines)


SYS_IOPRIO_GET = {"x86_64": 252, "aarch64": 31}
LIBC = ctypes.CDLL(None, use_errno=True)


def io_priority(thread):
    answer = LIBC.syscall(SYS_IOPRIO_GET[os.uname().machine], 1, thread)
    if answer < 0:
        raise OSError(ctypes.get_errno(), "ioprio_get")
    # Three bits of level below the hints (include/uapi/linux/ioprio.h).
    return f"IO_CLASS_{IO_CLASSES[answer >> 13 & 7]}", answer & 7


UNIT = re.compile(r"[^/]+\.(?:service|scope|slice)$")
CONTAINER = re.compile(r"(?:^|[-:_.])([0-9a-f]{64})(?:\.scope)?$")


def say_cgroup(say, subject):
    units = {}
    for line in read(subject.file("cgroup")).splitlines():
        _, controllers, path = line.split(b":", 2)
        if controllers:
            place = f"cgroup.v1[{octets(controllers)}]"
            say(f"{place}.controllers", octets(controllers))
            say(f"{place}.path", octets(path))
        else:
            say("cgroup.path", octets(path))
        units[controllers] = path
    components = os.fsdecode(units.get(b"", b"")).split("/")
    named = [part for part in components if UNIT.match(part)]
    contained = [found.group(1) for found in map(CONTAINER.search, components) if found]
    say("cgroup.unit", octets(named[-1]) if named else absent("none"))
    say("cgroup.container_id", contained[-1] if contained else absent("none"))


def say_ancestors(say, subject):
    """Each parent must be as old as its child: a younger one has the pid of one that is gone."""
    child, count = subject.stat, 0
    while int(child[4]):
        parent = fields_of_stat(f"/proc/{int(child[4])}")
        if int(parent[22]) > int(child[22]):
            break
        path = f"ancestors[{parent[1]}]"
        say(f"{path}.pid", parent[1])
        say(f"{path}.start_ticks", int(parent[22]))
        say(f"{path}.boot_id", BOOT_ID)
        child, count = parent, count + 1
    return count


def kind_of_mode(mode):
    kinds = [(modes.S_ISREG, "REGULAR"), (modes.S_ISDIR, "DIRECTORY"), (modes.S_ISCHR, "DEVICE"), (modes.S_ISBLK, "DEVICE"),
             (modes.S_ISFIFO, "PIPE"), (modes.S_ISSOCK, "SOCKET")]  # fmt: skip
    return next((kind for test, kind in kinds if test(mode)), "UNSPECIFIED")
