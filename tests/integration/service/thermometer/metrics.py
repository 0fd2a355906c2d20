"""What a thermometer shows."""

from stackledger import units
from stackledger.catalogue import Kind, Metric

DEGREES = Metric("thermometer_degrees", Kind.GAUGE, units.COUNT, "Temperature (the file).")
