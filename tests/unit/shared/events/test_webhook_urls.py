"""Allowed targets of webhooks: forms of URLs, addresses, and names that resolve to them."""

from collections.abc import Sequence

import pytest

from shared.events.webhook_urls import Target, TargetRefused, WebhookTargets, is_public, parse_target
from tests.support.cases import case

USUAL = {
    "https://receiver.example": ("https", "receiver.example", 443, "/"),
    "https://RECEIVER.Example:8443/a/b?c=d&e": ("https", "receiver.example", 8443, "/a/b?c=d&e"),
    "https://receiver.example.:443?x": ("https", "receiver.example", 443, "/?x"),
    "https://straße.example/%C3%A9": ("https", "xn--strae-oqa.example", 443, "/%C3%A9"),
    "https://8.8.8.8/": ("https", "8.8.8.8", 443, "/"),
    "https://[2606:4700::1111]:4443/": ("https", "2606:4700::1111", 4443, "/"),
}
ODD = [
    "",
    "receiver.example",
    "//receiver.example/",
    "https:receiver.example",
    "https:///receiver.example",
    "http://receiver.example/",
    "ftp://receiver.example/",
    "javascript:alert(1)",
    "file:///etc/passwd",
    # Which host is called here?
    "https://somebody@receiver.example/",
    "https://somebody:secret@receiver.example/",
    "https://receiver.example@127.0.0.1/",
    "https://receiver.example\\@127.0.0.1/",
    "https://receiver.example#@127.0.0.1/",
    "https://receiver.example/#fragment",
    "https://receiver.example:443:443/",
    "https://receiver.example:22/",
    "https://receiver.example:80/",
    "https://receiver.example:0/",
    "https://receiver.example:65536/",
    "https://receiver.example:port/",
    # Forms of 127.0.0.1 and others that only some URL parsers accept.
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f.0.0.1/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.0.0.1.5/",
    "https://receiver.0x7f/",
    "https://receiver.127/",
    "https://[::1%25lo]/",
    "https://[fe80::1%eth0]/",
    "https://[::1/",
    "https://[127.0.0.1]/",
    "https://[v1.receiver]/",
    # Invalid names.
    "https://receiver..example/",
    "https://.example/",
    "https://-receiver.example/",
    "https://receiver%2eexample/",
    "https://receiver,example/",
    "https://xn--/",
    f"https://{'a' * 64}.example/",
    f"https://{'a.' * 130}example/",
    # Characters with a meaning in headers or logs.
    "https://receiver.example/\r\nHost: 127.0.0.1",
    "https://receiver.example/\x00",
    "https://receiver.example/ ",
    " https://receiver.example/",
    "ht\ttps://receiver.example/",
    "https://receiver.ex\u200bample/",
    "https://receiver.example/é",
    "https://receiver.example/\\",
    f"https://receiver.example/{'a' * 2000}",
]
# Each is a separate address, and none is public.
DISGUISED = {
    "https://127.0.0.1./": "127.0.0.1",
    "https://\uff11\uff12\uff17.0.0.1/": "127.0.0.1",
    "https://127。0。0。1/": "127.0.0.1",
    "https://①②⑦.⓪.⓪.①/": "127.0.0.1",
    "https://[::ffff:127.0.0.1]/": "::ffff:7f00:1",
    "https://[0:0:0:0:0:0:0:1]/": "::1",
}
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a01::1", "64:ff9b::808:808"]
PRIVATE = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "fe80::1", "fe80::1%eth0"),
    *("fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1"),
    *("5f00::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "4000::1"),
    *("", "receiver.example", "127.1"),
]


def test_a_url_is_taken_apart() -> None:
    for url, parts in USUAL.items():
        with case(url):
            assert Target(*parts) == parse_target(url, private_allowed=False)


def test_an_odd_url_is_refused_and_not_repeated() -> None:
    for url in ODD:
        with case(url):
            with pytest.raises(TargetRefused) as refusal:
                parse_target(url, private_allowed=False)

            assert "receiver" not in str(refusal.value)


def test_a_disguised_address_is_known_and_is_not_public() -> None:
    for url, address in DISGUISED.items():
        with case(url):
            host = parse_target(url, private_allowed=False).host

            assert (address, False) == (host, is_public(host))


def test_plain_http_and_any_port_are_for_who_allows_private_targets() -> None:
    assert Target("http", "127.0.0.1", 81, "/") == parse_target("http://127.0.0.1:81", private_allowed=True)
    with pytest.raises(TargetRefused):
        parse_target("http://somebody@127.0.0.1/", private_allowed=True)


def test_an_address_of_the_public_internet_is_one() -> None:
    for address in PUBLIC:
        with case(address):
            assert is_public(address)


def test_any_other_address_is_none() -> None:
    for address in PRIVATE:
        with case(address):
            assert not is_public(address)


def test_the_receiver_is_called_as_in_the_url() -> None:
    urls = ("https://receiver.example", "https://receiver.example:8443/", "https://[2606:4700::1111]:4443/")

    assert ["receiver.example", "receiver.example:8443", "[2606:4700::1111]:4443"] == [
        parse_target(url, private_allowed=False).authority for url in urls
    ]


class Names:
    """A name server with these names; each has a list of answers, of which the last is repeated."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        known = self.answers.get(host)
        if known is None:
            raise OSError("synthetic: no such name")
        return known.pop(0) if len(known) > 1 else known[0]


def targets(names: Names, *, private_allowed: bool = False) -> WebhookTargets:
    return WebhookTargets(private_allowed=private_allowed, lookup=names)


@pytest.mark.anyio
async def test_a_name_leads_to_all_of_its_addresses_each_once() -> None:
    names = Names(receiver=[["8.8.8.8", "2606:4700::1111", "8.8.8.8"]])

    _, addresses = await targets(names).find("https://receiver/")

    assert ["8.8.8.8", "2606:4700::1111"] == addresses


@pytest.mark.anyio
async def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    names = Names(receiver=[["8.8.8.8", "10.0.0.1"]])

    with pytest.raises(TargetRefused):
        await targets(names).find("https://receiver/")


@pytest.mark.anyio
async def test_nobody_learns_which_names_there_are_inside() -> None:
    refusals = []
    for url in ("https://inside/", "https://nowhere/", "https://empty/", "https://10.0.0.1/"):
        with pytest.raises(TargetRefused) as refusal:
            await targets(Names(inside=[["10.0.0.1"]], empty=[[]])).find(url)
        refusals.append(str(refusal.value))

    assert 1 == len(set(refusals))


@pytest.mark.anyio
async def test_an_address_is_not_looked_up() -> None:
    names = Names()

    target, addresses = await targets(names).find("https://8.8.8.8/")

    assert ([], "8.8.8.8", ["8.8.8.8"]) == (names.asked, target.host, addresses)


@pytest.mark.anyio
async def test_private_addresses_pass_where_the_operator_allows_them() -> None:
    names = Names(receiver=[["10.0.0.1"]])

    _, addresses = await targets(names, private_allowed=True).find("http://receiver:8080/")

    assert ["10.0.0.1"] == addresses


@pytest.mark.anyio
async def test_this_machines_own_resolver_is_asked_by_default() -> None:
    targets = WebhookTargets(private_allowed=True)

    _, addresses = await targets.find("http://localhost/")

    targets.close()
    assert {"127.0.0.1", "::1"}.issuperset(addresses)
    assert addresses
