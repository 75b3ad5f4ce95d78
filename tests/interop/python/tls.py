"""Clients with TLS: who is served, who is refused, and an application that doesn't notice."""

import contextlib
import socket
import ssl

import transaction
import ZEO
from peer import endpoint, error_name, raised

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def context(folder, ca="server", identity=None, version=None):
    made = ssl.create_default_context(cafile=f"{folder}/{ca}.pem")
    if identity:
        made.load_cert_chain(f"{folder}/{identity}.pem", f"{folder}/{identity}.key")
    if version:
        made.minimum_version = made.maximum_version = VERSIONS[version]
    return made


def connected(address):
    if isinstance(address, str):
        plain = socket.socket(socket.AF_UNIX)
        plain.connect(address)
    else:
        plain = socket.create_connection(endpoint(address))
    plain.settimeout(10)
    return plain


def knock(address, folder, hostname="localhost", **options):
    """What a client gets: the version of TLS and the server's announcement, or why it turns away, or that it is refused."""
    made = context(folder, **options)
    with contextlib.closing(connected(address)) as plain:
        try:
            with made.wrap_socket(plain, server_hostname=hostname) as secure:
                announced = b""
                # The length, 4 bytes, and what has it; runzeo sends them one after the other.
                while len(announced) < 6:
                    received = secure.recv(100)
                    if not received:
                        return "refused"
                    announced += received
                return f"{secure.version()} {announced[4:].decode()}"
        except ssl.SSLCertVerificationError as error:
            return f"turned away: {error.verify_message.split(',')[0]}"
        except (ssl.SSLError, OSError):
            return "refused"


def knocks(address, folder, clients):
    return [knock(address, folder, **client) for client in clients]


def plainly(address):
    """What a client without TLS is told."""
    with contextlib.closing(connected(address)) as plain:
        plain.settimeout(1)
        try:
            return plain.recv(6, socket.MSG_WAITALL)[4:].decode()
        except (TimeoutError, OSError):
            return "nothing"


def application(address, folder, size):
    """Two clients; one writes, and the other reads what it has written."""
    found = []
    for _ in range(2):
        database = ZEO.DB(endpoint(address), ssl=context(folder, identity="client"), wait_timeout=10)
        with database.transaction() as connection:
            root = connection.root()
            found.append(len(root.get("text", "")))
            root["text"] = "x" * size
        database.close()
    return found


def refused(address, folder):
    """A ZEO client with a certificate that the server doesn't know."""
    return error_name(raised(lambda: ZEO.client(endpoint(address), ssl=context(folder, identity="other"), wait_timeout=1)))


class Stays:
    """A client that goes on while the server's certificates change."""

    database = None


def stay(address, folder):
    Stays.database = ZEO.DB(endpoint(address), ssl=context(folder, identity="client"), wait_timeout=10)
    connection = Stays.database.open()
    connection.root()["stays"] = 1
    transaction.commit()
    connection.close()


def stayed():
    connection = Stays.database.open()
    connection.root()["stays"] += 1
    transaction.commit()
    value = connection.root()["stays"]
    connection.close()
    Stays.database.close()
    return value
