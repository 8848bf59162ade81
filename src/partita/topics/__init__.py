"""Topics: how they are named, how large they are, which an app has."""

from partita.topics.load import Load
from partita.topics.topic_plan import Cluster, Sizing, TopicPlan

__all__ = ["Cluster", "Load", "Sizing", "TopicPlan"]
