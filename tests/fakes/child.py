"""A process that stands where the models' process is started, and speaks its channel as badly as it is told.

    python <this> -u -m deployments.endpoint.child <file descriptor>

How it behaves stands in the file that the variable MANNER names; each line is what one process does, in turn, and the
last is what all later ones do: `works`, `exit` (before it takes work), `half` (dies after half a line when it is
given something), `noise` (says things that are no messages, then works), `deaf` (takes everything, answers nothing).
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path


def main() -> None:
    manners = Path(os.environ["MANNER"])
    first, *rest = manners.read_text().split()
    if rest:
        manners.write_text("\n".join(rest))
    if first == "exit":
        sys.exit(3)
    with socket.socket(fileno=int(sys.argv[-1])) as channel, channel.makefile("rb") as lines:

        def say(**message: object) -> None:
            channel.sendall(json.dumps(message).encode() + b"\n")

        if first == "noise":
            channel.sendall(b'nonsense\n[1, 2]\n\xff\xfe\n{"what": "alive", "memory": 7}\n{"what": 3}\n')
            channel.sendall(b'{"what": "progress", "id": [], "step": 1, "share": 2}\n' + b"[" * 5000 + b"\n")
        say(what="ready")
        say(what="alive", memory=1, busy=[])
        for line in lines:
            if first == "half":
                channel.sendall(b'{"what": "done", "id": ')
                return
            message = json.loads(line)
            with manners.with_suffix(".heard").open("ab") as heard:
                heard.write(line)
            if first == "deaf":
                continue
            if message["what"] == "run":
                say(what="done", id=message["id"], type="COMPLETED", name="Completed", result={"by": os.getpid()})
            elif message["what"] == "call":
                say(what="answer", id=message["id"], value=message["given"])


main()
