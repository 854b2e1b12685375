"""A certificate authority for one test run, and servers' certificates that it makes."""

from __future__ import annotations

import datetime as dt
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


class Authority:
    """`file` is what a client must trust to trust its certificates."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        basics = x509.BasicConstraints(ca=True, path_length=0)
        self.file = folder / "authority.pem"
        self._write(self.file, self._sign(self.name, self.key, basics, days=1))

    def server_context(self, host, *, days=1):
        """What a server of this name speaks TLS with."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        chain, secret = self.folder / f"{host}.pem", self.folder / f"{host}.key"
        self._write(chain, self._sign(subject, key, names, days=days))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        secret.write_bytes(key.private_bytes(*form))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, secret)
        return context

    def _sign(self, subject, key, extension, *, days):
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 10 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(extension, critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @staticmethod
    def _write(file, certificate):
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
