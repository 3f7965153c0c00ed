import socket
from collections.abc import Iterator

import pytest

from keryx.components.component import Listener
from keryx.core import errors
from keryx.core.network import Endpoint
from keryx.host import ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_names_a_public_port_and_its_holder(taken: int) -> None:
    with pytest.raises(errors.BadInput) as refused:
        ports.check([Listener("imaps", taken)], [], None)
    assert refused.value.sentence.startswith(f"Port {taken} (ports.imaps) is in use by ")


def test_names_a_port_inside_the_suite(taken: int) -> None:
    inner = [Endpoint(host="127.0.0.1", port=taken)]
    with pytest.raises(errors.BadInput) as refused:
        ports.check([], ["192.0.2.1"], None, inner)
    assert refused.value.sentence.startswith(f"Port {taken} of 127.0.0.1 (inside the suite) is in use by ")


def test_the_same_port_of_another_address_is_free(taken: int) -> None:
    ports.check([Listener("imaps", taken)], ["127.0.0.2"], None, [Endpoint(host="127.0.0.3", port=taken)])


def test_a_unix_socket_is_no_port(taken: int) -> None:
    assert ports.find([], [], None, [Endpoint(host="")]) == []
