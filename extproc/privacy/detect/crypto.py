"""Checksums of addresses of Bitcoin and Ethereum."""

import hashlib

_BASE58 = {char: value for value, char in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
_BECH32 = {char: value for value, char in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_CONSTANTS = (1, 0x2BC830A3)  # bech32 (BIP 173), bech32m (BIP 350)
_ADDRESS_BYTES = 25

_LANES = 25
_RATE = 136  # bytes of a block of Keccak-256
_WORD = (1 << 64) - 1


def bitcoin(address: str) -> bool:
    """A Bitcoin address of the main network, old (base58check) or segwit (bech32, bech32m)."""
    return bech32(address) if address[:3].lower() == "bc1" else base58check(address)


def base58check(address: str) -> bool:
    """Version byte, 20 bytes, and the first four bytes of a double SHA-256
    (https://en.bitcoin.it/wiki/Base58Check_encoding, from memory, 2026-11-21)."""
    number = 0
    for char in address:
        number = number * 58 + _BASE58[char]
    if number.bit_length() > _ADDRESS_BYTES * 8:
        return False
    raw = number.to_bytes(_ADDRESS_BYTES, "big")
    digest = hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()
    return digest[:4] == raw[-4:]


def bech32(address: str) -> bool:
    """BIP 173 and BIP 350: a checksum over the prefix and the data, all in one case."""
    if address not in (address.lower(), address.upper()):
        return False
    prefix, _, data = address.lower().rpartition("1")
    if not prefix or any(char not in _BECH32 for char in data):
        return False
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    return _polymod(values + [_BECH32[char] for char in data]) in _BECH32_CONSTANTS


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            if top >> bit & 1:
                checksum ^= generator
    return checksum


def ethereum(address: str) -> bool:
    """EIP-55: in an address of mixed case the case of each letter is a bit of the hash. One case: no checksum."""
    digits = address[2:]
    if digits in (digits.lower(), digits.upper()):
        return True
    digest = keccak_256(digits.lower().encode("ascii")).hex()
    return all(
        char.isdigit() or char.isupper() == (int(bit, 16) >= 8) for char, bit in zip(digits, digest, strict=False)
    )


def keccak_256(data: bytes) -> bytes:
    """Keccak-256 of up to 135 bytes, Ethereum's hash (https://keccak.team/keccak_specs_summary.html, from memory,
    2026-11-21). Keccak was before SHA-3, and differs from `hashlib.sha3_256` by its padding."""
    block = bytearray(data.ljust(_RATE, b"\0"))
    block[len(data)] ^= 0x01
    block[-1] ^= 0x80
    lanes = [int.from_bytes(block[place : place + 8], "little") for place in range(0, _RATE, 8)]
    state = _permute(lanes + [0] * (_LANES - len(lanes)))
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _permute(state: list[int]) -> list[int]:
    """Keccak-f[1600]; lane (x, y) is `state[x + 5 * y]`."""
    register = 1
    for _ in range(24):
        state = _chi(_rho_and_pi(_theta(state)))
        for place in range(7):
            register = (register << 1) ^ (0x171 if register >> 7 else 0)
            if register & 2:
                state[0] ^= 1 << ((1 << place) - 1)
    return state


def _theta(state: list[int]) -> list[int]:
    columns = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20] for x in range(5)]
    mixed = [columns[x - 1] ^ _rotate(columns[(x + 1) % 5], 1) for x in range(5)]
    return [lane ^ mixed[place % 5] for place, lane in enumerate(state)]


def _rho_and_pi(state: list[int]) -> list[int]:
    moved = state.copy()
    x, y, lane = 1, 0, state[1]
    for turn in range(24):
        x, y = y, (2 * x + 3 * y) % 5
        moved[x + 5 * y] = _rotate(lane, (turn + 1) * (turn + 2) // 2 % 64)
        lane = state[x + 5 * y]
    return moved


def _chi(state: list[int]) -> list[int]:
    return [
        state[row + x] ^ (~state[row + (x + 1) % 5] & state[row + (x + 2) % 5])
        for row in range(0, 25, 5)
        for x in range(5)
    ]


def _rotate(lane: int, bits: int) -> int:
    return (lane << bits | lane >> (64 - bits)) & _WORD if bits else lane
