"""A WebSocket server that starts what it is told to and writes its stdout to the socket: a loop.

It takes the messages of the load generator that asks for binary frames, and no more than these. One
process at a time, no log, nothing retained, nobody else served meanwhile: nothing that hands output
over a socket in Python can do less. Prints its address when it listens.
"""

import fcntl
import json
import os
import socket
import struct
import subprocess
from typing import Any

from websockets.sync.server import ServerConnection, serve

_PIECE_BYTES = 128 * 1024
_PIPE_BYTES = 1024 * 1024
_FRAME = struct.Struct("!BBQ")
_OUTPUT = struct.Struct("!BBHIQ")


def relay(connection: ServerConnection) -> None:
    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for message in connection:
        request = json.loads(message)
        if "id" in request:
            connection.send(json.dumps({"id": request["id"], "result": {}}))
        if request["method"] == "process/start":
            run(connection, request["params"])


def run(connection: ServerConnection, start: dict[str, Any]) -> None:
    process = subprocess.Popen(start["argv"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.fileno()
    fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    seq = 0
    while data := os.read(output, _PIECE_BYTES):
        seq += 1
        head = _OUTPUT.pack(1, 1, 0, start["handle"], seq)
        size = len(head) + len(data)
        frame = _FRAME.pack(0x82, 127, size)
        sent = connection.socket.sendmsg((frame, head, data))
        assert sent == len(frame) + size
    end = {"processId": start["processId"], "exitCode": process.wait()}
    for method in ("process/exited", "process/closed"):
        connection.send(json.dumps({"method": method, "params": end}))


with serve(relay, "127.0.0.1", 0, compression=None) as server:
    host, port = server.socket.getsockname()
    print(f"ws://{host}:{port}", flush=True)
    server.serve_forever()
