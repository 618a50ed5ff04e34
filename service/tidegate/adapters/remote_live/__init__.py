"""What workers in other processes know right now: `ports.LiveState` over HTTP. Decides nothing and keeps no state of devices."""

from tidegate.adapters.remote_live.crew import Crew
from tidegate.adapters.remote_live.live import RemoteLive
from tidegate.adapters.remote_live.worker import Addresses, WorkerDoor

__all__ = ["Addresses", "Crew", "RemoteLive", "WorkerDoor"]
