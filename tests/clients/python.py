"""Python's http.client, and its sockets: python3 python.py CHECK HOST:PORT SITE; succeeds, or says where it failed."""

import email
import http.client
import pathlib
import socket
import sys

ADDRESS = sys.argv[2]
SITE = pathlib.Path(sys.argv[3])
HELLO = (SITE / "hello.txt").read_bytes()
NUMBERS = (SITE / "numbers.txt").read_bytes()


class Connection(http.client.HTTPConnection):
    """One connection: where http.client would silently make a second one, it fails."""

    def __init__(self):
        super().__init__(ADDRESS, timeout=20)
        self.connect()
        self.auto_open = 0

    def ask(self, method, path, headers=None, **more):
        self.request(method, path, headers=headers or {}, **more)
        answer = self.getresponse()
        return answer, answer.read()


def same(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: {found!r:.200}, and should be {wanted!r:.200}")


def one_connection():
    """Whole files, heads, ranges and 304s, one after the other."""
    connection = Connection()
    for _ in range(50):
        answer, body = connection.ask("GET", "/numbers.txt")
        same("whole", (answer.status, body), (200, NUMBERS))
        fields = sorted(name.lower() for name, _ in answer.getheaders())
        same("fields, each once", fields, sorted(set(fields)))

        head, body = connection.ask("HEAD", "/numbers.txt")
        same("head", (head.status, body, head.length), (200, b"", 0))
        same("head's length", head.headers["Content-Length"], str(len(NUMBERS)))

        part, body = connection.ask("GET", "/numbers.txt", {"Range": "bytes=1000-1999"})
        same("range", (part.status, body), (206, NUMBERS[1000:2000]))
        same("Content-Range", part.headers["Content-Range"], f"bytes 1000-1999/{len(NUMBERS)}")

        for field, value in (("If-None-Match", answer.headers["ETag"]), ("If-Modified-Since", answer.headers["Last-Modified"])):
            kept, body = connection.ask("GET", "/numbers.txt", {field: value})
            same(field, (kept.status, body), (304, b""))
            same("304's ETag", kept.headers["ETag"], answer.headers["ETag"])

        missing, _ = connection.ask("GET", "/missing")
        same("missing", missing.status, 404)


def parts():
    """A multipart/byteranges body, read by the parser for mail."""
    wanted = [(0, 9), (1000, 1999), (50000, 50000), (len(NUMBERS) - 7, len(NUMBERS) - 1)]
    ranges = ",".join(f"{first}-{last}" for first, last in wanted)
    connection = Connection()
    answer, body = connection.ask("GET", "/numbers.txt", {"Range": "bytes=" + ranges})
    same("status", answer.status, 206)
    same("Content-Range", answer.headers["Content-Range"], None)
    message = email.message_from_bytes(b"Content-Type: " + answer.headers["Content-Type"].encode() + b"\r\n\r\n" + body)
    same("type", message.get_content_type(), "multipart/byteranges")
    same("defects", message.defects, [])
    found = [(part["Content-Range"], part["Content-Type"], part.get_payload(decode=True)) for part in message.get_payload()]
    same("parts", found, [(f"bytes {first}-{last}/{len(NUMBERS)}", "text/plain; charset=utf-8", NUMBERS[first:last + 1])
                          for first, last in wanted])
    answer, body = connection.ask("GET", "/hello.txt")
    same("the next one", (answer.status, body), (200, HELLO))


def pipelined():
    """Two hundred requests before the first answer is read: answers in order and in number."""
    names = [f"/many/{i}.txt" for i in range(1, 201)]
    requests = "".join(f"GET {name} HTTP/1.1\r\nHost: {ADDRESS}\r\n\r\n" for name in names[:-1])
    requests += f"GET {names[-1]} HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n"
    host, port = ADDRESS.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as peer:
        peer.sendall(requests.encode())
        stream = peer.makefile("rb")
        for i in range(1, 201):
            same("status", stream.readline(), b"HTTP/1.1 200 OK\r\n")
            fields = http.client.parse_headers(stream)
            same("body", stream.read(int(fields["Content-Length"])), f"file {i}\n".encode())
        same("after the last", stream.read(), b"")


def uploads():
    """Refused, with the connection in step for the next one."""
    connection = Connection()
    for body, options in (
        (iter([b"x" * 1000] * 20), {"encode_chunked": True}),
        (b"y" * 20000, {}),
        (iter([]), {"encode_chunked": True}),
        (b"GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n", {}),
    ):
        headers = {"Transfer-Encoding": "chunked"} if options else {}
        answer, _ = connection.ask("PUT", "/x", headers, body=body, **options)
        same("upload", (answer.status, "GET" in (answer.headers["Allow"] or "")), (405, True))
        answer, body = connection.ask("GET", "/hello.txt")
        same("the next one", (answer.status, body), (200, HELLO))
    same("nothing was written", (SITE / "x").exists(), False)


globals()[sys.argv[1]]()
