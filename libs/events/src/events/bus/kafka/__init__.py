"""The bus on Apache Kafka. The only package that knows aiokafka; every option is written out."""

from events.bus.kafka.bus import PARTITIONS, REPLICAS, KafkaBus
from events.bus.kafka.common import Timing

__all__ = ["PARTITIONS", "REPLICAS", "KafkaBus", "Timing"]
