#!/usr/bin/python3
"""A second trusted third party, as small as one can be: an example of a tester's own part.

It is written from docs/WIRE.md alone; numbers in comments are sections of that page. It does steps 4 to 5 and their way back. It leaves
out what a test bed can do without: the quota of patients per hospital and day, re-coding (R1, R2), and an itinerary.

    ttp.py --broker amqp://guest:guest@127.0.0.1:5672/%2f --prefix precision-0123456789ab --keys DIR

DIR is a key directory; of it the folders `ehealth-ttp` and `public` are read. It needs pika and cryptography (Debian: apt-get install
python3-pika python3-cryptography). It goes on until it is interrupted, and comes back when the broker does.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import sys
import time
import uuid

import pika
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from wire import (
    Opener,
    RefusedDocument,
    RefusedItem,
    Sealer,
    b64,
    base32,
    content_seal,
    decoded,
    encapsulation,
    follows,
    framed,
    hkdf,
    hmac256,
    items,
    key_id,
    members,
    raw,
    read,
    sha256,
    written,
)

PARTY = "ehealth-ttp"


# Keys (3).


class Keys:
    """The TTP's own keys and everybody's public ones, read again when something does not open."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.read()

    def read(self):
        own = self.folder / PARTY
        self.private = {}
        for number in self.numbers(own, "messaging"):
            private = X25519PrivateKey.from_private_bytes(self.secret(own / f"messaging-{number}.key"))
            self.private[key_id(raw(private))] = private
            self.current = private
        self.masters = [self.secret(own / f"pseudonym-{epoch}.key") for epoch in self.numbers(own, "pseudonym")]
        self.sender, self.handle = self.secret(own / "sender.key"), self.secret(own / "handle.key")
        self.public = {}
        for file in (self.folder / "public").glob("*.json"):
            party = json.loads(file.read_text())
            self.public[party["party"]] = [bytes.fromhex(digits) for digits in party["keys"]]

    @staticmethod
    def numbers(folder, kind):
        found = (re.fullmatch(kind + r"-(\d+)\.key", file.name) for file in folder.iterdir())
        return sorted(int(match[1]) for match in found if match)

    @staticmethod
    def secret(file):
        return bytes.fromhex(file.read_text().strip())


# What the TTP reads (2).


def step_4(data):
    members(data, identity=encapsulation, content=content_seal, items=items(identity=decoded, content=decoded))


def step_5_back(data):
    members(data, feedback=encapsulation, items=items(feedback=decoded, **{"return": decoded}), **{"return": encapsulation})


# Identities (5.1, 6.1).

KINDS = {1: b"ssin", 2: b"generated"}


def is_identity(kind, value):
    if kind == 1 and re.fullmatch(rb"\d{11}", value):
        check = int(value[9:])
        return any(97 - int(before + value[:9]) % 97 == check for before in (b"", b"2"))
    return kind == 2 and bool(re.fullmatch(rb"G[A-Z2-7]{26}", value))


def identity_of(part):
    """Kind, value and hash of an identity part."""
    if len(part) != 66 or part[0] != 1:
        raise RefusedItem("IDENTITY")
    kind, value = part[1], part[2:34].rstrip(b"\0")
    if kind not in KINDS or not is_identity(kind, value):
        raise RefusedItem("IDENTITY")
    return kind, value, part[34:]


def identity_part(kind, value, hash):
    return bytes([1, kind]) + value.ljust(32, b"\0") + hash


# Pseudonyms and sender codes (6.5, 6.6).


def check_character(code):
    alphabet, p = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 36
    for character in code:
        p = ((p + alphabet.index(character)) % 36 or 36) * 2 % 37
    return alphabet[(37 - p) % 36]


def pseudonym(keys, kind, value):
    domain, code = b"healthdata", framed(KINDS[kind], value)
    for epoch, master in enumerate(keys.masters, start=1):
        key = hkdf(master, b"precision/pseudonym/1", framed(domain) + epoch.to_bytes(4, "big"))
        code = base32(hmac256(key, code)).encode()[:26]
    code = code.decode()
    return f"{domain.decode()}.{len(keys.masters)}.{code}{check_character(code)}".encode()


def sender_code(keys, hospital):
    return b"S" + base32(hmac256(keys.sender, hospital)[:10]).encode()


# Return handles (5.4).


def handle_key(keys, quarter, salt):
    return AESGCM(hkdf(hkdf(keys.handle, b"precision/handle/1", quarter), salt, b""))


class Handles:
    """Makes the handles of one publication."""

    def __init__(self, keys):
        now, self.salt, self.next = datetime.datetime.now(datetime.timezone.utc), os.urandom(16), 0
        self.quarter = now.year.to_bytes(2, "big") + bytes([(now.month + 2) // 3])
        self.aead = handle_key(keys, self.quarter, self.salt)

    def make(self, hospital, kind, value, item):
        number = self.next.to_bytes(4, "big")
        self.next += 1
        head = bytes([1]) + self.quarter + self.salt + number
        return head + self.aead.encrypt(
            bytes(8) + number, hospital + bytes([kind]) + value.ljust(32, b"\0") + uuid.UUID(item).bytes, head
        )


def handle_opened(keys, handle):
    """Hospital, kind and value."""
    if len(handle) != 97 or handle[0] != 1:
        raise RefusedItem("HANDLE")
    try:
        aead = handle_key(keys, handle[1:4], handle[4:20])
        clear = aead.decrypt(bytes(8) + handle[20:24], handle[24:], handle[:24])
    except InvalidTag:
        raise RefusedItem("HANDLE") from None
    return clear[:8].decode(), clear[8], clear[9:41].rstrip(b"\0")


# The two steps: what goes on (exchange, routing key, body), and which items do not (item, code).


def forward(keys, publication):
    """Step 5: pseudonyms in the place of identities."""
    data, source = publication["data"], publication["source"]
    match = re.fullmatch(r"ehbox-hco-(\d{8})", source)
    if not match or source not in keys.public:
        raise RefusedDocument("UNKNOWN_PARTY")
    hospital = match[1].encode()
    opener = Opener(keys, 1, keys.public[source], data["identity"])
    sealer, handles = Sealer(keys, 4, keys.public["ehbox-hd"][0]), Handles(keys)
    passed, bad = [], []
    for item in data["items"]:
        try:
            kind, value, hash = identity_of(opener.open(item["id"], decoded(item["identity"])))
            if hash != sha256(decoded(item["content"])):
                raise RefusedItem("SWAPPED_CONTENT")
            part = b"\1" + pseudonym(keys, kind, value).ljust(64, b"\0") + sender_code(keys, hospital) + hash
            part += handles.make(hospital, kind, value, item["id"])
            passed.append({"id": item["id"], "pseudonym": b64(sealer.seal(item["id"], part)), "content": item["content"]})
        except RefusedItem as refused:
            bad.append((item, str(refused)))
    onward = []
    if passed:
        data = {"pseudonym": sealer.encapsulation, "content": data["content"], "items": passed}
        onward.append(("step-5", "hd.in", written(follows(publication, PARTY), PARTY, "pseudonymised-submission.v1", data)))
    return onward, bad


def back(keys, publication):
    """Step 4 back: identities in the place of return handles, one publication for each hospital."""
    data = publication["data"]
    opener = Opener(keys, 5, keys.public["ehbox-hd"], data["return"])
    hospitals, bad = {}, []
    for item in data["items"]:
        try:
            part = opener.open(item["id"], decoded(item["return"]))
            if not part or part[0] != 1:
                raise RefusedItem("RETURN_PART_FORM" if part else "RETURN_PART_LENGTH")
            if len(part) != 3 + int.from_bytes(part[1:3], "big") + 32:
                raise RefusedItem("RETURN_PART_LENGTH")
            if part[-32:] != sha256(decoded(item["feedback"])):
                raise RefusedItem("SWAPPED_CONTENT")
            hospital, kind, value = handle_opened(keys, part[3:-32])
            party = f"ehbox-hco-{hospital}"
            if party not in keys.public:
                raise RefusedItem("UNKNOWN_PARTY")
            if hospital not in hospitals:
                hospitals[hospital] = (Sealer(keys, 7, keys.public[party][0]), [])
            sealer, passed = hospitals[hospital]
            identity = sealer.seal(item["id"], identity_part(kind, value, part[-32:]))
            passed.append({"id": item["id"], "identity": b64(identity), "feedback": item["feedback"]})
        except RefusedItem as refused:
            bad.append((item, str(refused)))
    onward = []
    for hospital, (sealer, passed) in hospitals.items():
        id = follows(publication, f"{PARTY} {hospital}")
        returned = {"identity": sealer.encapsulation, "feedback": data["feedback"], "items": passed}
        onward.append(("step-4-back", f"hco.{hospital}.in", written(id, PARTY, "returned-feedback.v1", returned)))
    return onward, bad


QUEUES = {
    "ttp.in": ("sealed-submission.v1", step_4, forward),
    "ttp.return": ("sealed-feedback.v1", step_5_back, back),
}


class Ttp:
    """The TTP at its broker (1, On the broker)."""

    def __init__(self, channel, prefix, keys):
        self.channel, self.prefix, self.keys = channel, prefix, keys

    def serve(self):
        self.channel.confirm_delivery()
        self.channel.basic_qos(prefetch_count=8)
        for queue in QUEUES:
            handler = lambda channel, method, _, body, queue=queue: self.handle(queue, method.delivery_tag, body)
            self.channel.basic_consume(self.prefix + queue, handler)
        say("reads " + " and ".join(self.prefix + queue for queue in QUEUES))
        self.channel.start_consuming()

    def handle(self, queue, tag, body):
        try:
            dead, onward = self.pass_on(queue, body)
        except RefusedDocument as refused:
            say(f"{queue}: a document is refused: {refused}")
            self.channel.basic_reject(tag, requeue=False)
            return
        # Dead letters first, then the rest, then the acknowledgement: what happens twice has the same ids.
        for exchange, routing_key, body in dead + onward:
            self.publish(exchange, routing_key, body)
        self.channel.basic_ack(tag)

    def pass_on(self, queue, body):
        kind, data, step = QUEUES[queue]
        publication = read(body, kind, data)
        try:
            onward, bad = step(self.keys, publication)
            failed = bool(bad)
        except RefusedDocument:
            failed = True
        if failed:
            # Keys may have been renewed since they were read.
            self.keys.read()
            onward, bad = step(self.keys, publication)
        dead = []
        for item, code in bad:
            say(f"{queue}: an item is set aside: {code}")
            alone = publication["data"] | {"items": [item]}
            letter = written(follows(publication, f"dead {item['id']}"), publication["source"], kind, alone, code)
            dead.append((f"dead.{queue}", f"{queue}.dead", letter))
        return dead, onward

    def publish(self, exchange, routing_key, body):
        while True:
            try:
                durable = pika.BasicProperties(delivery_mode=2)
                self.channel.basic_publish(self.prefix + exchange, routing_key, body, durable, mandatory=True)
                return
            except pika.exceptions.NackError:
                say(f"{routing_key} is full; trying again")
                self.channel.connection.sleep(1)


def say(line):
    print(line, file=sys.stderr, flush=True)


def main():
    arguments = argparse.ArgumentParser(description="A minimal TTP, written from docs/WIRE.md.")
    arguments.add_argument("--broker", required=True, help="amqp:// address")
    arguments.add_argument("--keys", required=True, help="key directory")
    arguments.add_argument("--prefix", default="", help="what stands in front of exchanges and queues, without the dot behind it")
    given = arguments.parse_args()
    keys, prefix = Keys(given.keys), given.prefix and given.prefix + "."
    while True:
        try:
            with pika.BlockingConnection(pika.URLParameters(given.broker)) as connection:
                Ttp(connection.channel(), prefix, keys).serve()
        except KeyboardInterrupt:
            return
        except pika.exceptions.AMQPError as error:
            say(f"the broker is away ({type(error).__name__}); trying again")
            time.sleep(1)


if __name__ == "__main__":
    main()
