"""Finds the services that are installed: entry points of the group `kassenverbund.services`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points

from kassenverbund.kit.service import Service

GROUP = "kassenverbund.services"


class ServiceUnknown(Exception):
    """No installed service has this name; `known` lists those that are there."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"{name}: no such service (there are: {', '.join(known) or 'none'})")
        self.known = tuple(known)


def find_services(names: Sequence[str] = ()) -> tuple[Service, ...]:
    """The services of these names, or all, in the order of their names. Raises `ServiceUnknown`."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    for name in names:
        if name not in found:
            raise ServiceUnknown(name, sorted(found))
    services = []
    for name in sorted(set(names) or found):
        service = found[name].load()
        if not isinstance(service, Service) or service.name != name:
            raise TypeError(f"{found[name].value} is not the service {name}")
        services.append(service)
    return tuple(services)
