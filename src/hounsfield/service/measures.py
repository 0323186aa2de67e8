"""Counters of the service for Prometheus; no label holds a name, an identifier or a path with one."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


def _registry() -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry

    return CollectorRegistry()


@dataclass
class Measures:
    """Counts requests by method and status, and how long they take; other doors register their own here."""

    registry: "CollectorRegistry" = field(default_factory=_registry)
    requests: "Counter" = field(init=False)
    seconds: "Histogram" = field(init=False)

    def __post_init__(self) -> None:
        from prometheus_client import Counter, Histogram

        self.requests = Counter(
            "hounsfield_http_requests_total", "Replies sent.", ["method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "hounsfield_http_request_seconds",
            "Time to the start of the reply.",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def replied(self, method: str, status: int, seconds: float) -> None:
        """Count a reply; a method nobody knows counts as OTHER, so that no stranger makes labels."""
        known = method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "OTHER"
        self.requests.labels(known, str(status)).inc()
        self.seconds.observe(seconds)

    def text(self) -> bytes:
        """Return all in the text format of Prometheus."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)
