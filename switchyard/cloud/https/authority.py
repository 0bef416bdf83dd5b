"""A certificate authority that lives as long as its process: its key is never written down."""

from __future__ import annotations

import datetime
import ssl
import tempfile
import threading
from pathlib import Path
from typing import Any

import botocore
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=30)
_EARLIER = datetime.timedelta(hours=1)


class Authority:
    """Vouches for host names to whoever trusts its certificate.

    Parameters
    ----------
    file
        Where its certificate is written (PEM), for `AWS_CA_BUNDLE`; beside it are the public authorities that botocore
        comes with, since whoever trusts that file trusts no other.
    """

    def __init__(self, file: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Switchyard, this machine alone")])
        public = self._key.public_key()
        self._certificate = (
            _certificate(self._name, self._name, public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        partial = file.with_suffix(".partial")
        public_authorities = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
        partial.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM) + public_authorities)
        partial.replace(file)

    def context(self, host: str) -> ssl.SSLContext:
        """Give what a server needs to be `host`; the same one each time."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._make_context(host)
            return self._contexts[host]

    def _make_context(self, host: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        # A common name has room for 64 characters; clients look at the alternative name.
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        public = key.public_key()
        certificate = (
            _certificate(subject, self._name, public)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Python's ssl reads keys from files alone; this one is its owner's, and gone at once.
        with tempfile.NamedTemporaryFile(prefix="switchyard-", suffix=".pem") as file:
            file.write(certificate.public_bytes(pem) + secret)
            file.flush()
            context.load_cert_chain(file.name)
        return context


def _certificate(subject: x509.Name, issuer: x509.Name, public: Any) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _LIFETIME)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
