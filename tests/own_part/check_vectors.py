#!/usr/bin/python3
"""Holds the Python TTP against docs/vectors, without a broker: it must read their documents and say what they say."""

import json
import pathlib
import tempfile

import ttp
import wire

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "vectors"


class Recipient:
    """The keys with which a neighbour opens what the TTP seals."""

    def __init__(self, pair):
        self.private = {pair["key"]: wire.X25519PrivateKey.from_private_bytes(bytes.fromhex(pair["private"]))}


def key_directory(folder, known):
    """The vectors' keys as files (3)."""
    for name in ("public", ttp.PARTY):
        (folder / name).mkdir()
    for pair in known["pairs"]:
        public = {"party": pair["party"], "keys": [pair["public"]]}
        (folder / "public" / f"{pair['party']}.json").write_text(json.dumps(public))
        if pair["party"] == ttp.PARTY:
            (folder / ttp.PARTY / "messaging-1.key").write_text(pair["private"] + "\n")
    for secret in known["secrets"]:
        if secret["party"] == ttp.PARTY:
            (folder / ttp.PARTY / secret["name"]).write_text(secret["value"] + "\n")
    return ttp.Keys(folder)


def opened(pair, sender, tag, seal, item, blob):
    return wire.Opener(Recipient(pair), tag, [bytes.fromhex(sender["public"])], seal).open(item, wire.decoded(blob))


def check(file, keys, pairs):
    vector = json.loads((VECTORS / file).read_text())
    documents = {step["step"]: step["document"].encode() for step in vector["steps"]}
    registrations = {one["item"]: one for one in vector["registrations"]}
    hd, own, hospital = pairs["ehbox-hd"], pairs[ttp.PARTY], pairs["ehbox-hco-00000196"]

    publication = wire.read(documents["4"], "sealed-submission.v1", ttp.step_4)
    [(exchange, routing_key, body)], bad = ttp.forward(keys, publication)
    assert (exchange, routing_key, bad) == ("step-5", "hd.in", []), (exchange, routing_key, bad)
    passed, expected = json.loads(body), json.loads(documents["5"])
    assert passed["id"] == expected["id"] and passed["source"] == expected["source"] and passed["type"] == expected["type"]
    assert passed["data"]["content"] == expected["data"]["content"]
    assert [item["id"] for item in passed["data"]["items"]] == [item["id"] for item in expected["data"]["items"]]
    for item in passed["data"]["items"]:
        known = registrations[item["id"]]
        part = opened(hd, own, 4, passed["data"]["pseudonym"], item["id"], item["pseudonym"])
        assert part[1:65].rstrip(b"\0").decode() == known["pseudonym"] and part[65:82].decode() == known["sender"]
        assert ttp.handle_opened(keys, part[114:]) == ttp.handle_opened(keys, bytes.fromhex(known["handle"]["bytes"]))

    publication = wire.read(documents["5 back"], "sealed-feedback.v1", ttp.step_5_back)
    [(exchange, routing_key, body)], bad = ttp.back(keys, publication)
    assert (exchange, routing_key, bad) == ("step-4-back", "hco.00000196.in", []), (exchange, routing_key, bad)
    passed = json.loads(body)
    identities = {(one["identity"]["kind"], one["identity"]["value"]) for one in vector["registrations"]}
    for item in passed["data"]["items"]:
        part = opened(hospital, own, 7, passed["data"]["identity"], item["id"], item["identity"])
        kind, value, _ = ttp.identity_of(part)
        assert (ttp.KINDS[kind].decode(), value.decode()) in identities
    assert passed["data"]["feedback"] == json.loads(documents["4 back"])["data"]["feedback"]


def main():
    known = json.loads((VECTORS / "keys.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        keys = key_directory(pathlib.Path(folder), known)
        for file in ("one-item.json", "three-items.json"):
            check(file, keys, {pair["party"]: pair for pair in known["pairs"]})
    print("the vectors hold")


if __name__ == "__main__":
    main()
