"""Which host names are AWS's own; apart, since each request to the cloud's port is looked at so."""

from __future__ import annotations

# Source: "AWS service endpoints" (AWS General Reference).
_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".on.aws")


def is_aws_host(host: str) -> bool:
    """Return whether a name, with or without a port, is one that only AWS can give an address to.

    Examples
    --------
    >>> is_aws_host("sts.us-east-1.amazonaws.com:443"), is_aws_host("amazonaws.com.example.org")
    (True, False)
    """
    name, _, port = host.lower().rpartition(":")
    return (name if port.isdigit() else host.lower()).rstrip(".").endswith(_DOMAINS)
