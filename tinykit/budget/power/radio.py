"""What it costs to send: time and charge of a BLE, LoRa or Wi-Fi event for so many bytes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinykit.ground.errors import ParameterError, name_nearest
from tinykit.ground.quantity import Estimate, Fact, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate, band, load_constants

RADIOS = ("ble", "lora", "wifi")
_MOST_BYTES = 1e9


@dataclass(frozen=True, slots=True)
class Transmission(Result):
    """One event of a radio: payload [byte], in so many packets, radio time [s], current while it is on [A]."""

    radio: str
    payload_bytes: float
    duration_s: Estimate
    current_a: Estimate
    packets: int

    @property
    def charge_c(self) -> Estimate:
        """Charge of the event [C]."""
        return propagate(lambda t, i: t * i, self.duration_s, self.current_a, unit="C", source="Q = I t")


def lora_airtime(payload_bytes: Any, spreading_factor: Any, bandwidth_hz: Any = 125e3, preamble: Any = 8.0) -> Any:
    """Time on air of a LoRa packet: T = (n_pre + 4.25 + 8 + max(0, ⌈(8B - 4SF + 44)/(4(SF - 2D))⌉ 5)) 2^SF/BW.

    Scalars or arrays; returns [s]. Coding rate 4/5, explicit header, CRC on; D = 1 (low data rate optimisation) where
    a symbol lasts over 16 ms. SX1276 data sheet §4.1.1.7.

    >>> round(float(lora_airtime(13, 7)) * 1e3, 2), round(float(lora_airtime(13, 12)) * 1e3, 1)
    (46.34, 1155.1)

    Parameters
    ----------
    payload_bytes : B of the physical layer.
    spreading_factor : SF 7–12.
    bandwidth_hz : BW [Hz].
    preamble : n_pre [symbol].
    """
    symbol_s = np.power(2.0, spreading_factor) / bandwidth_hz
    slots = 4.0 * (np.asarray(spreading_factor) - 2.0 * (symbol_s > 0.016))
    blocks = np.ceil((8.0 * np.asarray(payload_bytes) - 4.0 * np.asarray(spreading_factor) + 44.0) / slots)
    return (preamble + 12.25 + 5.0 * np.maximum(0.0, blocks)) * symbol_s


def ble_airtime(payload_bytes: Any, packets: Any, packet_overhead: Any = 21.0, gap_s: Any = 3.8e-4) -> Any:
    """Radio time of data on the LE 1M PHY: T = 8 (B + n h) 1 µs + n g.

    Scalars or arrays; returns [s]. Left out: repeats. Bluetooth Core, vol. 6 part B.

    >>> round(ble_airtime(20, 1) * 1e6)
    708

    Parameters
    ----------
    payload_bytes : B.
    packets : n.
    packet_overhead : h [byte].
    gap_s : g [s] of inter-frame spaces and the peer's answer.
    """
    return 8e-6 * (payload_bytes + packets * packet_overhead) + packets * gap_s


def transmission(
    radio: str, payload_bytes: float, *, current_a: Estimate | float | None = None, spreading_factor: int | None = None
) -> Transmission:
    """Time and charge of sending a payload in one event: BLE and Wi-Fi send packets on end, LoRa too.

    Parameters
    ----------
    radio : "ble", "lora" or "wifi".
    payload_bytes : of the application, 0 to 10⁹.
    current_a : of the whole board while the radio is on, measured by the user [A].
    spreading_factor : of LoRa, 7 to 12; None takes 9 with the interval 7 to 12.

    Raises
    ------
    ParameterError : an unknown radio, a payload or spreading factor out of range.
    """
    if radio not in RADIOS:
        raise ParameterError(f"radio {radio!r} is unknown; {name_nearest(str(radio), RADIOS)}")
    size = as_estimate(payload_bytes, "byte", "payload", high=_MOST_BYTES).value
    facts = load_constants("power", "radio.toml")[radio]
    packets = max(1, math.ceil(size / facts["packet_payload"].value)) if "packet_payload" in facts else 1
    current = band(facts, "current", "current_low", "current_high")
    if current_a is not None:
        current = as_estimate(current_a, "A", "radio current", low=1e-9, high=10.0)
    if radio == "lora":
        duration = _lora_time(size, packets, facts, spreading_factor)
    else:
        duration = _ble_time(size, packets, facts) if radio == "ble" else _wifi_time(size, facts)
    return Transmission(radio, size, duration, current, packets)


def _ble_time(size: float, packets: int, facts: dict[str, Fact]) -> Estimate:
    air = float(ble_airtime(size, packets, facts["packet_overhead"].value, facts["packet_gap"].value))
    fixed, share = facts["fixed_time"].value, facts["throughput_share"].value
    sources = (f"radio time on the LE 1M PHY plus {fixed * 1e3:g} ms", facts["fixed_time"].source)
    value = fixed + air / share if packets > 1 else fixed + air
    return Estimate(value, 0.5 * fixed + air, 1.5 * fixed + air / share**2, "s", "assumed", sources=sources)


def _lora_time(size: float, packets: int, facts: dict[str, Fact], chosen: int | None) -> Estimate:
    factor = band(facts, "spreading_factor", "spreading_factor_low", "spreading_factor_high")
    if chosen is not None:
        if isinstance(chosen, bool) or chosen not in range(7, 13):
            raise ParameterError(f"spreading factor {chosen!r}; give a whole number from 7 to 12")
        factor = Estimate.exact(float(chosen), "1", "measured", "given by the user")
    each = size / packets + facts["packet_overhead"].value
    windows, band_hz, preamble = (facts[name].value for name in ("fixed_time", "bandwidth", "preamble"))

    def seconds(spread: float) -> float:
        return packets * (float(lora_airtime(each, spread, band_hz, preamble)) + windows)

    source = f"LoRa time on air at SF {factor.value:g} and receive windows"
    return propagate(seconds, factor, unit="s", source=(source, facts["fixed_time"].source), basis="assumed")


def _wifi_time(size: float, facts: dict[str, Fact]) -> Estimate:
    """The measured event carries the join; further bytes go at the link's rate and the event's mean current."""
    charge = band(facts, "event_charge", "event_charge_low", "event_charge_high")
    more_s, time = 8.0 * size / facts["bit_rate"].value, facts["event_time"].value
    low, high = time * charge.low / charge.value, time * charge.high / charge.value
    sources = (facts["event_time"].source, f"further bytes at {facts['bit_rate'].value / 1e6:g} Mbit/s, assumed")
    return Estimate(time + more_s, low + 0.5 * more_s, high + 4.0 * more_s, "s", "assumed", sources=sources)
