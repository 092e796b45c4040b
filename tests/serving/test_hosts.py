"""Where a set is served, and by which names."""

import socket

import pytest

from smearprep.errors import RecipeError
from smearprep.serving import hosts
from smearprep.serving.hosts import listen


@pytest.fixture
def place():
    opened = []

    def opening(*arguments):
        opened.append(listen(*arguments))
        return opened[-1]

    yield opening
    for one in opened:
        one.listener.close()


def test_this_computer_alone(place):
    here = place("127.0.0.1", 0)
    assert not here.is_open_to_others
    assert here.url == f"http://127.0.0.1:{here.port}/"
    assert {name.rpartition(":")[0] for name in here.names} == {"127.0.0.1", "localhost"}
    assert all(name.endswith(f":{here.port}") for name in here.names)
    with socket.create_connection(("127.0.0.1", here.port)):
        pass  # it listens already: a browser that is opened now waits


def test_every_address_of_this_computer(place):
    everywhere = place("0.0.0.0", 0)
    name = socket.gethostname()
    assert everywhere.is_open_to_others
    assert everywhere.url == f"http://{name}:{everywhere.port}/"
    assert {f"{name.lower()}:{everywhere.port}", f"127.0.0.1:{everywhere.port}"} <= everywhere.names


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("203.0.113.7", "is no address of this computer"),  # RFC 5737: nobody's
        ("a" * 300, "is no address or name"),
        ("\u2603..", "is no address or name"),
    ],
)
def test_addresses_that_cannot_be(place, host, words):
    for port in (0, None):
        with pytest.raises(RecipeError, match=words) as caught:
            place(host, port)
        assert f"--host {host}" in str(caught.value)


def test_a_port_in_use(place):
    taken = place("127.0.0.1", 0).port
    with pytest.raises(RecipeError, match=f"--port {taken}: is in use at 127.0.0.1.*another"):
        place("127.0.0.1", taken)


def test_the_usual_port_is_left_if_it_is_in_use(place, monkeypatch):
    taken = place("127.0.0.1", 0).port
    monkeypatch.setattr(hosts, "USUAL_PORT", taken)
    assert place("127.0.0.1").port != taken
