"""params/notify.yaml: who is told of what. Secrets stay in the environment, never in the file."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from rolloutlib.errors import PlanError
from rolloutlib.phrase import phrase
from rolloutlib.plan.strict_yaml import load_model

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FILE", "Mail", "Settings", "Webhook", "load_settings"]

FILE: Final = "params/notify.yaml"
_ADDRESS: Final = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$"  # as browsers take it
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_Address = Annotated[str, Field(pattern=_ADDRESS, max_length=254)]
_Text = Annotated[str, Field(min_length=1)]


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):  # a secret itself, perhaps: it is not repeated
        raise ValueError(
            phrase("is no name of an environment variable, such as ROLLOUT_WEBHOOK_SECRET")
        )
    return name


_Variable = Annotated[str, AfterValidator(_variable)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _checked(url: str) -> str:
    _split(url)
    return url


def _split(url: str) -> SplitResult:
    """Return the parts of an address that can be posted to; its words never repeat the address."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1)
    except ValueError:
        usable, parts = False, SplitResult("", "", "", "", "")
    plain = url.isascii() and url.isprintable() and " " not in url
    if not usable or not plain:
        raise ValueError(phrase("is no address; expected https://HOST/PATH"))
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            phrase("holds a name or password before the host; leave it out, and sign instead")
        )
    return parts


class Webhook(_Model):
    """Where events are posted as JSON.

    Attributes:
        url: the address, where it is no secret.
        url_from: the environment variable with the address, where whoever knows it may post.
        secret_from: the environment variable with the secret that signs; without it nothing is
            signed.
    """

    url: Annotated[str, AfterValidator(_checked)] | None = None
    url_from: _Variable | None = None
    secret_from: _Variable | None = None

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.url_from is None):
            raise ValueError(
                phrase("needs either url or url_from (an environment variable's name)")
            )
        return self

    def address(self) -> str:
        """Return where to post.

        Raises:
            PlanError: the environment does not say, or says no address; never what it says.
        """
        url = self.url or _environment(str(self.url_from), "webhook.url_from")
        try:
            return _checked(url)
        except ValueError as error:
            raise PlanError(
                "{url_from} (webhook.url_from in {file}) {why}",
                url_from=self.url_from,
                file=FILE,
                why=error.args[0],
            ) from None

    def secret(self) -> bytes | None:
        """Return the secret that signs, or None where nothing is signed.

        Raises:
            PlanError: the environment has none, although it is named.
        """
        if self.secret_from is None:
            return None
        return _environment(self.secret_from, "webhook.secret_from").encode(
            "utf-8", "surrogateescape"
        )

    def host(self) -> str:
        """Return what of the address may be shown: its host."""
        try:
            return _split(self.address()).hostname or ""
        except PlanError:
            return f"${self.url_from}"


class Mail(_Model):
    """Where mails are left as files (.eml) for a program that sends them."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    folder: _Text
    sender: Annotated[_Address, Field(alias="from")]
    to: Annotated[tuple[_Address, ...], Field(min_length=1)]


class Settings(_Model):
    """Who is told of what.

    Attributes:
        lang: language of what is told.
        about: which commands tell.
        quiet: outcomes that nobody needs to hear, such as CALM.
        webhook, comments, mail: where to; None is off. `comments` is a folder, from the workbook's
            root, with one Markdown file a kind and stage.
    """

    lang: Literal["en", "ko"] = "en"
    about: tuple[Literal["review", "watch", "decide", "rollback"], ...] = (
        "review",
        "watch",
        "decide",
        "rollback",
    )
    quiet: tuple[_Text, ...] = ()
    webhook: Webhook | None = None
    comments: _Text | None = None
    mail: Mail | None = None


def load_settings(root: Path) -> Settings:
    """Read params/notify.yaml; nobody is told where there is none.

    Raises:
        PlanError: it is wrong; the message names file, key and what is allowed.
    """
    path = root / FILE
    if not path.exists() and not path.is_symlink():
        return Settings()
    return load_model(path, Settings)


def _environment(name: str, key: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise PlanError(
            "{file}: {key} names {name}, which the environment does not have; set it",
            file=FILE,
            key=key,
            name=name,
        )
    return value
