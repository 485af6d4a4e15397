"""What the links of fd and the files of fdinfo say."""

import errno
import os
import re
import stat as modes

from judging.by_kernel import kind_of_mode
from judging.rows import DELETED, absent, octets, read

# Links that lead to no path; the kernel's words (fs/eventfd.c, fs/eventpoll.c, fs/timerfd.c, ...).
ANONYMOUS = {
    b"[eventfd]": "EVENTFD", b"[eventpoll]": "EPOLL", b"[timerfd]": "TIMERFD", b"[signalfd]": "SIGNALFD", b"inotify": "NOTIFY",
    b"[fanotify]": "NOTIFY", b"[io_uring]": "IO_URING", b"[pidfd]": "PIDFD", b"bpf-prog": "BPF", b"bpf-map": "BPF", b"bpf_link": "BPF",
}  # fmt: skip


def ask_open_files(row, subject):
    row.list("kernel", "open_files", lambda: say_open_files(row, subject), subject.without)


def say_open_files(row, subject):
    folder = subject.file("fd")
    descriptors = [int(name) for name in os.listdir(folder)]
    for descriptor in descriptors:
        try:
            values = describe(subject, f"{folder}/{descriptor}", subject.file(f"fdinfo/{descriptor}"))
        except (FileNotFoundError, ProcessLookupError):
            continue
        row.say_all("kernel", f"open_files[{descriptor}]", {"fd": descriptor, **values})
    return len(descriptors)


def describe(subject, link, info):
    try:
        target = os.readlink(link.encode())
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL):
            raise
        target = b""
    found = os.stat(link)
    values = {"path": octets(target), "deleted": False, "inode": found.st_ino}
    if target.startswith((b"socket:[", b"pipe:[")):
        values["kind"] = "SOCKET" if target.startswith(b"socket") else "PIPE"
        values["inode"] = int(re.search(rb"\[(\d+)\]$", target).group(1))
    elif target.startswith(b"anon_inode:"):
        values["kind"] = ANONYMOUS.get(target.removeprefix(b"anon_inode:"), "ANONYMOUS_INODE")
    elif target.startswith(b"pidfd:"):
        values["kind"] = "PIDFD"
    elif not target.startswith(b"/"):
        values["kind"] = "ANONYMOUS_INODE"
    else:
        is_memfd = target.startswith(b"/memfd:") and found.st_nlink == 0
        values["kind"] = "MEMFD" if is_memfd else kind_of_mode(found.st_mode)
        values["device_major"], values["device_minor"] = os.major(found.st_dev), os.minor(found.st_dev)
        if modes.S_ISREG(found.st_mode):
            values["size_bytes"] = found.st_size
        if target.endswith(DELETED) and not is_called(subject, target, found):
            values |= {"deleted": True, "path": octets(target.removesuffix(DELETED))}
    values["kind"] = "OPEN_FILE_KIND_" + values["kind"]
    lines = dict(line.split(b":", 1) for line in read(info).splitlines() if b":" in line)
    values["position_bytes"] = int(lines[b"pos"])
    values["flags"] = int(lines[b"flags"], 8)
    if values["kind"] == "OPEN_FILE_KIND_PIDFD":
        pid = int(lines[b"Pid"])
        values["target_pid"] = pid if pid > 0 else absent("none")
    return values


def is_called(subject, target, found):
    if found.st_nlink == 0:
        return False
    try:
        return os.path.samestat(os.stat(subject.file("root").encode() + target), found)
    except OSError:
        return False
