"""Topics: their names, their sizes, and the topics of an app."""

from partita.topics.load import Load
from partita.topics.topic_plan import Cluster, Sizing, TopicPlan

__all__ = ["Cluster", "Load", "Sizing", "TopicPlan"]
