"""The flow map as Mermaid text, for pages that draw it themselves."""

from __future__ import annotations

from partita.flow.flow_map import FlowMap, Kind

SHAPES: dict[Kind, tuple[str, str]] = {
    "service": ("[", "]"),
    "saga": ("{{", "}}"),
    "command": ("[/", "/]"),
    "event": ("([", "])"),
}
ESCAPED = str.maketrans({"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "\n": " "})


def mermaid(found: FlowMap) -> str:
    """The map as a flowchart: a thick arrow is a hop of an orchestration, a thin one of a choreography. Faults are left out."""
    faults = {name for name, message in found.messages.items() if message.fault_of}
    drawn = [node for node in found.nodes if node.id not in faults]
    number = {node.id: f"n{position}" for position, node in enumerate(drawn)}
    lines = ["flowchart LR"]
    for node in drawn:
        before, after = SHAPES[node.kind]
        lines.append(f'  {number[node.id]}{before}"{node.id.translate(ESCAPED)}"{after}')
    for hop in found.hops:
        if hop.message in faults:
            continue
        arrow = "==>" if hop.style == "orchestration" else "-->"
        label = "" if hop.message in number else f'|"{hop.message.translate(ESCAPED)}"|'
        lines.append(f"  {number[hop.origin]} {arrow}{label} {number[hop.to]}")
    return "\n".join(lines)
