"""The demo: one scene in three stores, played over the till API like any point of sale would.

Nothing in here reaches into a service. It sees what a till sees: HTTP.
"""

from kassenverbund.demo.assortment import stock_up
from kassenverbund.demo.scene import SUMS, Played, SceneFailed, Stage, play
from kassenverbund.demo.till import Refused, demo_client, offer_web_till

__all__ = [
    "SUMS",
    "Played",
    "Refused",
    "SceneFailed",
    "Stage",
    "demo_client",
    "offer_web_till",
    "play",
    "stock_up",
]
