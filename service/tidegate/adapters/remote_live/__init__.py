"""What workers in other processes know right now: `ports.LiveState` and `ports.Configuring` over HTTP. Decides nothing."""

from tidegate.adapters.remote_live.asking import Asking
from tidegate.adapters.remote_live.configuring import RemoteConfiguring
from tidegate.adapters.remote_live.crew import Crew
from tidegate.adapters.remote_live.live import RemoteLive
from tidegate.adapters.remote_live.worker import Addresses, WorkerDoor

__all__ = ["Addresses", "Asking", "Crew", "RemoteConfiguring", "RemoteLive", "WorkerDoor"]
