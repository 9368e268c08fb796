"""The systems that are measured, by name, in the order in which they take their turns."""

from .base import System


def all_systems() -> dict[str, System]:
    """A fresh one of each."""
    from .haproxy import HAProxy
    from .larder import Larder
    from .nginx import Nginx
    from .responder import Responder
    from .squid import Squid
    from .trafficserver import TrafficServer
    from .varnish import Varnish
    systems = [Responder(), Larder(), HAProxy(), Nginx(), Varnish(), TrafficServer(), Squid()]
    return {system.name: system for system in systems}
