"""Says what psutil, procps and the kernel's own files say, for the differential tests to hold procwire's answers against.

One JSON document per line of standard input:
  "processes"  {"PID START_TICKS": {PATH: {JUDGE: VALUE, ...}, ...}, ...}
  "system"     {PATH: {JUDGE: VALUE, ...}, ...}
Paths and units are procwire's. Bytes are "x:" and hexadecimal digits; {"absent": WHY} is a value that the judge cannot have,
WHY being "denied", "zombie" or "none" (there is nothing to have).

With --uid N it first gives up its rights for those of user N.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time

import psutil

TICKS = os.sysconf("SC_CLK_TCK")
NS = 10**9
BOOT_ID = "x:" + open("/proc/sys/kernel/random/boot_id").read().strip().replace("-", "")
DELETED = b" (deleted)"
# Since kernel 6.2 its size is the number of descriptors, and shows even where the entries do not.
FD_DIRECTORY_HAS_SIZE = [int(part) for part in re.findall(r"\d+", os.uname().release)[:2]] >= [6, 2]
PF_KTHREAD = 0x00200000

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
STATE_LETTERS = {
    "R": "RUNNING", "S": "SLEEPING", "D": "DISK_SLEEP", "T": "STOPPED", "t": "TRACING_STOP", "Z": "ZOMBIE",
    "X": "DEAD", "x": "DEAD", "I": "IDLE", "P": "PARKED",
}  # fmt: skip

# procps column -> procwire path, for whole numbers.
PS_NUMBERS = {
    "ppid": "ppid", "pgid": "process_group_id", "sess": "session_id", "tpgid": "foreground_process_group_id",
    "ruid": "uids.real", "euid": "uids.effective", "suid": "uids.saved", "fuid": "uids.filesystem",
    "rgid": "gids.real", "egid": "gids.effective", "sgid": "gids.saved", "fgid": "gids.filesystem",
    "ni": "nice", "nlwp": "thread_count", "psr": "cpu_number", "min_flt": "page_faults.minor", "maj_flt": "page_faults.major",
}  # fmt: skip
PS_TEXTS = ["pid", "rss", "vsz", "s", "tty", "cputimes"]

STATUS_KILOBYTES = {
    "VmHWM": "memory.peak_resident_bytes",
    "VmPeak": "memory.peak_virtual_bytes",
    "RssAnon": "memory.resident_anonymous_bytes",
    "RssFile": "memory.resident_file_bytes",
    "RssShmem": "memory.resident_shmem_bytes",
    "VmSwap": "memory.swap_bytes",
    "HugetlbPages": "memory.hugetlb_bytes",
    "VmLck": "memory.locked_bytes",
    "VmPTE": "memory.page_table_bytes",
}


def octets(value):
    if isinstance(value, str):
        value = os.fsencode(value)
    return "x:" + value.hex()


def absent(why):
    return {"absent": why}


def ticks_to_ns(seconds):
    return round(seconds * TICKS) * (NS // TICKS)


class Row:
    """What the judges say about one process: path -> judge -> value."""

    def __init__(self):
        self.values = {}

    def say(self, judge, path, value):
        self.values.setdefault(path, {})[judge] = value

    def ask(self, judge, paths, question):
        """Asks once; the answer is one value, or a tuple with one for each path."""
        try:
            answer = question()
        except psutil.ZombieProcess:
            answer = absent("zombie")
        except (psutil.AccessDenied, PermissionError):
            answer = absent("denied")
        if isinstance(paths, str):
            paths, answer = [paths], (answer,)
        elif isinstance(answer, dict):
            answer = (answer,) * len(paths)
        for path, value in zip(paths, answer, strict=True):
            self.say(judge, path, value)


def fields_of_stat(pid):
    with open(f"/proc/{pid}/stat", "rb") as file:
        data = file.read()
    # Numbered as in proc(5): fields[3] is the state.
    return [None, pid, data[data.index(b"(") + 1 : data.rindex(b")")]] + data[data.rindex(b")") + 2 :].split()


def is_kernel_thread(stat):
    return bool(int(stat[9]) & PF_KTHREAD)


def lines_of(path):
    # Names may be any bytes.
    with open(path, errors="surrogateescape") as file:
        return dict(re.findall(r"^(\w+):[ \t]*(.*)$", file.read(), re.M))


def ask_psutil(row, process, stat):
    ask = lambda paths, question: row.ask("psutil", paths, question)
    ask("ppid", process.ppid)
    comm = stat[2]
    if len(comm) < 15 or comm.isascii():
        ask("name", lambda: octets(process.name()))
    else:
        # psutil counts characters where the kernel cuts after 15 bytes, and so does not complete such a name.
        row.ask("kernel", "name", lambda: octets(completed(comm, process)))
    ask("state", lambda: "PROCESS_STATE_" + STATES[process.status()])
    ask(
        ["cpu_times.user_ns", "cpu_times.system_ns", "cpu_times.children_user_ns", "cpu_times.children_system_ns",
         "cpu_times.block_io_wait_ns"],
        lambda: tuple(map(ticks_to_ns, process.cpu_times())),
    )  # fmt: skip
    ask("start_time", lambda: round(process.create_time() * NS))
    ask("thread_count", process.num_threads)
    ask(
        ["memory.resident_bytes", "memory.virtual_bytes", "memory.shared_bytes", "memory.text_bytes", "memory.data_bytes"],
        lambda: (lambda memory: (memory.rss, memory.vms, memory.shared, memory.text, memory.data))(process.memory_info()),
    )
    ask(["uids.real", "uids.effective", "uids.saved"], lambda: tuple(process.uids()))
    ask(["gids.real", "gids.effective", "gids.saved"], lambda: tuple(process.gids()))
    ask("username", lambda: username(process))
    ask("cmdline", lambda: [octets(argument) for argument in process.cmdline()])
    if not is_kernel_thread(stat):
        ask("cwd", lambda: octets(process.cwd()) if process.cwd() else absent("none"))
        if os.access(f"/proc/{process.pid}/exe", os.F_OK):
            # Where the link cannot be read psutil guesses, and we do not.
            ask("exe", lambda: octets(process.exe()))
    ask("nice", process.nice)
    ask("terminal", lambda: octets(process.terminal()) if process.terminal() else absent("none"))
    ask(["context_switches.voluntary", "context_switches.involuntary"], lambda: tuple(process.num_ctx_switches()))
    ask(
        ["io.read_calls", "io.write_calls", "io.read_bytes", "io.write_bytes", "io.read_call_bytes", "io.write_call_bytes"],
        lambda: tuple(process.io_counters()),
    )
    if os.access(f"/proc/{process.pid}/fd", os.R_OK) or not FD_DIRECTORY_HAS_SIZE:
        ask("fd_count", process.num_fds)
    else:
        row.ask("kernel", "fd_count", lambda: os.stat(f"/proc/{process.pid}/fd").st_size)
    ask("cpu_number", process.cpu_num)


def completed(comm, process):
    arguments = open(f"/proc/{process.pid}/cmdline", "rb").read().split(b"\0")
    name = arguments[0].rpartition(b"/")[2]
    return name if len(comm) >= 15 and name.startswith(comm) else comm


def username(process):
    name = process.username()
    return absent("none") if name.isdigit() else octets(name)


def ask_kernel(row, pid, stat):
    """What psutil and procps do not show, and the files as they are where those two guess."""
    row.say("kernel", "pid", pid)
    row.say("kernel", "ref.pid", pid)
    row.say("kernel", "ref.start_ticks", int(stat[22]))
    row.say("kernel", "ref.boot_id", BOOT_ID)
    row.say("kernel", "kernel_thread", is_kernel_thread(stat))
    row.say("kernel", "page_faults.children_minor", int(stat[11]))
    row.say("kernel", "page_faults.children_major", int(stat[13]))
    for name in ["exe", "cwd"]:
        row.ask("kernel", [name, f"{name}_deleted"], lambda name=name: link(pid, name, stat))
    row.ask("kernel", "io.cancelled_write_bytes", lambda: int(lines_of(f"/proc/{pid}/io")["cancelled_write_bytes"]))
    status = lines_of(f"/proc/{pid}/status")
    for key, path in STATUS_KILOBYTES.items():
        # What has no memory of its own (kernel threads, zombies) has no such lines: psutil says 0, and so do we.
        row.say("kernel", path, int(status.get(key, "0").split()[0]) * 1024)
    row.say("kernel", "context_switches.voluntary", int(status["voluntary_ctxt_switches"]))
    row.say("kernel", "context_switches.involuntary", int(status["nonvoluntary_ctxt_switches"]))


def link(pid, name, stat):
    try:
        target = os.readlink(f"/proc/{pid}/{name}".encode())
    except (FileNotFoundError, ProcessLookupError):
        if stat[3] == b"Z":
            return absent("zombie")
        fields_of_stat(pid)
        return absent("none")
    except PermissionError:
        if is_kernel_thread(stat):
            # It runs no program and sits nowhere: nothing is kept from whoever may not ask.
            return absent("none")
        raise
    gone = target.endswith(DELETED)
    return octets(target.removesuffix(DELETED)), gone


def ask_ps(rows):
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
        say = lambda path, value: row.say("ps", path, value)
        for column, path in PS_NUMBERS.items():
            # "-" stands for what a class of scheduling does not have.
            if told[column] != "-":
                say(path, int(told[column]))
        say("state", "PROCESS_STATE_" + STATE_LETTERS[told["s"]])
        say("memory.virtual_bytes", int(told["vsz"]) * 1024)
        say("terminal", absent("none") if told["tty"] == "?" else octets("/dev/" + told["tty"]))
        if told["tpgid"] == "-1":
            say("foreground_process_group_id", absent("none"))


def processes():
    rows = {}
    # 7.2.2 looks for terminals once and never again (psutil #2830).
    psutil._psposix.get_terminal_map.cache_clear()
    for pid in psutil.pids():
        if pid == os.getpid():
            continue
        row = Row()
        try:
            process = psutil.Process(pid)
            stat = fields_of_stat(pid)
            ask_psutil(row, process, stat)
            ask_kernel(row, pid, stat)
            if fields_of_stat(pid)[22] != stat[22]:
                continue
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            continue
        rows[f"{pid} {int(stat[22])}"] = row
    ask_ps(rows)
    return {key: row.values for key, row in rows.items()}


CPU_TIMES = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"]
MEMORY = {
    "total": "total_bytes", "available": "available_bytes", "used": "used_bytes", "free": "free_bytes", "buffers": "buffers_bytes",
    "cached": "cached_bytes", "shared": "shared_bytes", "active": "active_bytes", "inactive": "inactive_bytes", "slab": "slab_bytes",
}  # fmt: skip
DISK = {
    "read_count": "reads", "write_count": "writes", "read_bytes": "read_bytes", "write_bytes": "write_bytes",
    "read_merged_count": "reads_merged", "write_merged_count": "writes_merged",
}  # fmt: skip
DISK_TIMES = {"read_time": "read_time_ns", "write_time": "write_time_ns", "busy_time": "busy_time_ns"}
NETWORK = {
    "bytes_recv": "received_bytes", "packets_recv": "received_packets", "errin": "receive_errors", "dropin": "receive_drops",
    "bytes_sent": "sent_bytes", "packets_sent": "sent_packets", "errout": "send_errors", "dropout": "send_drops",
}  # fmt: skip


def system():
    row = Row()
    say = lambda path, value: row.say("psutil", path, value)
    kernel = lambda path, value: row.say("kernel", path, value)
    for key, value in zip(["kernel_name", "hostname", "kernel_release", "kernel_version", "machine"], os.uname(), strict=True):
        kernel(f"host.{key}", octets(value))
    kernel("host.domainname", octets(open("/proc/sys/kernel/domainname").read().strip()))
    say("boot.time", round(psutil.boot_time()) * NS)
    kernel("boot.uptime_ns", time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    kernel("boot.id", BOOT_ID)
    say_cpu(say, kernel)
    say_memory(say, kernel, row)
    for name, disk in psutil.disk_io_counters(perdisk=True, nowrap=False).items():
        for key, path in DISK.items():
            say(f"disks[{octets(name)}].{path}", getattr(disk, key))
        for key, path in DISK_TIMES.items():
            say(f"disks[{octets(name)}].{path}", getattr(disk, key) * 10**6)
    say_diskstats(kernel)
    for name, interface in psutil.net_io_counters(pernic=True, nowrap=False).items():
        for key, path in NETWORK.items():
            say(f"network.interfaces[{octets(name)}].counters.{path}", getattr(interface, key))
    for line in open("/proc/net/dev").read().splitlines()[2:]:
        name, _, numbers = line.rpartition(":")
        numbers = numbers.split()
        kernel(f"network.interfaces[{octets(name.strip())}].counters.received_multicast", int(numbers[7]))
        kernel(f"network.interfaces[{octets(name.strip())}].counters.collisions", int(numbers[13]))
    return row.values


def say_cpu(say, kernel):
    times = psutil.cpu_times()
    for name in CPU_TIMES:
        say(f"cpu.times.{name}_ns", ticks_to_ns(getattr(times, name)))
    numbers = [int(number) for number in re.findall(r"^cpu(\d+)", open("/proc/stat").read(), re.M)]
    for number, times in zip(numbers, psutil.cpu_times(percpu=True), strict=True):
        kernel(f"cpu.cpus[{number}].number", number)
        for name in CPU_TIMES:
            say(f"cpu.cpus[{number}].times.{name}_ns", ticks_to_ns(getattr(times, name)))
    say("cpu.logical_count", psutil.cpu_count())
    kernel("cpu.usable_count", len(os.sched_getaffinity(0)))
    stats = psutil.cpu_stats()
    say("cpu.context_switches", stats.ctx_switches)
    say("cpu.interrupts", stats.interrupts)
    say("cpu.soft_interrupts", stats.soft_interrupts)
    counters = dict(line.split()[:2] for line in open("/proc/stat") if not line.startswith(("cpu", "intr")))
    kernel("cpu.forks", int(counters["processes"]))
    kernel("cpu.running_threads", int(counters["procs_running"]))
    kernel("cpu.blocked_threads", int(counters["procs_blocked"]))
    for name, value in zip(["one", "five", "fifteen"], psutil.getloadavg(), strict=True):
        say(f"load.{name}_minute" + ("" if name == "one" else "s"), value)
    runnable, total = open("/proc/loadavg").read().split()[3].split("/")
    kernel("load.runnable_threads", int(runnable))
    kernel("load.total_threads", int(total))


def say_memory(say, kernel, row):
    memory = psutil.virtual_memory()
    for key, path in MEMORY.items():
        say(f"memory.{path}", getattr(memory, key))
    say("memory.used_ratio", memory.percent / 100)
    swap = psutil.swap_memory()
    for key, path in {"total": "total", "used": "used", "free": "free", "sin": "swapped_in", "sout": "swapped_out"}.items():
        say(f"swap.{path}_bytes", getattr(swap, key))
    say("swap.used_ratio", swap.percent / 100)
    for name, number, unit in re.findall(r"^(.*?):\s*(\d+)( kB)?$", open("/proc/meminfo").read(), re.M):
        path = f"memory.statistics[{name}].{'bytes' if unit else 'count'}"
        kernel(path, int(number) * (1024 if unit else 1))
        if name == "SwapCached":
            kernel("swap.cached_bytes", int(number) * 1024)
    free = subprocess.run(["free", "-b", "-w"], capture_output=True, check=True, text=True, env={"LC_ALL": "C", **os.environ})
    told = [line.split() for line in free.stdout.splitlines()]
    for key, value in zip(told[0], told[1][1:], strict=True):
        path = {"buffers": "buffers_bytes", "cache": "cached_bytes"}.get(key, f"{key}_bytes")
        row.say("free", f"memory.{path}", int(value))
    for key, value in zip(["total", "used", "free"], told[2][1:4], strict=True):
        row.say("free", f"swap.{key}_bytes", int(value))


def say_diskstats(kernel):
    for line in open("/proc/diskstats"):
        major, minor, name, *numbers = line.split()
        path = f"disks[{octets(name)}]"
        numbers = list(map(int, numbers))
        kernel(f"{path}.major", int(major))
        kernel(f"{path}.minor", int(minor))
        kernel(f"{path}.in_flight", numbers[8])
        kernel(f"{path}.weighted_time_ns", numbers[10] * 10**6)
        if len(numbers) >= 15:
            kernel(f"{path}.discards", numbers[11])
            kernel(f"{path}.discarded_bytes", numbers[13] * 512)
        if len(numbers) >= 17:
            kernel(f"{path}.flushes", numbers[15])
        try:
            size = open(f"/sys/class/block/{name.replace('/', '!')}/size").read()
            kernel(f"{path}.size_bytes", int(size) * 512)
        except FileNotFoundError:
            pass


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
    questions = {"processes": processes, "system": system}
    for line in sys.stdin:
        json.dump(questions[line.strip()](), sys.stdout)
        print(flush=True)


main()
