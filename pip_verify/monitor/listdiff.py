"""In what two key lists differ, in words: the publisher's own copy and the served one come in. Pure."""

from __future__ import annotations

from pip_verify.keys import KeyList


def differences(own: KeyList, served: KeyList) -> list[str]:
    """What ``served`` says otherwise than ``own``: keys, what is said of them, where statements are. The order of the
    keys does not matter."""
    ours = {entry.key.text: entry for entry in own.keys}
    theirs = {entry.key.text: entry for entry in served.keys}
    found = [f"without {key}" for key in sorted(ours.keys() - theirs.keys())]
    found += [f"with {key}, which is not yours" for key in sorted(theirs.keys() - ours.keys())]
    found += [f"other things about {key}" for key in sorted(ours.keys() & theirs.keys()) if ours[key] != theirs[key]]
    found += [f"releases {served.releases!a}"] if own.releases != served.releases else []
    found += [f"{served.skipped} keys of kinds that are not known"] if own.skipped != served.skipped else []
    return found
