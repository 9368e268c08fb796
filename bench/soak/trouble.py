"""What happens to the servers while clients ask, each kind at its own pace: purges, reloads, certificates, deaths, pauses."""

import random
import threading
import time
from collections.abc import Callable

from bench.harness.process import Server

from .clients import ask
from .fleet import Fleet
from .objects import OBJECTS, Checks

PAUSE_S = 3.0
DEAD_S = 3.0


class Trouble:
    """Threads that each bring about one kind of trouble, from `start` to `stop`."""

    def __init__(self, fleet: Fleet, checks: Checks):
        self.fleet, self.checks = fleet, checks
        self.chance = random.Random(7)
        self.stopping = threading.Event()
        self.threads: list[threading.Thread] = []
        self.began = time.monotonic()
        self.noted: list[tuple[float, str]] = []
        """When what happened, in seconds since the beginning; purges aside."""

    def start(self) -> None:
        """Begins."""
        for every_s, once in ((0.4, self.purge), (7, self.reload), (11, self.renew), (29, self.kill), (41, self.pause)):
            thread = threading.Thread(target=self._repeat, args=(every_s, once), daemon=True)
            self.threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Waits until all servers are back."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)

    def _repeat(self, every_s: float, once: Callable[[], None]) -> None:
        while not self.stopping.wait(every_s):
            try:
                once()
            except OSError as error:
                self.checks.count("failed calls of the admin API", example=repr(error))

    def _note(self, what: str) -> None:
        self.noted.append((time.monotonic() - self.began, what))
        self.checks.count(what)

    def purge(self) -> None:
        """Changes an object and purges it. Once the receipt is complete, each way in is asked for it."""
        number = self.chance.randrange(OBJECTS)
        version = self.fleet.versions.next(number)
        wanted = {"tags": [f"o:{number}"]} if self.chance.random() < 0.7 else {"prefixes": [f"/o/{number}"]}
        status, receipt = self.chance.choice(self.fleet.instances).post("/purge", {**wanted, "wait": "5s"})
        if status != 200 or receipt.get("pending") != []:
            self.checks.count("purges without a complete receipt")
            return
        self.checks.count("purges")
        self.checks.promised(number, version)
        for url, protocol in self.fleet.endpoints():
            ask(self.fleet, self.checks, url, protocol, [("o", number)])

    def reload(self) -> None:
        """Other lifetimes; now and then rules that can't be read, which must be refused."""
        is_bad = self.chance.random() < 0.3
        self.fleet.rules("soon" if is_bad else f"{self.chance.randrange(30, 90)}m")
        statuses = [instance.post("/reload", {})[0] for instance in self.fleet.instances]
        if any((status == 200) == is_bad for status in statuses):
            self.checks.count("wrong reloads", example=f"{'bad' if is_bad else 'good'} rules: {statuses}")
        if is_bad:
            self.fleet.rules("1h")
        self._note("reloads")

    def renew(self) -> None:
        """Another certificate for clients, by a rename."""
        self.fleet.certificates.make("shop")
        self._note("certificates")

    def kill(self) -> None:
        """An origin dies, and is back after a while."""
        number = self.chance.randrange(2)
        self.fleet.origins[number].process.kill()
        self.fleet.origins[number].process.wait()
        self._note("deaths of an origin")
        self.stopping.wait(DEAD_S)
        Server.stop(self.fleet.origins[number])
        self.fleet.origins[number] = self.fleet.origin(number)

    def pause(self) -> None:
        """Redis answers nothing for a while."""
        self.fleet.pause_redis()
        self._note("pauses of Redis")
        self.stopping.wait(PAUSE_S)
        self.fleet.resume_redis()
