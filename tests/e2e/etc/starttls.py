"""Mail servers whose TLS Postfix cannot be brought to: OpenSSL by way of Python, with every check of its own put aside.

Takes no mail: it answers as far as RCPT. Runs until it is killed.
"""

import glob
import socketserver
import ssl
import threading

HOME = "/run/mx-exporter-e2e"
PORT = 25

# Name, address, versions, suites. Whoever has DHE gets a prime of 1024 bits.
SERVERS = [
    ("mx.dhe-only.test", "192.0.2.76", ("TLSv1_2", "TLSv1_2"), "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-SHA256"),
    ("mx.tls11-only.test", "192.0.2.77", ("TLSv1_1", "TLSv1_1"), "CAMELLIA256-SHA:CAMELLIA128-SHA"),
    ("mx.no-ciphers.test", "192.0.2.79", ("TLSv1_1", "TLSv1_1"), "ECDHE+AESGCM"),  # of TLS 1.2: it speaks nothing
    ("mx.half-hidden.test", "192.0.2.80", ("TLSv1_2", "TLSv1_3"), "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("mx.unencrypted.test", "192.0.2.78", ("TLSv1_2", "TLSv1_3"), "ECDHE+AESGCM:eNULL:aNULL"),
]


def context(name, versions, suites):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version, tls.maximum_version = (ssl.TLSVersion[version] for version in versions)
    tls.set_ciphers(f"{suites}:@SECLEVEL=0")
    tls.load_dh_params(f"{HOME}/tls/dh1024.pem")
    for certificate in glob.glob(f"{HOME}/tls/{name}*.pem"):
        tls.load_cert_chain(certificate)
    return tls


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name, address, versions, suites):
        self.name, self.tls = name, context(name, versions, suites)
        super().__init__((address, PORT), Client)

    def handle_error(self, request, client_address):
        """Who goes away in the middle of it, as scans do, is no error."""


class Client(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.settimeout(60)
        self.is_encrypted = False
        self.say(f"220 {self.server.name} ESMTP")
        while (line := self.line()) and line != "QUIT":
            self.answer(line)
        self.say("221 bye")

    def answer(self, line):
        verb, _, rest = line.partition(" ")
        match verb:
            case "EHLO":
                offers = [self.server.name, "PIPELINING", "8BITMIME"] + ["STARTTLS"] * (not self.is_encrypted)
                self.say(*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}")
            case "STARTTLS" if not self.is_encrypted:
                self.say("220 go ahead")
                self.request = self.server.tls.wrap_socket(self.request, server_side=True)
                self.is_encrypted = True
            case "RCPT" if not rest.endswith(f"@{self.server.name.removeprefix('mx.').upper()}>"):
                self.say("554 Relay access denied")
            case "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP":
                self.say("250 fine")
            case _:
                self.say("502 what?")

    def say(self, *lines):
        self.request.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def line(self):
        """One line in upper case, without a look at what follows it: that may be a handshake. Empty: the end."""
        line = b""
        while not line.endswith(b"\n") and len(line) < 1024 and (octet := self.request.recv(1)):
            line += octet
        return line.decode("ascii", "replace").strip().upper()


if __name__ == "__main__":
    for server in SERVERS:
        threading.Thread(target=Server(*server).serve_forever).start()
