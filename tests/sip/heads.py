"""A message head that has everything: short forms, lists, headers in several lines."""

HEAD = [
    "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;rport, SIP/2.0/TCP h2;branch=z9hG4bK2",
    "v: SIP/2.0/UDP h3;branch=z9hG4bK3",
    "Max-Forwards: 70",
    'f: "Alice" <sip:alice@a.com>;tag=a1',
    "t: <sip:bob@b.com>",
    "i: abc@a.com",
    "CSeq: 7 INVITE",
    "m: <sip:alice@10.0.0.1>, <sip:alice@10.0.0.2>",
    "Route: <sip:p1;lr>",
    "Route: <sip:p2;lr>, <sip:p3;lr>",
    "Record-Route: <sip:r1;lr>",
    "Record-Route: <sip:r2;lr>",
    "c: Application / SDP ; charset=x",
    "Expires: 60",
    "Timestamp: 54",
]
