"""Accelerators: which there are, how they can be partitioned, and the ``Device`` that asks for one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.checks import integer, not_one_of, shown, wrong_type


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


DEVICES: dict[str, tuple[str, ...]] = {
    "GPU": _words(
        "A2 A10 A10G A100 A100_80G B200 GB10 H100 H200 K80 L4 L40s M60 P4 P100 "
        "RTX_PRO_4500 RTX_PRO_6000 T4 V100"
    ),
    "TPU": ("V5E", "V5P", "V6E"),
    "NEURON": ("Inf1", "Inf2", "Trn1", "Trn1n", "Trn2", "Trn2u"),
    "AMD_GPU": _words("MI100 MI210 MI250 MI250X MI300A MI300X MI325X MI350X MI355X"),
    "HABANA_GAUDI": ("Gaudi1",),
    "APPLE_SILICON": ("AppleSilicon",),
}
"""The names of devices by class, as Flyte knows them."""

_PLANES = _words("1x1 2x2 2x4 4x4 4x8 8x8 8x16 16x16")

PARTITIONS: dict[str, tuple[str, ...]] = {
    "A100": _words("1g.5gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb"),
    "A100_80G": _words("1g.10gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb"),
    "H100": _words("1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb"),
    "H200": _words("1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb"),
    "V5E": _PLANES,
    "V5P": _words("2x2x1 2x2x2 2x4x4 4x4x4 4x4x8 4x8x8 8x8x8 8x8x16 8x16x16 16x16x16 16x16x24"),
    "V6E": _PLANES,
}
"""The partitions (NVIDIA MIG) or topologies (TPU) of the devices that have some."""


def plain(name: str) -> str:
    """Forget case, spaces, hyphens and underscores: "A100 80G" is A100_80G, "l40S" is L40s."""
    return "".join(c for c in name.lower() if c.isalnum())


_NUMBER = r"0*[1-9][0-9]{0,5}"
_KNOWN = {plain(name): (name, kind) for kind, names in DEVICES.items() for name in names}


@dataclass(frozen=True, slots=True)
class Device:
    """A number of accelerators of one kind.

    ``Device(device="A100", quantity=1, partition="1g.5gb")`` is a fifth of an A100.

    Args:
        quantity: how many, at least 1.
        device_class: one of ``DEVICES``; follows from the device if not given, else "GPU".
        device: the device's name; None for any of its class. Case, spaces and hyphens do not matter.
        partition: the part or topology of each; only devices in ``PARTITIONS`` have some.

    Raises:
        TypeError: a value of a wrong type.
        DefinitionError: an unknown class, device or partition, or ones that do not go together.
    """

    quantity: int = 1
    device_class: str | None = None
    device: str | None = None
    partition: str | None = None

    __repr__ = shown

    def __post_init__(self) -> None:
        integer("quantity", self.quantity, 1)
        for name in ("device_class", "device", "partition"):
            if not isinstance(getattr(self, name), str | None):
                raise wrong_type(name, getattr(self, name), "text or None")
        kind = _kind(self.device_class)
        if self.device is not None:
            device, found = _found(self.device, DEVICES[kind] if kind else None)
            object.__setattr__(self, "device", device)
            kind = kind or found
        object.__setattr__(self, "device_class", kind or "GPU")
        _check_partition(self.device, self.partition)

    @classmethod
    def of(cls, text: str) -> "Device":
        """Read "T4:1", or "T4" for one.

        Raises:
            DefinitionError: it is no known device, or no number of them.
        """
        name, colon, number = text.partition(":")
        _found(name, None, "gpu", text)
        if colon and not re.fullmatch(_NUMBER, number):
            raise DefinitionError(
                f"gpu={text!r}: {number!r} is no number of devices; give for example '{name}:1'"
            )
        return cls(quantity=int(number) if colon else 1, device=name)


def _kind(name: str | None) -> str | None:
    if name is not None and name not in DEVICES:
        raise not_one_of("device_class", name, DEVICES)
    return name


def _found(
    name: str, accepted: Iterable[str] | None, what: str = "device", given: str | None = None
) -> tuple[str, str]:
    """Find a device's name and class, among the accepted ones."""
    names = [known for known, _ in _KNOWN.values()] if accepted is None else list(accepted)
    known = _KNOWN.get(plain(name))
    if known is None or known[0] not in names:
        raise not_one_of(what, given or name, names)
    return known


def _check_partition(device: str | None, partition: str | None) -> None:
    if partition is None:
        return
    if device is None:
        raise DefinitionError(f"partition={partition!r} needs a device, one of {', '.join(PARTITIONS)}")
    if device not in PARTITIONS:
        raise DefinitionError(
            f"partition={partition!r}: {device} has no partitions; these have: {', '.join(PARTITIONS)}"
        )
    if partition not in PARTITIONS[device]:
        raise not_one_of(f"partition of {device}", partition, PARTITIONS[device])


def GPU(device: str, quantity: int = 1, partition: str | None = None) -> Device:  # noqa: N802 - Flyte's name
    """Ask for NVIDIA GPUs, or for partitions of them."""
    return Device(quantity, "GPU", device, partition)


def TPU(device: str, partition: str | None = None) -> Device:  # noqa: N802 - Flyte's name
    """Ask for a slice of Google TPUs of the given topology."""
    return Device(1, "TPU", device, partition)


def Neuron(device: str, quantity: int = 1) -> Device:  # noqa: N802 - Flyte's name
    """Ask for AWS Inferentia or Trainium devices."""
    return Device(quantity, "NEURON", device)


def AMD_GPU(device: str, quantity: int = 1) -> Device:  # noqa: N802 - Flyte's name
    """Ask for AMD Instinct GPUs."""
    return Device(quantity, "AMD_GPU", device)


def HABANA_GAUDI(device: str = "Gaudi1", quantity: int = 1) -> Device:  # noqa: N802 - Flyte's name
    """Ask for Habana Gaudi devices."""
    return Device(quantity, "HABANA_GAUDI", device)


def APPLE_SILICON(device: str = "AppleSilicon", quantity: int = 1) -> Device:  # noqa: N802 - Flyte's name
    """Ask for Apple silicon."""
    return Device(quantity, "APPLE_SILICON", device)
