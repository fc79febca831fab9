"""A connection to a server that counts what comes back, and can be cut."""

import contextlib
import socket
import threading


class Wire:
    """Forwards a port to another; `received` are the bytes that came from the server."""

    def __init__(self, target: int) -> None:
        self.target, self.port, self.received = target, 0, 0
        self._sockets: list[socket.socket] = []

    def connect(self) -> "Wire":
        """Forward, from the same port as before."""
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def cut(self) -> None:
        """Close every connection, and refuse new ones."""
        # Closing alone leaves a thread in accept(), which would take one more connection.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._sockets.clear()

    __enter__ = connect

    def __exit__(self, *_: object) -> None:
        self.cut()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self.target))
                self._sockets += [client, server]
                for one, other, counts in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pump, args=(one, other, counts), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.received += len(data) if counts else 0
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
