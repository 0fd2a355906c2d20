"""The board of Kafka's consumers: who is behind, by how much, and does it get better. Owns no thresholds."""

from __future__ import annotations

from typing import Final

from stackledger.catalogue import Cluster
from stackledger.integrations.kafka.groups import metrics as m
from stackledger.integrations.kafka.labels import GroupId, GroupType, PartitionId, Reason, TopicName, Verdict
from stackledger.integrations.kafka.topics import metrics as of_topics
from stackledger.model import ColumnStyle, Dashboard, Folder, Panel, Query, Row, Style, ValueText, Variable
from stackledger.promql import select
from stackledger.units import RATIO, SECONDS

_C = Cluster.variable()
_G = GroupId.variable()
_T = TopicName.variable()
_LEGEND = "{{group_id}} {{topic_name}}"
NEVER_SECONDS: Final = 7 * 86_400
"""What is drawn for a lag that does not fall."""
_VERDICTS = (
    ValueText(0, "ok", "green"),
    ValueText(1, "rewound", "blue"),
    ValueText(2, "stalled", "orange"),
    ValueText(3, "stopped", "red"),
)

# -- is it broken ------------------------------------------------------------------------------------------------------
WORST_VERDICT = Panel(
    key="worst-verdict",
    title="Worst verdict on a group",
    queries=(Query(select(m.VERDICT, _C, _G, _T).max(Cluster), "{{cluster}}"),),
    description="stopped: lag and no member reads. stalled: members are there but commit nothing. Either one means that"
    " records wait and nobody works on them: see Verdicts for the group.",
    style=Style.STAT,
    values=_VERDICTS,
    width=5,
    height=5,
)
WORST_SECONDS = Panel(
    key="worst-lag-seconds",
    title="Oldest record that waits",
    queries=(Query(select(m.LAG_SECONDS, _C, _G, _T).max(Cluster), "{{cluster}}"),),
    description="Age of the oldest record that some group has not committed. Minutes mean that users see old data: see"
    " Lag in seconds for the group.",
    style=Style.STAT,
    width=5,
    height=5,
)
TOTAL_LAG = Panel(
    key="total-lag",
    title="Records that wait",
    queries=(Query(select(m.LAG, _C, _G, _T).sum(Cluster), "{{cluster}}"),),
    description="Lag of all groups together. It holds its last value while a broker is silent, so it never looks better"
    " than it is; growth means that consumers are too slow or too few.",
    style=Style.STAT,
    width=5,
    height=5,
)
LOST = Panel(
    key="lost-records",
    title="Records deleted before they were read",
    queries=(Query(select(m.LOST_RECORDS, _C, _G, _T).sum(Cluster, GroupId, TopicName), _LEGEND),),
    description="Records that retention took away before the group committed them: they are lost to it. Anything that"
    " grows is data loss now: lengthen the topic's retention at once, then mend the consumer.",
    style=Style.STAT,
    width=5,
    height=5,
)
GROUPS = Panel(
    key="groups",
    title="Groups",
    queries=(Query(select(m.GROUPS, _C).sum(Cluster, GroupType), "{{group_type}}"),),
    description="Groups by protocol. A group that disappears had its offsets expire: its consumers then start at their"
    " reset policy, which skips or repeats records.",
    style=Style.STAT,
    width=4,
    height=5,
)

# -- lag ---------------------------------------------------------------------------------------------------------------
LAG_SECONDS = Panel(
    key="lag-seconds",
    title="Lag in seconds",
    queries=(Query(select(m.LAG_SECONDS, _C, _G, _T), _LEGEND),),
    description="Age of the oldest record not committed. Read from the history of sweeps; Doubt and Method tell how"
    " exact it is. A line that rises one second a second belongs to a group that does nothing.",
    width=12,
)
LAG_RECORDS = Panel(
    key="lag-records",
    title="Lag in records",
    queries=(Query(select(m.LAG, _C, _G, _T), _LEGEND),),
    description="Offsets between commits and the high watermarks. Transactions leave a marker in each partition, so a"
    " few records at rest are no fault.",
    width=12,
)
VERDICTS = Panel(
    key="verdicts",
    title="Verdicts",
    queries=(Query(select(m.VERDICT, _C, _G, _T), _LEGEND),),
    description="stopped: nobody reads. stalled: members without progress, for instance a record that always fails."
    " rewound: commits went back, so records are read again. The runbook of KafkaConsumerStopped says what to do.",
    style=Style.STATE_TIMELINE,
    values=_VERDICTS,
    width=12,
)
TREND = Panel(
    key="lag-trend",
    title="Lag trend",
    queries=(Query(select(m.LAG, _C, _G, _T).deriv("15m"), _LEGEND),),
    description="Records a second by which the lag grows, over 15 minutes. Above 0 the group will never catch up at"
    " this pace: add members up to the number of partitions, or make the work per record cheaper.",
    width=12,
)

# -- work --------------------------------------------------------------------------------------------------------------
CONSUMED = Panel(
    key="consumed",
    title="Records consumed",
    queries=(Query(select(m.RECORDS_CONSUMED, _C, _G, _T).rate(), _LEGEND),),
    description="Offsets committed a second. 0 while the topic's producers run means that the group stands.",
)
PRODUCED = Panel(
    key="produced-for-groups",
    title="Records produced",
    queries=(Query(select(of_topics.RECORDS_PRODUCED, _C, _T).rate(), "{{topic_name}}"),),
    description="Offsets appended a second, to hold against what is consumed. A jump explains lag that grows.",
)
_FALLING = select(m.LAG, _C, _G, _T).deriv("15m").minus_from(0).clamp_min(0.001)
DRAIN = Panel(
    key="time-to-drain",
    title="Time until the lag is gone",
    queries=(
        Query(
            select(m.LAG, _C, _G, _T)
            .over(_FALLING, on=(Cluster, GroupId, TopicName))
            .clamp_max(NEVER_SECONDS)
            .as_unit(SECONDS),
            _LEGEND,
        ),
    ),
    description="At the pace at which the lag fell over 15 minutes, with all that is still produced. A week stands for"
    " never: the lag does not fall.",
)
MEMBERS = Panel(
    key="members",
    title="Members",
    queries=(Query(select(m.GROUP_MEMBERS, _C, _G), "{{group_id}}"),),
    description="Members of classic and KIP-848 groups. 0 with lag means that nobody reads; steps up and down mean that"
    " members crash or time out.",
)
HEADROOM = Panel(
    key="retention-used",
    title="Retention used up by lag",
    queries=(
        Query(
            select(m.LAG_SECONDS, _C, _G, _T)
            / (select(m.LAG_SECONDS, _C, _G, _T) + select(m.RETENTION_HEADROOM, _C, _G, _T)),
            _LEGEND,
        ),
    ),
    description="At 100 % the oldest record that waits is deleted before it is read. Lengthen retention.ms before that"
    " happens.",
    unit=RATIO,
    minimum=0,
    maximum=1,
)
HEADROOM_RECORDS = Panel(
    key="headroom-records",
    title="Records until retention reaches the group",
    queries=(Query(select(m.HEADROOM_RECORDS, _C, _G, _T), _LEGEND),),
    description="Offsets between the start of the log and the commit, in the partition that has least. It falls in"
    " steps as segments are deleted, by retention.ms or retention.bytes; below 0 records were lost.",
)
ASSIGNED = Panel(
    key="assigned-partitions",
    title="Partitions given to members",
    queries=(Query(select(m.ASSIGNED, _C, _G, _T).sum(Cluster, GroupId, TopicName), _LEGEND),),
    description="Partitions of the topic that live members have been given. Fewer than the topic has, for longer than a"
    " rebalance: nobody reads the others.",
)
STATES = Panel(
    key="group-states",
    title="Groups and their state",
    queries=(Query(select(m.GROUP_INFO, _C, _G), "{{group_id}}"),),
    description="State, assignor and coordinator. Empty means that no member is there; PreparingRebalance for minutes"
    " means that members cannot agree: look at their logs.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("group_id", "Group"),
        ColumnStyle("state", "State"),
        ColumnStyle("protocol", "Assignor"),
        ColumnStyle("protocol_type", "Type"),
        ColumnStyle("coordinator_id", "Coordinator"),
    ),
)

# -- details -----------------------------------------------------------------------------------------------------------
REASONS = Panel(
    key="verdict-reasons",
    title="Verdicts with their reasons",
    queries=(
        Query(select(m.VERDICT_INFO, _C, _G, _T).max(Cluster, GroupId, TopicName, Verdict, Reason), "{{group_id}}"),
    ),
    description="no_members, no_progress and rebalancing want action; waiting is a group that has not yet committed.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("group_id", "Group"),
        ColumnStyle("topic_name", "Topic"),
        ColumnStyle("verdict", "Verdict"),
        ColumnStyle("reason", "Reason"),
    ),
    width=12,
)
DOUBT = Panel(
    key="lag-doubt",
    title="Doubt of the lag in seconds",
    queries=(Query(select(m.LAG_DOUBT, _C, _G, _T), _LEGEND),),
    description="By how much the seconds may be wrong. About one sweep for fresh lag; large after a restart without a"
    " checkpoint, until the history reaches back far enough.",
    width=6,
)
METHODS = Panel(
    key="lag-methods",
    title="Method of the lag in seconds",
    queries=(Query(select(m.LAG_METHOD, _C, _G, _T), "{{group_id}} {{topic_name}} {{method}}"),),
    description="history: read. extrapolated: the record is older than the history, judged by the rate. at_least: a"
    " lower bound, the truth may be far more.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("group_id", "Group"),
        ColumnStyle("topic_name", "Topic"),
        ColumnStyle("method", "Method"),
    ),
    width=6,
)
WORST_PARTITION = Panel(
    key="worst-partition",
    title="Lag of the worst partition",
    queries=(Query(select(m.WORST_PARTITION_LAG, _C, _G, _T), _LEGEND),),
    description="The largest lag of a single partition. Where it is nearly the whole lag, one partition has a record"
    " that always fails, or a key that gets most of the records; its number stands beside.",
    width=6,
)
WORST_PARTITION_ID = Panel(
    key="worst-partition-id",
    title="Which partition is worst",
    queries=(Query(select(m.WORST_PARTITION, _C, _G, _T), "{{group_id}}"),),
    description="Number of the partition in which the group is furthest behind; -1 while it is behind in none. The same"
    " number for minutes means that this partition is stuck: look at the member that has it.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("group_id", "Group"),
        ColumnStyle("topic_name", "Topic"),
        ColumnStyle("A", "Partition"),
    ),
    width=6,
)
STABLE_LAG = Panel(
    key="stable-lag",
    title="Lag of readers with read_committed",
    queries=(Query(select(m.STABLE_LAG, _C, _G, _T), _LEGEND),),
    description="Offsets up to the last stable one, which is all that such a reader can get. Where it is 0 and the lag"
    " in records is not, an open transaction holds the reader back. Empty unless the target's settings say"
    " `stable_offsets: true`.",
)
PARTITION_SECONDS = Panel(
    key="partition-lag-seconds",
    title="Lag in seconds by partition, twenty highest",
    queries=(
        Query(
            select(m.PARTITION_LAG_SECONDS, _C, _G, _T).max(Cluster, GroupId, TopicName, PartitionId).top(20),
            "{{group_id}} {{topic_name}}/{{partition_id}}",
        ),
    ),
    description="Partitions of one group far apart: look at the member that has the late one. Empty unless the target's"
    " settings say `partition_seconds: true`.",
)
LAST_COMMIT = Panel(
    key="since-last-commit",
    title="Time since the last commit",
    queries=(Query(select(m.LAST_COMMIT, _C, _G, _T).age(), _LEGEND),),
    description="How long ago the group's commits were last seen to change. With lag and no commit for minutes nobody"
    " works; without lag it only means that nothing was written.",
    width=6,
)
HELD = Panel(
    key="groups-held",
    title="Groups whose coordinator is silent",
    queries=(Query(select(m.GROUPS_HELD, _C), "{{cluster}}"),),
    description="Their commits are the last good ones. Above 0 a broker is down or frozen: see the Kafka board.",
    width=6,
)

CONSUMERS = Dashboard(
    uid="kafka-consumers",
    title="Kafka consumers",
    folder=Folder.TECHNICAL,
    description="For teams that run consumers and the person on call: which group is behind, by how many seconds, is"
    " anybody working on it, and will records be lost?",
    variables=(
        Variable(label=Cluster, source=select(m.GROUPS_HELD), heading="Cluster"),
        Variable(label=GroupId, source=select(m.GROUP_INFO, _C), heading="Group"),
        Variable(label=TopicName, source=select(m.LAG, _C, _G), heading="Topic"),
    ),
    rows=(
        Row("Is it broken?", (WORST_VERDICT, WORST_SECONDS, TOTAL_LAG, LOST, GROUPS)),
        Row("Lag", (LAG_SECONDS, LAG_RECORDS, VERDICTS, TREND)),
        Row("Work", (CONSUMED, PRODUCED, DRAIN, MEMBERS, HEADROOM, STATES)),
        Row(
            "Partitions",
            (WORST_PARTITION, WORST_PARTITION_ID, ASSIGNED, HEADROOM_RECORDS, PARTITION_SECONDS, STABLE_LAG),
            collapsed=True,
        ),
        Row("Details", (REASONS, DOUBT, METHODS, LAST_COMMIT, HELD), collapsed=True),
    ),
    tags=("kafka", "detail"),
)
