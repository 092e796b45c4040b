"""Where a set is served: the socket, the names by which it may be asked for, and the link to it."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
from dataclasses import dataclass

from smearprep.errors import RecipeError

LOOPBACK = "127.0.0.1"
USUAL_PORT = 8123
"""Taken if it is free: a page that is still open finds the server again when that is started again."""
_HTTP = 80


@dataclass(frozen=True)
class Place:
    """An address that listens.

    Args:
        listener: The socket, bound and listening.
        host: The address as the user gave it.
    """

    listener: socket.socket
    host: str

    @property
    def port(self) -> int:
        """The port, also where a free one was asked for."""
        return int(self.listener.getsockname()[1])

    @property
    def is_open_to_others(self) -> bool:
        """True if other computers can reach it."""
        return not _address(self.listener).is_loopback

    @property
    def names(self) -> frozenset[str]:
        """What a request may call this server: a foreign page that had its own name pointed here cannot."""
        address = _address(self.listener)
        hosts = {self.host.lower(), str(address)}
        if self.is_open_to_others:
            hosts.add(socket.gethostname().lower())
        if address.is_unspecified or address.is_loopback:
            hosts |= {"localhost", LOOPBACK}
        written = {f"[{host}]" if ":" in host else host for host in hosts}
        return frozenset(f"{host}:{self.port}" for host in written) | (
            written if self.port == _HTTP else frozenset()
        )

    @property
    def url(self) -> str:
        """The page's address, without a key."""
        host = socket.gethostname() if _address(self.listener).is_unspecified else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"


def listen(host: str = LOOPBACK, port: int | None = None) -> Place:
    """Listen at an address.

    Args:
        host: An address or name of this computer.
        port: 0 takes a free one; None takes the usual one, or a free one if that is in use.

    Raises:
        RecipeError: The port is in use or may not be used, or this computer has no such address.
    """
    if port is None:
        try:
            return Place(_bound(host, USUAL_PORT), host)
        except RecipeError:
            port = 0
    return Place(_bound(host, port), host)


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError):
        raise RecipeError(f"--host {host}: is no address or name that is known here") from None
    try:
        if sys.platform == "win32":  # there, reusing would let another program listen at the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # at once after a server that was killed
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise RecipeError(_why_not(error, host, port)) from None
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"--port {port}: is in use at {host}, perhaps by another `smearprep annotate`; give another, or "
            "leave the option away for a free one"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host}: is no address of this computer; leave the option away to serve it alone"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"--port {port}: may not be used ({os.strerror(error.errno)}); give one from 1024 on"
    return f"--host {host} --port {port}: cannot be served ({error.strerror or error})"


def _address(listener: socket.socket) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(str(listener.getsockname()[0]).partition("%")[0])
