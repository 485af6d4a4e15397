"""What every judge speaks in: paths, units and bytes as procwire has them, and why there is nothing to say."""

import errno
import os

import psutil

TICKS = os.sysconf("SC_CLK_TCK")
NS = 10**9
BOOT_ID = "x:" + open("/proc/sys/kernel/random/boot_id").read().strip().replace("-", "")
DELETED = b" (deleted)"
# The judge keeps quiet on purpose: any value is right.
ANYTHING = {"anything": True}


def octets(value):
    if isinstance(value, str):
        value = os.fsencode(value)
    return "x:" + value.hex()


def absent(why):
    return {"absent": why}


def ticks_to_ns(seconds):
    return round(seconds * TICKS) * (NS // TICKS)


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Row:
    """What the judges say about one process: path -> judge -> value."""

    def __init__(self):
        self.values = {}

    def say(self, judge, path, value):
        self.values.setdefault(path, {})[judge] = value

    def say_all(self, judge, prefix, values):
        for path, value in values.items():
            if value is not None:
                self.say(judge, f"{prefix}.{path}", value)

    def ask(self, judge, paths, question, without=None, whoever_asks=False):
        """Asks once; the answer is one value, or a tuple with one for each path.

        `without`: what it means that the process has no such file any more, or never had one. `whoever_asks`: that it means the same
        where the kernel refuses to look.
        """
        try:
            answer = question()
        except psutil.ZombieProcess:
            answer = absent("zombie")
        except psutil.AccessDenied:
            answer = absent(without if whoever_asks and without else "denied")
        except OSError as error:
            answer = absent(reason_of(error, without, whoever_asks))
        if isinstance(paths, str):
            paths, answer = [paths], (answer,)
        elif isinstance(answer, dict):
            answer = (answer,) * len(paths)
        for path, value in zip(paths, answer, strict=True):
            self.say(judge, path, value)

    def list(self, judge, path, question, without=None, whoever_asks=False):
        """A list of rows: the question says each of them by itself, and is answered with how many there are."""
        try:
            count = question()
            answer = None if count else absent("none")
        except psutil.ZombieProcess:
            answer = absent("zombie")
        except psutil.AccessDenied:
            answer = absent(without if whoever_asks and without else "denied")
        except OSError as error:
            answer = absent(reason_of(error, without, whoever_asks))
        if answer is not None:
            self.say(judge, path, answer)


def reason_of(error, without, whoever_asks):
    if error.errno in (errno.EACCES, errno.EPERM):
        return without if whoever_asks and without else "denied"
    if error.errno == errno.EINVAL:
        return "unsupported"
    if error.errno in (errno.ENOENT, errno.ESRCH) and without is not None:
        return without
    raise error


class Subject:
    """A process as it was met: who it is, and where its files are."""

    def __init__(self, pid):
        self.pid = pid
        self.stat = fields_of_stat(f"/proc/{pid}")
        self.is_kernel_thread = bool(int(self.stat[9]) & PF_KTHREAD)
        self.folder = f"/proc/{pid}"
        self.leader_exited = self.stat[3] == b"Z" and int(self.stat[20]) > 1
        self.live = None
        if self.leader_exited:
            # What the main thread no longer has is read through one that lives.
            self.live = next((thread for thread in threads_of(pid) if state_of(pid, thread) not in b"ZX"), None)
            self.folder = f"/proc/{pid}/task/{self.live}" if self.live else self.folder
        self.is_zombie = self.stat[3] == b"Z" and not self.live

    @property
    def key(self):
        return f"{self.pid} {int(self.stat[22])}"

    @property
    def without(self):
        """Why a file may be missing although the process is there; None: it is not there."""
        return "zombie" if self.is_zombie else "none" if self.is_kernel_thread else None

    def file(self, name):
        return f"{self.folder}/{name}"

    def lines(self, name):
        return lines_of(self.file(name))

    def is_there(self):
        return fields_of_stat(f"/proc/{self.pid}")[22] == self.stat[22]


PF_KTHREAD = 0x00200000


def fields_of_stat(folder):
    """Numbered as in proc(5): fields[3] is the state."""
    data = read(f"{folder}/stat")
    name = data[data.index(b"(") + 1 : data.rindex(b")")]
    return [None, int(data.split(b" ", 1)[0]), name] + data[data.rindex(b")") + 2 :].split()


def threads_of(pid):
    return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))


def state_of(pid, thread):
    try:
        return fields_of_stat(f"/proc/{pid}/task/{thread}")[3]
    except (FileNotFoundError, ProcessLookupError):
        return b"X"


def lines_of(path):
    # Names may be any bytes.
    with open(path, errors="surrogateescape") as file:
        pairs = (line.rstrip("\n").partition(":") for line in file)
        return {key: value.strip(" \t") for key, colon, value in pairs if colon}
