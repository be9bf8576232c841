"""`tillbox edge enrol`: asks the running box of this machine for a code that makes a till."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from edge.contract.errors import Refused, SettingsInvalid
from edge.runtime.tls_contexts import own_context
from edge.settings import EdgeSettings

_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not listened on


def enrol(settings: EdgeSettings, till: str | None) -> int:
    """Print a code that makes a device a till; return 0, the exit code of the command.

    Raises Refused when no box answers, or the box says no; SettingsInvalid without a token.
    """
    web = settings.web
    address = "localhost" if web.address in _EVERYWHERE else web.address
    at = f"[{address}]" if ":" in address else address
    context = own_context(web.certificate_file) if web.certificate_file else None
    request = urllib.request.Request(  # noqa: S310 - http or https, nothing else
        f"{'https' if context else 'http'}://{at}:{web.port}/internal/v1/enrolment-codes",
        data=json.dumps({"till": till}).encode(),
        headers={
            "Authorization": f"Bearer {service_token(settings.secrets.service_token_file)}",
            "Content-Type": "application/json",
            "Host": f"localhost:{web.port}",  # the box is asked by itself, whatever it is called
        },
        method="POST",
    )
    try:
        with urllib.request.urlopen(  # noqa: S310 - http or https, as above
            request, timeout=10, context=context
        ) as response:
            code = json.load(response)["code"]
    except urllib.error.HTTPError as error:
        raise Refused("enrol_refused", _words_of(error)) from None
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
        raise Refused(
            "box_not_running",
            f"No box answers at {at}:{web.port}: {str(error) or type(error).__name__}.",
            advice="Start it first, or see what else uses that port.",
        ) from None
    print(f"Code: {code}  (good for 15 minutes, once)")  # noqa: T201 - the answer
    return 0


def _words_of(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["message"])
    except (ValueError, LookupError, TypeError):
        return f"The server there answered {error.code}, and not as a box does."


def service_token(path: Path) -> str:
    """Return the secret by which the processes of this machine know each other.

    Raises SettingsInvalid when the file cannot be read or is empty.
    """
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(
            "token_unreadable",
            f"The service token file {path} cannot be read: {error}.",
            advice="Make it with 43 random characters, readable by this user alone.",
        ) from None
    if not token:
        raise SettingsInvalid("token_empty", f"The service token file {path} is empty.")
    return token
