"""The service as a test build in another network: `python -m tests.faults.faults_elsewhere [--trust FILE.pem] [--no-name HOST] serve`.

`--trust`: this authority instead of the public ones; no setting and no variable could do that to a shipped service. `--no-name`: this host has no address.
"""

from __future__ import annotations

import socket
import sys

from tests.faults import testbuild


def trust(file):
    from service.bluesnap import transport

    transport.DEFAULT_CA_BUNDLE_PATH = file


def forget_name(host):
    true = socket.getaddrinfo

    def look_up(asked, *arguments, **more):
        if asked == host:
            raise socket.gaierror(socket.EAI_AGAIN, "")
        return true(asked, *arguments, **more)

    socket.getaddrinfo = look_up


if __name__ == "__main__":
    option, value, *arguments = sys.argv[1:]
    {"--trust": trust, "--no-name": forget_name}[option](value)
    testbuild.main(arguments)
