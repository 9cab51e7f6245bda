"""The cluster's network namespace, its cable to this machine and the two ports forwarded to it.

Nothing inside has a route out: the default route is a blackhole. Connections to 127.0.0.1:PORT of this machine are
sent to the gateway and the registry by the kernel (nftables); nothing from inside reaches this machine's own services.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path

from ekiben.localcluster.commands import run
from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.native.layout import (
    BRIDGE,
    BRIDGE_IP,
    GATEWAY_IP,
    HOST_IP,
    HOST_LINK,
    NAMESPACE,
    NETNS,
    NODE_IP,
    NODE_LINK,
    PREFIX,
    REGISTRY_LISTEN,
    SERVICE_CIDR,
    TABLE,
)

_PART = "network"


def rules(gateway_port: int, registry_port: int) -> str:
    """Return the nftables table of this machine.

    `route_localnet` on the cable would let pods send to 127.0.0.1 of this machine; the raw chain drops that before
    connection tracking has turned the answers of forwarded connections back into loopback addresses. The input
    chain drops every connection that begins inside.
    """
    return f"""
table ip {TABLE} {{
  chain raw {{
    type filter hook prerouting priority raw; policy accept;
    iifname "{HOST_LINK}" ip daddr 127.0.0.0/8 drop
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname "{HOST_LINK}" ct state new drop
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname "{HOST_LINK}" drop
    oifname "{HOST_LINK}" drop
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
    ip daddr 127.0.0.1 tcp dport {gateway_port} dnat to {GATEWAY_IP}:80
    ip daddr 127.0.0.1 tcp dport {registry_port} dnat to {NODE_IP}:{REGISTRY_LISTEN}
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname "{HOST_LINK}" ip saddr 127.0.0.0/8 snat to {HOST_IP}
  }}
}}
"""


def ensure(gateway_port: int, registry_port: int) -> None:
    """Make what is missing of the namespace, the cable and the forwarding.

    Raises:
        ClusterError: the kernel refuses, or the addresses are in use by another interface.
    """
    if not exists():
        remove()
        _refuse_taken_addresses()
        run(_PART, ["ip", "netns", "add", NAMESPACE])
    if not _link_exists(HOST_LINK, inside=False) or not _link_exists(NODE_LINK, inside=True):
        _refuse_taken_addresses()
        run(_PART, ["ip", "link", "delete", HOST_LINK], check=False)
        run(_PART, ["ip", "link", "add", HOST_LINK, "type", "veth", "peer", "name", NODE_LINK, "netns", NAMESPACE])
    outside = [
        f"address replace {HOST_IP}/{PREFIX} dev {HOST_LINK}",
        f"link set {HOST_LINK} up",
        f"route replace {GATEWAY_IP}/32 via {NODE_IP} dev {HOST_LINK}",
    ]
    # The bridge that pods are plugged into is made here, so that the node reaches services before the first pod.
    inside = [
        f"address replace {NODE_IP}/{PREFIX} dev {NODE_LINK}",
        f"link set {NODE_LINK} up",
        "link set lo up",
        *([] if _link_exists(BRIDGE, inside=True) else [f"link add {BRIDGE} type bridge"]),
        f"address replace {BRIDGE_IP}/24 dev {BRIDGE}",
        f"link set {BRIDGE} up",
        "route replace blackhole default metric 1000",
        f"route replace {SERVICE_CIDR} dev {BRIDGE}",
    ]
    run(_PART, ["ip", "-n", NAMESPACE, "-batch", "-"], text="\n".join(inside))
    run(_PART, ["ip", "-batch", "-"], text="\n".join(outside))
    enter = ["nsenter", f"--net={NETNS}"]
    run(_PART, [*enter, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
    Path(f"/proc/sys/net/ipv4/conf/{HOST_LINK}/route_localnet").write_text("1")
    fresh = f"table ip {TABLE}\ndelete table ip {TABLE}\n" + rules(gateway_port, registry_port)
    run(
        _PART, ["nft", "-f", "-"], text=fresh, advice="The kernel needs nftables with NAT (modules nf_tables, nft_nat)."
    )


def remove() -> None:
    """Take the forwarding, the cable and the namespace away; what is not there is no error."""
    run(_PART, ["nft", "delete", "table", "ip", TABLE], check=False)
    run(_PART, ["ip", "link", "delete", HOST_LINK], check=False)
    if NETNS.exists():
        run(_PART, ["ip", "netns", "delete", NAMESPACE], check=False)
        if NETNS.exists():  # what a reboot or a killed run left: a file that is no namespace
            run(_PART, ["umount", "--lazy", str(NETNS)], check=False)
            NETNS.unlink(missing_ok=True)


def leftovers() -> list[str]:
    """Return what is still there of the network, in words."""
    found = []
    if NETNS.exists():
        found.append(f"network namespace {NAMESPACE}")
    if _link_exists(HOST_LINK, inside=False):
        found.append(f"interface {HOST_LINK}")
    if run(_PART, ["nft", "list", "table", "ip", TABLE], check=False).returncode == 0:
        found.append(f"nftables table {TABLE}")
    return found


def refuse_taken_port(port: int, option: str) -> None:
    """Refuse a port of 127.0.0.1 that another program listens on.

    Raises:
        ClusterError: it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            problem = f"port {port} of 127.0.0.1 is used by another program ({error.strerror})"
            raise ClusterError(
                _PART, problem, advice=f"End that program, or choose another port with {option}."
            ) from error


def processes_inside() -> list[int]:
    """Return the processes whose network namespace is the cluster's."""
    if not exists():
        return []
    wanted = NETNS.stat().st_ino
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if (entry / "ns" / "net").stat().st_ino == wanted:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def exists() -> bool:
    """Whether the namespace is there, and not only the file of one that ended with the machine's last run."""
    return NETNS.exists() and run(_PART, ["nsenter", f"--net={NETNS}", "true"], check=False).returncode == 0


def _link_exists(name: str, *, inside: bool) -> bool:
    where = ["-n", NAMESPACE] if inside else []
    return run(_PART, ["ip", *where, "link", "show", name], check=False).returncode == 0


def _refuse_taken_addresses() -> None:
    links = json.loads(run(_PART, ["ip", "-json", "address"]).stdout)
    for link in links:
        for address in link.get("addr_info", []):
            if address.get("local") in {HOST_IP, NODE_IP} and link.get("ifname") != HOST_LINK:
                problem = f"interface {link['ifname']} has the address {address['local']}, which the cluster needs"
                raise ClusterError(_PART, problem, advice="Remove the address or that interface.")
