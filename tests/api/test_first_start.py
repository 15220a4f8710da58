"""The first start: the administrator's password as the installer leaves it, only its hash, in a file that counts once; the certificate."""

import pytest

from daemons import PASSWORD

GIVEN, GIVEN_HASH = "given by the installer", "$y$j9T$lodgetestsalt1$w/DXxiRSbQeCvZLfUyUE4KJxw239GFRNZfGM96ogpI0"
OTHER, OTHER_HASH = "another password", "$y$j9T$lodgetestsalt1$KQl/eebTedCCRdaJfMH1ymqoNtvuH..ihRVb9thQAl9"


@pytest.fixture
def pair(own):
    return own()


def leave(pair, text):
    pair.state.mkdir(mode=0o755, exist_ok=True)
    file = pair.state / "first-password-hash"
    file.write_text(text)
    file.chmod(0o600)
    return file


def may_sign_in(pair, password):
    client = pair.api()
    status = client.post("/session", {"user": "admin", "password": password}).status
    client.close()
    return status == 201


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_hash_that_was_left_is_the_administrators_and_is_forgotten(pair, end):
    file = leave(pair, GIVEN_HASH + end)
    pair.start()
    assert may_sign_in(pair, GIVEN)
    assert not may_sign_in(pair, PASSWORD)  # of the environment: the file comes first
    assert not file.exists() and not (pair.state / "run/first-password").exists()


def test_a_hash_that_comes_later_changes_nothing_and_is_removed(pair):
    leave(pair, GIVEN_HASH + "\n")
    pair.start_lodged().stop_lodged()
    file = leave(pair, OTHER_HASH + "\n")
    pair.start()
    assert may_sign_in(pair, GIVEN) and not may_sign_in(pair, OTHER)
    assert not file.exists()


@pytest.mark.allow_log("first-password-hash|mkpasswd makes one")
@pytest.mark.parametrize("text", ["", "\n", "a password\n", GIVEN_HASH[:-1], "$6$salt$" + "x" * 86, "$y$j9T$" + "x" * 600])
def test_a_file_without_a_whole_hash_stops_the_start_and_stays(pair, text):
    file = leave(pair, text)
    pair.start_lodged(wait=False)
    assert pair.lodged.wait(20) != 0
    pair.stop_lodged()
    assert "first-password-hash" in pair.log("lodged")
    assert file.read_text() == text
    file.write_text(GIVEN_HASH)
    pair.start()
    assert may_sign_in(pair, GIVEN)


def test_a_power_cut_while_the_certificate_is_made_costs_nothing(own):
    """Its key gets its name last: with the certificate beside it, it is taken; alone, a new pair is made."""
    pair = own().start()
    tls = pair.state / "tls"
    first = (tls / "cert.pem").read_bytes()
    pair.stop_gate()
    (tls / "key.pem").rename(tls / "key.pem.made")
    pair.start_gate()
    assert pair.api("admin").get("/session").status == 200 and (tls / "cert.pem").read_bytes() == first
    pair.stop_gate()
    (tls / "key.pem").rename(tls / "key.pem.made")
    (tls / "cert.pem").unlink()
    pair.start_gate()
    assert pair.api("admin").get("/session").status == 200 and (tls / "cert.pem").read_bytes() != first
    assert sorted(path.name for path in tls.iterdir()) == ["cert.pem", "key.pem"]
