"""What it costs to send: time and charge of a radio's event for so many bytes, its link in between, and the law."""

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from tinykit.ground.errors import ParameterError, name_nearest
from tinykit.ground.quantity import Estimate, Fact, format_quantity, propagate
from tinykit.ground.results import Result
from tinykit.predict.energy.inputs import as_estimate, band, load_constants

RADIOS = MappingProxyType(
    {
        "ble": "Bluetooth LE, no link in between",
        "ble-connected": "Bluetooth LE, connected",
        "lora": "LoRa, class A of LoRaWAN",
        "wifi": "Wi-Fi, joined for each message",
        "wifi-connected": "Wi-Fi, associated, asleep between beacons",
        "wifi-awake": "Wi-Fi, associated, always listening",
        "lte-m": "LTE-M, power saving mode in between",
        "nb-iot": "NB-IoT, power saving mode in between",
    }
)
"""Radios by id, in words."""

_MOST_BYTES = 1e9


@dataclass(frozen=True, slots=True)
class Transmission(Result):
    """One event of a radio.

    Parameters
    ----------
    radio, payload_bytes, packets : id, [byte], and how many packets they take.
    duration_s, current_a : radio time [s], and current meanwhile [A].
    upkeep_a : what keeps the link from one event to the next, on top of the board asleep [A]; None without a link.
    airtime_s : of it on air [s]; None where no law asks.
    duty_limit : share of the time that the law leaves one device on air; None where it sets none.
    """

    radio: str
    payload_bytes: float
    duration_s: Estimate
    current_a: Estimate
    packets: int
    upkeep_a: Estimate | None = None
    airtime_s: Estimate | None = None
    duty_limit: Fact | None = None

    @property
    def charge_c(self) -> Estimate:
        """Charge of the event [C]."""
        return propagate(lambda t, i: t * i, self.duration_s, self.current_a, unit="C", source="Q = I t")

    @property
    def legal_period_s(self) -> float:
        """The shortest legal time from one event to the next [s]: airtime over limit, 0 where none is set."""
        return self.airtime_s.value / self.duty_limit.value if self.airtime_s and self.duty_limit else 0.0

    def check_duty(self, period_s: float, times: float = 1.0) -> tuple[str, ...]:
        """What the law has against so many events a period [s]; nothing where it sets none or is kept."""
        if self.airtime_s is None or self.duty_limit is None:
            return ()
        limit, usual, slowest = self.duty_limit.value, self.airtime_s.value, self.airtime_s.high
        air_s, when = (usual, "") if usual * times > limit * period_s else (slowest, " at its slowest")
        share, name = air_s * times / period_s, RADIOS[self.radio].partition(",")[0]
        if share <= limit:
            return ()
        soonest = f"{self.payload_bytes:,.0f} bytes every {format_quantity(air_s / limit, 's')} at the soonest"
        return (f"{name} at {share:.1%} airtime is not legal{when}: at most {limit:.1%} of the time, {soonest}",)


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
    """Time and charge of sending a payload in one event, packets on end, and what keeps the link in between.

    Parameters
    ----------
    radio : one of `RADIOS`.
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
    facts = _find_facts(radio)
    packets = max(1, math.ceil(size / facts["packet_payload"].value)) if "packet_payload" in facts else 1
    current = band(facts, "current", "current_low", "current_high")
    if current_a is not None:
        current = as_estimate(current_a, "A", "radio current", low=1e-9, high=10.0)
    air = _lora_time(size, packets, facts, spreading_factor) if "spreading_factor" in facts else None
    if air is not None:
        told = (f"receive windows, {facts['fixed_time'].value:g} s a packet", facts["fixed_time"].source)
        duration = propagate(lambda t: t + packets * facts["fixed_time"].value, air, unit="s", source=told)
    else:
        duration = _event_time(size, facts) if "event_time" in facts else _ble_time(size, packets, facts)
    upkeep = band(facts, "upkeep", "upkeep_low", "upkeep_high") if "upkeep" in facts else None
    return Transmission(radio, size, duration, current, packets, upkeep, air, facts.get("duty_limit"))


def _find_facts(radio: str) -> dict[str, Fact]:
    """Facts of a radio: its own, over those of its family ("ble" of "ble-connected")."""
    tables = load_constants("power", "radio.toml")
    return {**tables.get(radio.partition("-")[0], {}), **tables[radio]}


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
    band_hz, preamble = facts["bandwidth"].value, facts["preamble"].value

    def seconds(spread: float) -> float:
        return packets * float(lora_airtime(each, spread, band_hz, preamble))

    source = f"LoRa time on air at SF {factor.value:g}"
    return propagate(seconds, factor, unit="s", source=source, basis="assumed")


def _event_time(size: float, facts: dict[str, Fact]) -> Estimate:
    """The measured event carries the way into the network; further bytes go at the link's rate and its mean current."""
    charge = band(facts, "event_charge", "event_charge_low", "event_charge_high")
    more_s, time = 8.0 * size / facts["bit_rate"].value, facts["event_time"].value
    low, high = time * charge.low / charge.value, time * charge.high / charge.value
    sources = (facts["event_time"].source, f"further bytes at {facts['bit_rate'].value / 1e6:g} Mbit/s")
    return Estimate(time + more_s, low + 0.5 * more_s, high + 4.0 * more_s, "s", "assumed", sources=sources)
