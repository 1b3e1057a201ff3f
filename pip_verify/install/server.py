"""The parent's end of the channel: questions of the child come in, answers of the session go out.

One thread a connection (a nested pip connects while the outer one waits). Whatever goes wrong while a
question is answered is a refusal: the child gets no "ok", the error is kept for the report.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pip_verify.errors import EvidenceError, PipVerifyError, UsageError
from pip_verify.inspection import Link
from pip_verify.install.channel import ChannelLost, receive, send
from pip_verify.installed.receipt import document_of
from pip_verify.report.safe import one_line
from pip_verify.session import Session


class Server:
    """Answers the child on a socket below ``private``, a directory of mode 0700 that the caller made.

    ``missing_seam``: the seam the canary found silent, if any. ``errors``: what stopped the run.
    """

    def __init__(self, session: Session, private: Path) -> None:
        self._session = session
        self.address = str(private / "channel")
        self.token = secrets.token_hex(32)
        self.errors: list[PipVerifyError] = []
        self.missing_seam: str | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.address)
        os.chmod(self.address, 0o600)
        self._listener.listen()
        self._operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "canary": self._canary,
            "requirements": self._requirements,
            "roots": self._roots,
            "link": self._link,
            "file": self._file,
            "source": self._source,
            "outside": self._outside,
            "checked_out": self._checked_out,
            "built": self._built,
            "receipt": self._receipt,
            "receipt_document": self._receipt_document,
            "own_receipt": self._own_receipt,
            "installed": self._installed,
            "unusable": self._unusable,
            "settle": self._settle,
        }

    def start(self) -> None:
        """Begin to answer, in the background."""
        threading.Thread(target=self._accept, name="pip-verify-server", daemon=True).start()

    def close(self) -> None:
        """Stop listening; connections that are open end with the child."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                hello = receive(connection)
                token = hello.get("token")
                if hello.get("op") != "hello" or not isinstance(token, str) or not self._knows(token):
                    return  # a stranger learns nothing, not even that it was refused
                send(connection, {"ok": True})
                outer = False
                while True:
                    message = receive(connection)
                    # only the pip that the user started tells what its command line names
                    outer = outer or message.get("op") == "roots"
                    send(connection, self._answer({**message, "outer": outer}))
            except ChannelLost:
                return  # the child has ended, or will notice that the channel has

    def _knows(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode("ascii"))

    def _answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._operations[message["op"]](message)
        except PipVerifyError as error:
            self.errors.append(error)
            self._session.stop()
            return {"ok": False, "message": one_line(f"pip-verify: {error}")}
        except Exception as error:  # a fault of ours must refuse, never crash into an unanswered question
            self.errors.append(PipVerifyError("pip-verify has a fault", got=f"{type(error).__name__}: {error}"))
            self._session.stop()
            return {"ok": False, "message": "pip-verify has a fault"}

    def _canary(self, message: Mapping[str, Any]) -> dict[str, Any]:
        self.missing_seam = str(message["seam"])
        return {"ok": True}

    def _requirements(self, message: Mapping[str, Any]) -> dict[str, Any]:
        data = base64.b64decode(message["data"])
        return {
            "ok": True,
            "text": self._session.requirement_file(data, message["name"], constraint=message["constraint"]),
        }

    def _roots(self, message: Mapping[str, Any]) -> dict[str, Any]:
        self._session.name_on_command_line((project, filename) for project, filename in message["roots"])
        return {"ok": True}

    def _link(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return _refusal(self._session.judge_links([Link.from_message(link) for link in message["links"]]))

    def _file(self, message: Mapping[str, Any]) -> dict[str, Any]:
        link = Link.from_message(message["link"])
        original = message.get("original")
        beside = Path(original) if original else None
        return _refusal(self._session.judge_file(link, Path(message["path"]), beside=beside))

    def _settle(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return _refusal(self._session.settle())

    def _source(self, message: Mapping[str, Any]) -> dict[str, Any]:
        requirement = message["requirement"]
        there = message.get("there")
        return _refusal(self._session.judge_source(message["kind"], message["location"], requirement, there=there))

    def _outside(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A receipt is for what was unpacked, not for what its subdirectory leads to."""
        expected, hint = "a subdirectory inside the source", "correct its #subdirectory=, or get another source"
        raise EvidenceError(message["what"], expected=expected, got=ascii(message["directory"]), hint=hint)

    def _checked_out(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return _refusal(self._session.judge_checkout(message["location"], message["revision"]))

    def _built(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return _refusal(self._session.judge_built(Path(message["path"]), message["project"], message["source"]))

    def _receipt(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return _refusal(
            self._session.judge_receipt(
                message["use"],
                message["sha256"],
                message["filename"],
                project=message.get("project"),
                outer=message["outer"] and not message.get("nested", False),
            )
        )

    def _receipt_document(self, message: Mapping[str, Any]) -> dict[str, Any]:
        verdict, source, policy = self._session.receipt_of(message["sha256"])
        return {"ok": True, "document": document_of(verdict, source, policy=policy, now=time.time())}

    def _own_receipt(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A publisher may not bring the file in which we say that we verified it."""
        expected, hint = "no receipt in it: pip-verify writes that", "do not install it, and tell its publisher"
        raise EvidenceError(message["filename"], expected=expected, got=ascii(message["member"]), hint=hint)

    def _installed(self, message: Mapping[str, Any]) -> dict[str, Any]:
        self._session.note_installed(message["project"], message["version"])
        return {"ok": True}

    def _unusable(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """An option of pip's that would get round verification is refused by its name."""
        option, why = str(message["option"]), str(message["why"])
        raise UsageError(
            option, expected="only options that leave verification whole", got=why, hint=f"leave out {option}"
        )


def _refusal(refused: list[str]) -> dict[str, Any]:
    """The answer for a list of refusals in words; empty means accepted."""
    if refused:
        return {"ok": False, "message": "pip-verify refused " + "; ".join(refused)}
    return {"ok": True}
