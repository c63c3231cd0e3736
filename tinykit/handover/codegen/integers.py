"""The integer arithmetic of TFLM's kernels in Python, rounding by rounding: what an export works out ahead.

As gemmlowp's fixedpoint.h (https://github.com/google/gemmlowp) and the C of kernels/fixed_point.h and kernels_curves.c.
"""

from tinykit.handover.codegen.fixed_point import Multiplier

_ONE_THIRD, _EXP_OF_MINUS_EIGHTH = 715827883, 1895147668
_EXP_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""exp(-1/4), exp(-1/2) … exp(-16) in Q0.31."""
_HALF_ROOT_OF_2 = 1518500250
_TANH_INTEGER_BITS = 4


def saturate(value: int, bits: int = 32) -> int:
    """The nearest signed number of so many bits."""
    limit = 1 << (bits - 1)
    return max(-limit, min(limit - 1, value))


def high_multiply(a: int, b: int, bits: int = 32) -> int:
    """round(a * b / 2^(bits - 1)), halves up, saturated."""
    return saturate((a * b + (1 << (bits - 2))) >> (bits - 1), bits)


def divide_by_power(value: int, exponent: int) -> int:
    """round(value / 2^exponent), halves away from zero.

    >>> divide_by_power(-3, 1), divide_by_power(3, 1), divide_by_power(5, 0)
    (-2, 2, 5)
    """
    mask = (1 << exponent) - 1
    return (value >> exponent) + ((value & mask) > (mask >> 1) + (value < 0))


def requantise(value: int, factor: Multiplier) -> int:
    """value * factor in two roundings."""
    raised = value << max(factor.shift, 0)
    return divide_by_power(high_multiply(raised, factor.multiplier), max(-factor.shift, 0))


def tanh(a: int) -> int:
    """tanh of a number in Q4.27, in Q0.31: (1 - e) / (1 + e) with e = exp(-2 |a|)."""
    if a == 0:
        return 0
    half = (_exp_of_negative(-abs(a), _TANH_INTEGER_BITS + 1) + (1 << 31)) // 2
    x = 1515870810 + high_multiply(half, -1010580540)
    for _ in range(3):
        x += saturate(high_multiply(x, (1 << 29) - high_multiply(half, x)) << 2)
    found = saturate((x - (1 << 29)) << 2)
    return found if a > 0 else -found


def inverse_root(value: int) -> Multiplier:
    """1 / sqrt(value) of a whole number, 0 taken as 1: five steps of Newton and Raphson in Q3.28."""
    if value <= 1:
        return Multiplier((1 << 31) - 1, 0)
    shift = 11
    while value >= 1 << 29:
        value, shift = value // 4, shift + 1
    pairs = (31 - value.bit_length()) // 2 - 1
    value, shift = value << 2 * pairs, shift - pairs
    half, x = divide_by_power(value >> 1, 1), 1 << 28
    for _ in range(5):
        cube = saturate(high_multiply(high_multiply(x, x), x) << 6)
        x = saturate((high_multiply(3 << 27, x) - high_multiply(half, cube)) << 3)
    root = high_multiply(x, _HALF_ROOT_OF_2)
    return Multiplier(root << max(-shift, 0), -max(shift, 0))


def _exp_of_negative(a: int, integer_bits: int) -> int:
    """exp(a) in Q0.31 for a <= 0 of so many integer bits."""
    quarter = 1 << (29 - integer_bits)
    rest = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(saturate(rest << integer_bits))
    for bit in range(integer_bits + 2):
        if (rest - a) & (quarter << bit):
            result = high_multiply(result, _EXP_FACTORS[bit])
    return (1 << 31) - 1 if a == 0 else result


def _exp_near_zero(a: int) -> int:
    """exp(a) for a in [-1/4, 0), Q0.31 to Q0.31: the Taylor polynomial of degree 4 about -1/8."""
    x = a + (1 << 28)
    x2 = high_multiply(x, x)
    x3, x4 = high_multiply(x2, x), high_multiply(x2, x2)
    inner = high_multiply(divide_by_power(x4, 2) + x3, _ONE_THIRD) + x2
    return _EXP_OF_MINUS_EIGHTH + high_multiply(_EXP_OF_MINUS_EIGHTH, x + divide_by_power(inner, 1))
