"""A process that waits for a filesystem which has read its request and never answers: it is in state D and cannot be killed.

Mounts FUSE on the folder given, in a mount namespace of its own, says "ready PID" of the process that hangs, and lets it go when its
standard input ends. Says why on standard error and ends with 77 where that cannot be done.
"""

import ctypes
import os
import struct
import sys

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE, MS_NOSUID, MS_NODEV = 0x4000, 0x40000, 2, 4
FUSE_INIT = 26
# include/uapi/linux/fuse.h: fuse_in_header, fuse_out_header, fuse_init_out.
IN_HEADER, OUT_HEADER = "<IIQQIIII", "<IiQ"
INIT_OUT = "<IIIIHHIIHH32x"

libc = ctypes.CDLL(None, use_errno=True)


def demand(result, what):
    if result != 0:
        print(f"{what}: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
        sys.exit(77)


def mount(source, target, kind, flags, data=None):
    return libc.mount(source, target, kind, ctypes.c_ulong(flags), data)


def main(folder):
    demand(libc.unshare(CLONE_NEWNS), "unshare")
    demand(mount(b"none", b"/", None, MS_REC | MS_PRIVATE), "make mounts private")
    try:
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(77)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    demand(mount(b"hung", os.fsencode(folder), b"fuse", MS_NOSUID | MS_NODEV, options), "mount fuse")
    request = os.read(device, 1 << 17)
    _, opcode, unique, *_ = struct.unpack_from(IN_HEADER, request)
    assert opcode == FUSE_INIT, opcode
    body = struct.pack(INIT_OUT, 7, 31, 4096, 0, 12, 9, 4096, 1, 1, 0)
    os.write(device, struct.pack(OUT_HEADER, struct.calcsize(OUT_HEADER) + len(body), 0, unique) + body)
    child = os.fork()
    if child == 0:
        # As long as it were open here, its end elsewhere would let nobody go.
        os.close(device)
        os.stat(folder)
        os._exit(0)
    # Its request: from now on only an answer, or the end of this process, lets it go.
    os.read(device, 1 << 17)
    print(f"ready {child}", flush=True)
    sys.stdin.buffer.read()
    os.close(device)
    os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1])
