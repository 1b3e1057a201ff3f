"""People and their keys over a project's life: thresholds, somebody who leaves, somebody who joins, a key that is lost
and one that is stolen. The publisher's side are the commands of ``docs/walkthroughs.md``; after each step somebody
runs ``pip-verify install`` on the other side, in a fresh environment, and says how many keys must have signed.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.e2e.world import Environment, Result, World
from tests.https_world import Answer
from tests.makers import make_wheel, wheel_filename

TOO_FEW, STRANGER, REVOKED, EXPIRED = "PV202", "PV201", "PV401", "PV402"


class Team:
    """A publisher's repository: keys of people, a list, releases; and the site that is made of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._numbers = itertools.count()
        site = world.publisher.site
        site.root = world.project / "site"
        site.answer("/keys.json", Answer(headers={"Cache-Control": "no-store"}))  # what changes counts from now on

    # the publisher's side

    def run(self, *words: str | Path) -> Result:
        return self.world.run_as_it_is(*words)

    def do(self, *words: str | Path) -> Result:
        """A command that must succeed."""
        result = self.run(*words)
        assert result.code == 0, f"{words}\n{result.stderr}"
        return result

    def joins(self, *people: str) -> None:
        for person in people:
            self.do("keygen", "--no-passphrase", "-o", f"{person}.key")
            self.do("keylist", "add", "keys.json", f"{person}.key")

    def builds(self, version: str) -> str:
        """A release on the index and in ``dist``, unsigned."""
        filename, data = wheel_filename("demo", version), make_wheel("demo", version)
        self.world.index.add(filename, data, stated="right")
        self.world.save(f"dist/{filename}", data)
        return filename

    def signs(self, person: str, version: str) -> None:
        self.do("sign", "--key-file", f"{person}.key", f"dist/{wheel_filename('demo', version)}")

    def signs_everything_again(self, person: str, *more: str) -> Result:
        return self.run("sign", "--add", "--all", "--key-list", "keys.json", "--key-file", f"{person}.key", *more)

    def publishes(self, *more: str) -> Result:
        return self.do("keylist", "publish", "keys.json", "site", *more)

    # the other side

    def install(self, version: str, *, threshold: int = 1) -> Result:
        """``pip-verify install`` on a machine where nothing is installed or cached."""
        number = next(self._numbers)
        target = Environment(self.world.root / f"consumer{number}")
        result = self.world.run(
            "install",
            f"demo=={version}",
            self.world.publisher.pin,
            f"--threshold={threshold}",
            target=target,
            PIP_VERIFY_CACHE_DIR=str(self.world.root / f"cache{number}"),
        )
        assert target.installed() == ({"demo": version} if result.code == 0 else {})
        return result

    def installs(self, version: str, *, threshold: int = 1) -> None:
        result = self.install(version, threshold=threshold)
        assert result.code == 0, result.stderr

    def refuses(self, version: str, reason: str, code: int, *, threshold: int = 1) -> None:
        result = self.install(version, threshold=threshold)
        assert result.code == code, result.stderr
        assert reason in result.reasons(wheel_filename("demo", version)), result.report


@pytest.fixture
def team(world: World) -> Team:
    """alice, bob and carol may sign; demo 1.0 is signed by alice and bob."""
    found = Team(world)
    found.do("keylist", "init", "keys.json")
    found.joins("alice", "bob", "carol")
    found.builds("1.0")
    found.signs("alice", "1.0")
    found.signs("bob", "1.0")
    found.publishes()
    return found


def test_two_of_three_must_sign(team: Team) -> None:
    team.installs("1.0", threshold=2)
    team.refuses("1.0", TOO_FEW, 11, threshold=3)
    team.builds("2.0")
    team.signs("alice", "2.0")
    team.publishes()
    team.refuses("2.0", TOO_FEW, 11, threshold=2)
    team.signs("alice", "2.0")  # once more by the same key is no second signature
    team.publishes()
    team.refuses("2.0", TOO_FEW, 11, threshold=2)
    team.do("sign", "--add", "--key-list", "keys.json", "--key-file", "carol.key", "releases/demo/2.0.jws")
    team.publishes()
    team.installs("2.0", threshold=2)
    team.installs("1.0", threshold=2)


def test_a_maintainer_leaves_and_another_joins(team: Team) -> None:
    # carol has signed nothing: she goes, and nobody notices
    told = team.do("keylist", "remove", "keys.json", "carol.key")
    assert "lose signatures" not in told.stderr
    team.publishes()
    team.installs("1.0", threshold=2)
    # bob has: dave comes first and signs what is there, and then bob goes
    team.joins("dave")
    assert team.signs_everything_again("dave").code == 0
    team.publishes()
    team.installs("1.0", threshold=3)
    told = team.do("keylist", "remove", "keys.json", "bob.key")
    assert "demo 1.0: 3 -> 2" in told.stderr
    team.publishes()
    team.installs("1.0", threshold=2)
    team.refuses("1.0", TOO_FEW, 11, threshold=3)


def test_what_happens_when_it_is_done_in_the_wrong_order(team: Team) -> None:
    told = team.do("keylist", "remove", "keys.json", "bob.key")
    assert "demo 1.0: 2 -> 1" in told.stderr  # two are wanted by those who install, which this side cannot know
    team.publishes()
    team.refuses("1.0", TOO_FEW, 11, threshold=2)
    team.joins("dave")  # and it is mended from where it is
    assert team.signs_everything_again("dave").code == 0
    team.publishes()
    team.installs("1.0", threshold=2)


def test_what_somebody_who_left_signs_later_counts_for_nothing(team: Team) -> None:
    team.do("keylist", "retire", "keys.json", "carol.key")
    team.builds("2.0")
    team.signs("carol", "2.0")
    team.publishes()
    team.refuses("2.0", EXPIRED, 13)
    team.do("keylist", "remove", "keys.json", "carol.key")
    assert team.run("keylist", "publish", "keys.json", "site").code == 2  # nobody on the list has signed it
    team.publishes("--force")
    team.refuses("2.0", STRANGER, 11)
    team.installs("1.0", threshold=2)


def test_a_lost_key(team: Team) -> None:
    """alice's laptop is in the river. Nobody else has it, so nothing is urgent and nothing is revoked."""
    team.builds("2.0")
    team.signs("alice", "2.0")
    team.publishes()
    alice = team.do("keylist", "show", "keys.json").stdout.splitlines()[2]
    (team.world.project / "alice.key").unlink()
    refused = team.run("keylist", "retire", "keys.json", alice)
    assert refused.code == 2
    assert "demo 2.0: 1 -> 0" in refused.stderr
    team.installs("2.0")  # nothing has changed
    team.joins("alice-2")
    assert team.signs_everything_again("alice-2").code == 0
    team.publishes()
    team.installs("2.0", threshold=2)
    team.do("keylist", "retire", "keys.json", alice)
    team.publishes()
    team.installs("2.0")
    team.installs("1.0", threshold=2)
    team.refuses("2.0", EXPIRED, 13, threshold=2)
    team.do("keylist", "remove", "keys.json", alice)
    team.publishes()
    team.installs("2.0")


def test_a_stolen_key(team: Team) -> None:
    """Whoever has alice's key signs another 2.0 and puts it where it is looked for. Revoking comes first, then all
    the rest."""
    team.builds("2.0")
    team.signs("alice", "2.0")
    team.publishes()
    team.installs("2.0")
    told = team.do("keylist", "revoke", "keys.json", "alice.key", "--reason", "laptop stolen")
    assert "demo 2.0: 1 -> 0" in told.stderr
    assert "demo 1.0: 2 -> 1" in told.stderr
    told = team.publishes()
    assert "demo 2.0: no signature of it counts any more" in told.stderr
    team.refuses("2.0", REVOKED, 13)
    team.installs("1.0")
    team.refuses("1.0", REVOKED, 13, threshold=2)
    # the revoked key vouches for nothing, so 2.0 is signed again only after its files were compared
    unvouched = team.signs_everything_again("carol")
    assert unvouched.code == 2
    assert "nothing but the statement speaks for demo 2.0" in unvouched.stderr
    assert team.signs_everything_again("carol", "--verify-against-index").code == 0
    team.publishes()
    team.installs("2.0")
    team.installs("1.0", threshold=2)


def test_the_thief_of_a_revoked_key_gets_nowhere(team: Team) -> None:
    team.do("keylist", "revoke", "keys.json", "alice.key", "--reason", "laptop stolen")
    team.publishes()
    team.builds("6.6")
    team.signs("alice", "6.6")
    signed = (team.world.project / "releases/demo/6.6.jws").read_bytes()
    team.world.publisher.serve("/releases/demo/6.6.jws", signed)  # the web site is in the thief's hands, too
    team.refuses("6.6", REVOKED, 13)


def test_a_rotation_that_is_announced_breaks_nobody_at_any_time(team: Team) -> None:
    team.joins("alice-2")
    team.installs("1.0", threshold=2)
    assert team.signs_everything_again("alice-2").code == 0
    team.publishes()
    team.installs("1.0", threshold=3)
    team.do("keylist", "retire", "keys.json", "alice.key", "--until", "2099-12-31")
    team.publishes()
    team.installs("1.0", threshold=3)
    team.do("keylist", "retire", "keys.json", "alice.key")
    team.publishes()
    team.installs("1.0", threshold=2)
    team.do("keylist", "remove", "keys.json", "alice.key")
    team.publishes()
    team.installs("1.0", threshold=2)
