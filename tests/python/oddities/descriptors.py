"""Descriptors of every kind, ten thousand of them; and mappings with odd names. What must stay stays in TMPDIR, whose owner removes it."""

import ctypes
import mmap
import os
import resource
import select
import shutil
import socket
import tempfile

LIBC = ctypes.CDLL(None, use_errno=True)
held = []
MANY = 10_000


def all_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = min(hard, MANY + 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, room), hard))
    folder = tempfile.mkdtemp(prefix="procwire-odd-")
    files(folder)
    anonymous()
    path = os.path.join(folder, "many")
    open(path, "w").write("0123456789")
    while len(os.listdir("/proc/self/fd")) - 1 < min(MANY, room - 100):
        for number in range(100):
            held.append(os.open(path, os.O_RDONLY))
            os.lseek(held[-1], number, os.SEEK_SET)
    # Those are deleted now; one of each kind of name remains.
    shutil.rmtree(folder)


def files(folder):
    def opened(name, flags):
        held.append(os.open(os.path.join(os.fsencode(folder), name), flags | os.O_CREAT, 0o600))
        return held[-1]

    os.write(opened(b"appended", os.O_WRONLY | os.O_APPEND), b"12345")
    opened(b"\xff\n\x1b odd", os.O_RDWR)
    os.lseek(opened(b"sparse", os.O_RDWR), 1 << 40, os.SEEK_SET)
    held.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
    held.append(os.open(folder, os.O_PATH))
    fifo = os.path.join(folder, "fifo")
    os.mkfifo(fifo)
    held.append(os.open(fifo, os.O_RDWR))
    link = os.path.join(folder, "link")
    os.symlink("nowhere", link)
    held.append(os.open(link, os.O_PATH | os.O_NOFOLLOW))
    held.append(os.open("/dev/zero", os.O_RDONLY))
    held.append(os.open("/proc/self/ns/net", os.O_RDONLY))
    held.append(os.open("/proc/self/status", os.O_RDONLY))
    # What stays, and is called as if it did not.
    held.append(tempfile.mkstemp(suffix=" (deleted)")[0])
    try:
        held.append(os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR))
    except OSError:
        # Not on every file system.
        pass


def anonymous():
    reader, writer = os.pipe()
    held.extend([reader, writer, os.eventfd(3)])
    held.append(os.memfd_create("odd ) name\n(deleted)"))
    os.write(held[-1], b"in memory")
    held.append(os.pidfd_open(os.getppid()))
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    held.append(os.pidfd_open(gone))
    os.waitpid(gone, 0)
    held.extend(socket.socketpair())
    poll = select.epoll()
    poll.register(reader, select.EPOLLIN)
    held.append(poll)
    mask = (ctypes.c_ulong * 16)(1 << 9)
    held.extend([LIBC.timerfd_create(1, 0), LIBC.signalfd(-1, mask, 0), LIBC.inotify_init(), io_uring()])


def io_uring():
    return LIBC.syscall(425, 4, (ctypes.c_char * 120)())


def mappings():
    folder = tempfile.mkdtemp(prefix="procwire-odd-")
    names = [b"plain", b"with blanks and \\ in it", b"line\nfeed", b"called so (deleted)", b"gone", b"replaced"]
    for name in names:
        path = os.path.join(os.fsencode(folder), name)
        mapped(path)
    os.unlink(os.path.join(folder, "gone"))
    os.unlink(os.path.join(folder, "replaced"))
    mapped(os.path.join(os.fsencode(folder), b"replaced"))
    held.append(mmap.mmap(-1, 1 << 16))
    memory = os.memfd_create("mapped")
    os.ftruncate(memory, 1 << 16)
    held.append(mmap.mmap(memory, 1 << 16))
    named = mmap.mmap(-1, 1 << 16, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.addressof(ctypes.c_char.from_buffer(named))
    # PR_SET_VMA, PR_SET_VMA_ANON_NAME
    LIBC.prctl(0x53564D41, 0, ctypes.c_ulong(address), ctypes.c_ulong(1 << 16), b"odd name")
    held.append(named)


def mapped(path):
    with open(path, "wb+") as file:
        file.write(b"x" * 3 * mmap.PAGESIZE)
        file.flush()
        held.append(mmap.mmap(file.fileno(), 0))
    held[-1][0] = 1
