"""The wire format as any client needs it: sealing and documents, written from docs/WIRE.md alone.

Numbers in comments are sections of that page. It needs cryptography (Debian: apt-get install python3-cryptography), of which only the
primitives are used: X25519, AES-256-GCM. HPKE's authenticated mode (RFC 9180) is written out here.
"""

import base64
import datetime
import hashlib
import hmac
import json
import re
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TYPE = "be.healthdata.precision."
ITEMS_MAX, BYTES_MAX = 10_000, 10_000_000


class RefusedItem(Exception):
    """An item that becomes a dead letter alone; the text is its code (section 9)."""


class RefusedDocument(Exception):
    """A document that goes to the dead-letter queue as it is; the text is its code (section 9)."""


# Values that everything below is made of.


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf_expand(prk, info, length):
    blocks, block = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac256(prk, block + info + bytes([number]))
        blocks += block
    return blocks[:length]


def hkdf(key, salt, info):
    return hkdf_expand(hmac256(salt or bytes(32), key), info, 32)


def framed(*parts):
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def base32(data):
    return base64.b32encode(data).decode().rstrip("=")


def b64(data):
    return base64.b64encode(data).decode()


def raw(private):
    """The 32 bytes of a private key's public key."""
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(public):
    return sha256(public)[:8].hex()


# Sealing (4): HPKE's authenticated mode, of which only the exporter is used.

KEM, HPKE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
AUTHENTICATED = b"\x02"


def labeled_extract(suite, salt, label, key):
    return hmac256(salt or bytes(32), b"HPKE-v1" + suite + label + key)


def labeled_expand(suite, prk, label, info, length):
    return hkdf_expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def exchanged(private, public):
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise RefusedDocument("LOW_ORDER_KEY") from None


def item_key(dh, enc, recipient, sender, tag):
    """The key of all items under one encapsulation (RFC 9180 sections 4.1, 5.1 and 5.3)."""
    extracted = labeled_extract(KEM, b"", b"eae_prk", dh)
    shared = labeled_expand(KEM, extracted, b"shared_secret", enc + recipient + sender, 32)
    info = b"precision/1" + bytes([tag])
    context = AUTHENTICATED + labeled_extract(HPKE, b"", b"psk_id_hash", b"") + labeled_extract(HPKE, b"", b"info_hash", info)
    secret = labeled_extract(HPKE, shared, b"secret", b"")
    exporter = labeled_expand(HPKE, secret, b"exp", context, 32)
    return AESGCM(labeled_expand(HPKE, exporter, b"sec", b"item key", 32))


def associated(tag, index, item):
    return bytes([1, tag]) + index + uuid.UUID(item).bytes


class Sealer:
    """Seals one part of all items of a publication for one recipient (4.2)."""

    def __init__(self, keys, tag, recipient):
        self.tag, self.next = tag, 0
        ephemeral = X25519PrivateKey.generate()
        enc, own = raw(ephemeral), raw(keys.current)
        dh = exchanged(ephemeral, recipient) + exchanged(keys.current, recipient)
        self.aead = item_key(dh, enc, recipient, own, tag)
        self.encapsulation = {"key": key_id(recipient), "enc": b64(enc)}

    def seal(self, item, clear):
        index = self.next.to_bytes(4, "big")
        self.next += 1
        return index + self.aead.encrypt(bytes(8) + index, clear, associated(self.tag, index, item))


class Opener:
    """Opens one part of all items of a publication, under whichever of the sender's keys it was sealed (4.2)."""

    def __init__(self, keys, tag, senders, seal):
        own = keys.private.get(seal["key"])
        if own is None:
            raise RefusedDocument("UNKNOWN_KEY")
        enc, public = decoded(seal["enc"]), raw(own)
        self.tag, self.aeads = tag, []
        for sender in senders:
            dh = exchanged(own, enc) + exchanged(own, sender)
            self.aeads.append(item_key(dh, enc, public, sender, tag))

    def open(self, item, blob):
        if len(blob) < 20:
            raise RefusedItem("SEAL_CUT_SHORT")
        index = blob[:4]
        for aead in self.aeads:
            try:
                return aead.decrypt(bytes(8) + index, blob[4:], associated(self.tag, index, item))
            except InvalidTag:
                pass
        raise RefusedItem("DOES_NOT_OPEN")


# Documents (1, 2): a strict reader.

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
KEY = re.compile(r"[0-9a-f]{16}")
SOURCE = re.compile(r"[a-z][a-z0-9-]{0,63}")
REASON = re.compile(r"[A-Z][A-Z0-9_]{0,31}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def text(pattern):
    def check(value):
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise RefusedDocument("INVALID_MEMBER")

    return check


def moment(value):
    text(TIME)(value)
    try:
        datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError:
        raise RefusedDocument("INVALID_MEMBER") from None


def decoded(value):
    """Canonical base64 only: what is written again must be the same text."""
    if not isinstance(value, str):
        raise RefusedDocument("INVALID_MEMBER")
    try:
        data = base64.b64decode(value, validate=True)
    except ValueError:
        raise RefusedDocument("NOT_BASE64") from None
    if b64(data) != value:
        raise RefusedDocument("NOT_BASE64")
    return data


def encapsulated_key(value):
    if len(decoded(value)) != 32:
        raise RefusedDocument("WRONG_LENGTH")


def exactly(value):
    def check(given):
        if given != value:
            kind = value.rpartition(".v")[0]
            same = value == "1.0" or (isinstance(given, str) and kind and given.rpartition(".v")[0] == kind)
            raise RefusedDocument("UNKNOWN_VERSION" if same else "UNKNOWN_TYPE")

    return check


def members(value, optional=(), **checks):
    """An object with these members and no other, each of which passes its check."""
    if not isinstance(value, dict):
        raise RefusedDocument("INVALID_MEMBER")
    if set(value) - set(checks):
        raise RefusedDocument("UNKNOWN_MEMBER")
    if set(checks) - set(value) - set(optional):
        raise RefusedDocument("MISSING_MEMBER")
    for name, given in value.items():
        checks[name](given)


def encapsulation(value):
    members(value, key=text(KEY), enc=encapsulated_key)


def content_seal(value):
    members(value, key=text(KEY), enc=encapsulated_key, header=decoded)


def items(**checks):
    def check(value):
        if not isinstance(value, list):
            raise RefusedDocument("INVALID_MEMBER")
        if not value:
            raise RefusedDocument("NO_ITEMS")
        if len(value) > ITEMS_MAX:
            raise RefusedDocument("TOO_MANY_ITEMS")
        for item in value:
            members(item, id=text(ID), **checks)

    return check


def once(pairs):
    """What the JSON reader makes of an object; a member that is given twice is refused."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise RefusedDocument("REPEATED_MEMBER")
    return dict(pairs)


def no_number(_):
    raise RefusedDocument("NOT_JSON")


def read(body, kind, data):
    if len(body) > BYTES_MAX:
        raise RefusedDocument("TOO_LARGE")
    try:
        document = body.decode("utf-8")
        publication, end = json.JSONDecoder(object_pairs_hook=once, parse_constant=no_number).raw_decode(document)
    except (ValueError, RecursionError):
        raise RefusedDocument("NOT_JSON") from None
    if end != len(document):
        raise RefusedDocument("TRAILING_BYTES")
    envelope = {"specversion": exactly("1.0"), "id": text(ID), "source": text(SOURCE), "type": exactly(TYPE + kind)}
    members(publication, optional=["reason"], **envelope, time=moment, reason=text(REASON), data=data)
    return publication


def follows(publication, name):
    """Version 5 of an id (8): the same again for a redelivery."""
    return str(uuid.uuid5(uuid.UUID(publication["id"]), name))


def written(id, source, kind, data, reason=None, fraction=0):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=fraction)
    envelope = {"specversion": "1.0", "id": id, "source": source, "type": TYPE + kind, "time": f"{now:%Y-%m-%dT%H:%M:%S.%f}Z"}
    if reason:
        envelope["reason"] = reason
    body = json.dumps(envelope | {"data": data}, separators=(",", ":")).encode()
    if len(body) > BYTES_MAX:
        raise RefusedDocument("TOO_LARGE")
    return body
