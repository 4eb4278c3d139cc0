"""The demo: one scene in three stores, played over the till API like any point of sale would.

Nothing in here reaches into a service. It sees what a till sees: HTTP.
"""

from kassenverbund.demo.assortment import stock_up
from kassenverbund.demo.scene import SUMS, Played, SceneFailed, Stage, play
from kassenverbund.demo.till import demo_client

__all__ = ["SUMS", "Played", "SceneFailed", "Stage", "demo_client", "play", "stock_up"]
