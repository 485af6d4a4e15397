"""Processes in states that only a parent, a tracer or a careless thread can bring about, and with settings of every kind."""

import ctypes
import os
import resource
import signal
import socket
import struct
import sys
import tempfile
import threading

LIBC = ctypes.CDLL(None, use_errno=True)
held = []
PTRACE_TRACEME, PTRACE_SETOPTIONS, PTRACE_O_EXITKILL = 0, 0x4200, 0x100000


def traced():
    """Names a child that it traces and that has stopped for it."""
    child = os.fork()
    if child == 0:
        LIBC.ptrace(PTRACE_TRACEME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    os.waitpid(child, os.WUNTRACED)
    # It ends with its tracer.
    LIBC.ptrace(PTRACE_SETOPTIONS, child, None, ctypes.c_void_p(PTRACE_O_EXITKILL))
    return child


def killed():
    """Names a zombie that a signal ended."""
    child = os.fork()
    if child == 0:
        signal.pause()
    os.kill(child, signal.SIGKILL)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    return child


def leaderless():
    """The main thread exits, and another goes on, with a socket and a file. Does not return."""
    held.append(socket.create_server(("127.0.0.1", 0)))
    held.append(tempfile.TemporaryFile())
    threading.Thread(target=say_ready_without_a_leader).start()
    # exit(2), of this thread alone.
    LIBC.syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)


def say_ready_without_a_leader():
    while open("/proc/self/stat", "rb").read().rpartition(b")")[2].split()[0] != b"Z":
        pass
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)


def environment():
    """Becomes a program with an environment that no shell would make."""
    entries = [
        b"PLAIN=value", b"EMPTY=", b"EQUALS=a=b=c", b"BYTES=\xff\xfe\n\x1b[2J", b"TWICE=first", b"without an equals sign", b"=nameless",
        b"TWICE=second", b"TOKEN=swordfish", b"\xff\xfe=odd name",
    ]  # fmt: skip
    arguments = [b"sh", b"-c", b"echo ready; read x; :"]
    array = lambda texts: (ctypes.c_char_p * (len(texts) + 1))(*texts, None)
    LIBC.execve(b"/bin/sh", array(arguments), array(entries))


def settings():
    """Everything that can be set without rights."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    ioprio_set(2, 6)
    resource.setrlimit(resource.RLIMIT_NOFILE, (123, 456))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_STACK, (4 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    open("/proc/self/oom_score_adj", "w").write("777")
    take_login_uid(4242)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGRTMAX})
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, lambda *_: None)
    os.kill(os.getpid(), signal.SIGUSR1)
    os.setpgid(0, 0)
    filtered()


def take_login_uid(uid):
    """Whoever has none may take one; in a session of somebody who logged in all have one. Kernels without audit have no such file."""
    try:
        open("/proc/self/loginuid", "w").write(str(uid))
    except (FileNotFoundError, PermissionError):
        pass


def filtered():
    """PR_SET_NO_NEW_PRIVS, then a seccomp filter that allows everything."""
    LIBC.prctl(38, 1, 0, 0, 0)
    allow = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(struct.pack("@HP", 1, ctypes.addressof(allow)))
    LIBC.prctl(22, 2, program)


def idle():
    """Runs when nobody else does, by processor and by disk."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    ioprio_set(3, 0)


def ioprio_set(io_class, level):
    LIBC.syscall({"x86_64": 251, "aarch64": 30}[os.uname().machine], 1, 0, io_class << 13 | level)


def setuid():
    """Started by nobody, as the kernel sees it, and acting as root: a program with the setuid bit (root only)."""
    os.setgroups([65534, 7])
    os.setresuid(65534, 0, 0)
