"""What every facet needs to show what was read: settings, whose names to use, what is kept from sweep to sweep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from stackledger.integrations.kafka.config import KafkaTarget
from stackledger.integrations.kafka.groups.facts import FactsMemory
from stackledger.integrations.kafka.groups.past import PastMemory
from stackledger.integrations.kafka.keys import Keys
from stackledger.integrations.kafka.peers.kafka_exporter.samples import KafkaExporter
from stackledger.integrations.kafka.peers.kminion.samples import Kminion
from stackledger.integrations.kafka.peers.peer import Peer

_PEERS: Final = {"kminion": Kminion, "kafka_exporter": KafkaExporter, "none": Peer}


@dataclass(slots=True)
class View:
    """How one target is shown."""

    settings: KafkaTarget
    keys: Keys = field(default_factory=Keys)
    facts: FactsMemory = field(default_factory=FactsMemory)
    past: PastMemory = field(default_factory=PastMemory)
    peer: Peer = field(init=False)

    def __post_init__(self) -> None:
        """Choose the peer."""
        self.peer = _PEERS[self.settings.names]()

    def end(self) -> None:
        """Forget what the sweep that ends did not use."""
        self.keys.end()
        self.facts.end()
        self.past.end()
