#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Known answers for the protocol core, computed by a second implementation.

X25519 (RFC 7748), ChaCha20-Poly1305 (RFC 8439) and HChaCha20 are written out below from their
specifications; BLAKE2s and HMAC are Python's. Each is checked against its specification's example
before it is used. Usage: noise_transcript.py > noise_transcript.h
"""
import hashlib
import hmac
import struct

P = 2**255 - 19


def x25519(k, u):
    k = int.from_bytes(k, "little") & ~(7 | 1 << 255) | 1 << 254
    k &= 2**255 - 1
    x1 = int.from_bytes(u, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def quarter(s, a, b, c, d):
    def rotate(v, n):
        return (v << n | v >> (32 - n)) & 0xFFFFFFFF

    for p, q, r, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[p] = (s[p] + s[q]) & 0xFFFFFFFF
        s[r] = rotate(s[r] ^ s[p], n)


def chacha_rounds(state):
    s = list(state)
    for _ in range(10):
        for i in range(4):
            quarter(s, i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return s


def chacha_state(key, sixteen):
    return struct.unpack("<16I", b"expand 32-byte k" + key + sixteen)


def chacha_block(key, counter, nonce):
    state = chacha_state(key, struct.pack("<I", counter) + nonce)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(chacha_rounds(state), state)))


def hchacha(key, sixteen):
    s = chacha_rounds(chacha_state(key, sixteen))
    return struct.pack("<8I", *(s[0:4] + s[12:16]))


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    acc = 0
    for i in range(0, len(data), 16):
        acc = (acc + int.from_bytes(data[i : i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((acc + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def aead(key, nonce, plain, ad):
    def pad(b):
        return b + bytes(-len(b) % 16)

    stream = b"".join(chacha_block(key, 1 + i, nonce) for i in range((len(plain) + 63) // 64))
    sealed = bytes(a ^ b for a, b in zip(plain, stream))
    mac = pad(ad) + pad(sealed) + struct.pack("<QQ", len(ad), len(sealed))
    return sealed + poly1305(chacha_block(key, 0, nonce)[:32], mac)


def xaead(key, nonce, plain, ad):
    return aead(hchacha(key, nonce[:16]), bytes(4) + nonce[16:], plain, ad)


def self_check():
    scalar = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    point = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    assert x25519(scalar, point).hex() == (  # RFC 7748, 5.2
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
    text = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
            b"the future, sunscreen would be it.")
    key, ad = bytes(range(0x80, 0xA0)), bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    sealed = aead(key, bytes.fromhex("070000004041424344454647"), text, ad)
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"  # RFC 8439, 2.8.2
    out = hchacha(bytes(range(32)), bytes.fromhex("000000090000004a0000000031415927"))
    assert out.hex() == (  # draft-irtf-cfrg-xchacha, 2.2.1
        "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc")


def hash_(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def mac(key, *parts):
    return hashlib.blake2s(b"".join(parts), key=key, digest_size=16).digest()


def kdf(n, key, data):
    secret = hmac.new(key, data, hashlib.blake2s).digest()
    out, last = [], b""
    for i in range(n):
        last = hmac.new(secret, last + bytes([i + 1]), hashlib.blake2s).digest()
        out.append(last)
    return out


BASE = (9).to_bytes(32, "little")
NONCE = bytes(12)


class Handshake:
    def __init__(self, responder):
        self.ck = hash_(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
        self.h = hash_(self.ck, b"WireGuard v1 zx2c4 Jason@zx2c4.com")
        self.mix_hash(responder)

    def mix_hash(self, data):
        self.h = hash_(self.h, data)

    def mix_ephemeral(self, public):
        (self.ck,) = kdf(1, self.ck, public)
        self.mix_hash(public)

    def mix_key(self, data):
        self.ck, self.k = kdf(2, self.ck, data)

    def mix_psk(self, psk):
        self.ck, tau, self.k = kdf(3, self.ck, psk)
        self.mix_hash(tau)

    def seal(self, plain):
        sealed = aead(self.k, NONCE, plain, self.h)
        self.mix_hash(sealed)
        return sealed


def with_macs(msg, receiver_public, cookie=None):
    msg += mac(hash_(b"mac1----", receiver_public), msg)
    return msg + (mac(cookie, msg) if cookie else bytes(16))


def constant(name, value):
    rows = [value[i : i + 16] for i in range(0, len(value), 16)]
    body = ",\n".join("\t" + ", ".join(f"0x{b:02x}" for b in row) for row in rows)
    print(f"static const uint8_t {name}[{len(value)}] = {{\n{body},\n}};\n")


def main():
    self_check()
    si, sr, ei, er = (bytes([n]) * 32 for n in (0x11, 0x22, 0x33, 0x44))
    psk = bytes(range(32))
    index_i, index_r = struct.pack("<I", 0xA1A2A3A4), struct.pack("<I", 0xB1B2B3B4)
    pub_i, pub_r, pub_ei, pub_er = (x25519(k, BASE) for k in (si, sr, ei, er))
    ns = 123456789
    stamp = struct.pack(">QI", 2**62 + 10 + 1700000000, ns - ns % 2**24)

    hs = Handshake(pub_r)
    hs.mix_ephemeral(pub_ei)
    hs.mix_key(x25519(ei, pub_r))
    static = hs.seal(pub_i)
    hs.mix_key(x25519(si, pub_r))
    body = struct.pack("<I", 1) + index_i + pub_ei + static + hs.seal(stamp)
    initiation = with_macs(body, pub_r)

    secret, nonce = bytes([0x55]) * 32, bytes([0x66]) * 24
    source = bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 1]) + struct.pack(">H", 51820)
    cookie = mac(secret, source)
    reply = struct.pack("<I", 3) + index_i + nonce + xaead(
        hash_(b"cookie--", pub_r), nonce, cookie, initiation[116:132])

    hs.mix_ephemeral(pub_er)
    hs.mix_key(x25519(er, pub_ei))
    hs.mix_key(x25519(er, pub_i))
    hs.mix_psk(psk)
    response = struct.pack("<I", 2) + index_r + index_i + pub_er + hs.seal(b"")
    response = with_macs(response, pub_i)
    to_responder, to_initiator = kdf(2, hs.ck, b"")

    print("/* SPDX-License-Identifier: BSD-2-Clause */")
    print("/* Made by noise_transcript.py, a second implementation; see there. */")
    print("/* clang-format off */")
    print("#include <stdint.h>\n")
    for name, value in (
        ("kat_private_i", si), ("kat_private_r", sr),
        ("kat_ephemeral_i", ei), ("kat_ephemeral_r", er),
        ("kat_public_i", pub_i), ("kat_public_r", pub_r),
        ("kat_psk", psk), ("kat_initiation", initiation), ("kat_response", response),
        ("kat_cookie_secret", secret), ("kat_cookie_nonce", nonce), ("kat_cookie_reply", reply),
        ("kat_initiation_mac2", mac(cookie, initiation[:132])),
        ("kat_to_responder", to_responder), ("kat_to_initiator", to_initiator),
    ):
        constant(name, value)


main()
