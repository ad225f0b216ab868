"""Reads a log published as C2SP tlog-tiles, with nothing but the files, the specification and Python's own library.

usage: tlog_reader.py FOLDER VKEY

Verifies the checkpoint's signature, recomputes the tree from the entries and from the tiles, and prints size and root.
"""
import base64
import hashlib
import os
import sys


def fail(reason):
    sys.exit(f"not verified: {reason}")


# Ed25519 verification (RFC 8032, section 5.1.7), for readability and not for speed.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e, f = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    g, h = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    w, x, y, z = f - e, h - g, h + g, f + e
    return w * x % P, y * z % P, x * y % P, w * z % P


def multiply(n, point):
    result = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


def decompress(data):
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P:
        fail("a point is not on the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def is_valid(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    base = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = multiply(s, base), add(decompress(signature[:32]), multiply(h, decompress(key)))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# C2SP signed-note and tlog-checkpoint.
def open_checkpoint(note, vkey):
    name, key_id, encoded = vkey.split("+", 2)
    raw = base64.b64decode(encoded)
    if raw[0] != 1 or hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() != key_id:
        fail("the verifier key")
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, blob = line.split(" ")
        blob = base64.b64decode(blob)
        if signer == name and blob[:4].hex() == key_id:
            if not is_valid(raw[1:], text.encode(), blob[4:]):
                fail("the signature")
            break
    else:
        fail("no signature by this key")
    origin, size, root = text.splitlines()[:3]
    if origin != name:
        fail("the origin")
    return int(size), base64.b64decode(root)


# RFC 6962.
def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node(root_of(hashes[:k]), root_of(hashes[k:]))


# C2SP tlog-tiles.
def tile_path(kind, index, width):
    digits = f"{index:03d}"
    digits = "0" * (-len(digits) % 3) + digits
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join(["tile", kind] + ["x" + group for group in groups[:-1]] + [groups[-1]])
    return path if width == 256 else f"{path}.p/{width}"


def tiles(kind, count):
    for index in range((count + 255) // 256):
        yield index, min(256, count - index * 256)


def main(folder, vkey):
    def read(path):
        with open(os.path.join(folder, path), "rb") as file:
            return file.read()

    size, root = open_checkpoint(read("checkpoint").decode(), vkey)
    entries = []
    for index, width in tiles("entries", size):
        data, place = read(tile_path("entries", index, width)), 0
        for _ in range(width):
            length = int.from_bytes(data[place : place + 2], "big")
            entries.append(data[place + 2 : place + 2 + length])
            place += 2 + length
        if place != len(data):
            fail("a bundle's length")
    hashes, level = [leaf(entry) for entry in entries], 0
    if root_of(hashes) != root:
        fail("the root over the entries")
    while hashes:
        for index, width in tiles(str(level), len(hashes)):
            expected = b"".join(hashes[index * 256 : index * 256 + width])
            if read(tile_path(str(level), index, width)) != expected:
                fail(f"tile {index} of level {level}")
        hashes = [root_of(hashes[i : i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)]
        level += 1
    print(size, root.hex())


main(sys.argv[1], sys.argv[2])
