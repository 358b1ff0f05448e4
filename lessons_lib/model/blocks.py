"""Weights stored as blocks of 32 small whole numbers, and how they become floats again.

Three of the formats of GGUF files, as the library ggml defines them: those that the course's
language model and its encoder of many languages are stored in.
"""

import numpy as np

BLOCK = 32  # numbers that share a scale


def unpack_q8_0(stored: np.ndarray) -> np.ndarray:
    """Blocks of 34 bytes: a float16 scale, then 32 signed bytes; a number is scale times byte.

    Args:
        stored: (..., bytes), uint8; bytes is a multiple of 34.

    Returns:
        (..., bytes / 34 * 32), float32.

    Raises:
        ValueError: the bytes do not make whole blocks.

    >>> unpack_q8_0(np.array([[0, 60, 1, 255, *[0] * 30]], dtype=np.uint8))[0, :3].tolist()
    [1.0, -1.0, 0.0]
    """
    blocks = _blocks(stored, 34)
    return _flat(_half(blocks, 0) * blocks[..., 2:].view(np.int8))


def unpack_q4_0(stored: np.ndarray) -> np.ndarray:
    """Blocks of 18 bytes: a float16 scale, then 16 bytes of two 4-bit numbers each.

    The low halves of the bytes are numbers 0 to 15 of the block, the high halves 16 to 31; a number
    is scale times (its 4 bits minus 8).

    Args:
        stored: (..., bytes), uint8; bytes is a multiple of 18.

    Returns:
        (..., bytes / 18 * 32), float32.

    Raises:
        ValueError: the bytes do not make whole blocks.

    >>> block = np.array([[0, 60, 0x19, *[0x88] * 15]], dtype=np.uint8)  # scale 1
    >>> unpack_q4_0(block)[0, [0, 16, 1]].tolist()
    [1.0, -7.0, 0.0]
    """
    blocks = _blocks(stored, 18)
    pairs = blocks[..., 2:]
    halves = np.concatenate([pairs & 15, pairs >> 4], axis=-1)
    return _flat(_half(blocks, 0) * (halves.astype(np.int8) - 8))


def unpack_q4_1(stored: np.ndarray) -> np.ndarray:
    """Blocks of 20 bytes: a float16 scale and minimum, then 16 bytes of two 4-bit numbers each.

    The low halves of the bytes are numbers 0 to 15 of the block, the high halves 16 to 31; a number
    is scale times its 4 bits, plus the minimum.

    Args:
        stored: (..., bytes), uint8; bytes is a multiple of 20.

    Returns:
        (..., bytes / 20 * 32), float32.

    Raises:
        ValueError: the bytes do not make whole blocks.

    >>> block = np.array([[0, 60, 0, 188, 0x21, *[0] * 15]], dtype=np.uint8)  # scale 1, minimum -1
    >>> unpack_q4_1(block)[0, [0, 16, 1]].tolist()
    [0.0, 1.0, -1.0]
    """
    blocks = _blocks(stored, 20)
    pairs = blocks[..., 4:]
    halves = np.concatenate([pairs & 15, pairs >> 4], axis=-1)
    return _flat(_half(blocks, 0) * halves + _half(blocks, 2))


def _blocks(stored: np.ndarray, num_bytes: int) -> np.ndarray:
    if stored.dtype != np.uint8 or stored.shape[-1] % num_bytes:
        raise ValueError(
            f"stored should be uint8 in whole blocks of {num_bytes} bytes along the last axis; "
            f"got {stored.dtype}, {stored.shape}"
        )
    return stored.reshape(*stored.shape[:-1], -1, num_bytes)


def _half(blocks: np.ndarray, at: int) -> np.ndarray:
    """The float16 that starts at a byte of each block: (..., 1), as float32."""
    return np.ascontiguousarray(blocks[..., at : at + 2]).view(np.float16).astype(np.float32)


def _flat(numbers: np.ndarray) -> np.ndarray:
    return numbers.reshape(*numbers.shape[:-2], -1).astype(np.float32)
