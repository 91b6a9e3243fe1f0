"""Settings: environment variables `MINIZAPS_*`, or a `.env` file in the working folder."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from minizaps.errors import Problem, SettingsInvalid

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")
BROKERS = ("amqp://", "amqps://", "redis://", "rediss://")
LOOPBACK = ("127.0.0.0/8", "::1/128")


class Settings(BaseSettings):
    """Everything that an operator can set."""

    model_config = SettingsConfigDict(
        env_prefix="MINIZAPS_", env_file=".env", extra="ignore", frozen=True
    )

    data_dir: Path = Field(Path("data"), description="The folder of the database.")
    database_url: str = Field(
        "",
        description="`sqlite:///PATH`, or `postgresql://USER:PASSWORD@HOST/DATABASE` for any "
        "number of processes; if left out, `minizaps.db` in the data folder.",
    )
    connectors_dir: Path | None = Field(
        None,
        description="The folder of imported APIs, read at the start; if left out, `connectors` in "
        "the data folder.",
    )
    database_connections: int = Field(
        10, ge=2, le=1000, description="The most connections of a process to Postgres."
    )
    broker_url: str = Field(
        "",
        description="`amqp://...` (RabbitMQ) or `redis://...`: tells the workers which runs are "
        "ready; if left out, the database does.",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Encrypts credentials: 32 bytes in base64; of several, between commas, the "
        "first encrypts and all decrypt. If left out: the file `secret.key` in the data folder, "
        "made at the first start, on SQLite.",
    )
    secret_key_file: Path | None = Field(
        None, description="A file with the secret keys, one a line, in place of `SECRET_KEY`."
    )
    credential_env: Annotated[tuple[str, ...], NoDecode] = Field(
        ("CREDENTIAL_*",),
        description="Which environment variables credentials may refer to by `env:NAME`: names "
        "or patterns, comma-separated.",
    )
    credential_folders: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="Folders, comma-separated, whose files credentials may name: secrets by "
        "`file:/path`, and SQLite databases.",
    )
    host: str = Field("127.0.0.1", description="The address that the API listens on.")
    port: int = Field(8470, ge=0, le=65535, description="The port that the API listens on.")
    public_url: str = Field(
        "", description="How others reach the API, for hook URLs; else `http://HOST:PORT`."
    )
    concurrency: int = Field(500, ge=1, le=100_000, description="Runs in flight in a worker.")
    shutdown_grace: float = Field(
        10.0, ge=0, description="Seconds that attempts in flight may take to end at shutdown."
    )
    allow_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Private networks that steps may call, as CIDR, comma-separated. "
        "If left out: loopback while the API listens on loopback without a public URL, else none.",
    )
    max_body_bytes: int = Field(2**20, ge=1024, description="The largest request body.")
    max_output_bytes: int = Field(2**20, ge=1024, description="The largest output of a step.")
    max_response_bytes: int = Field(
        10 * 2**20, ge=1024, description="The most that is read of a response, decompressed."
    )
    max_events: int = Field(50_000, ge=100, description="The most events of one run.")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Where `minizaps worker` serves its metrics; 0: nowhere."
    )
    run_retention_days: float = Field(
        30, gt=0, description="Days that ended runs are kept, handled dead letters too."
    )
    dead_letter_retention_days: float = Field(
        90, gt=0, description="Days that open dead letters are kept."
    )
    idempotency_hours: float = Field(
        24, ge=24, description="Hours that idempotency keys are remembered."
    )
    log_format: Literal["text", "json"] = Field("text", description="How log lines are written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe log lines that are written."
    )

    @field_validator("allow_networks", "credential_env", "credential_folders", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("allow_networks")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network)
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: str) -> str:
        if value and not value.startswith((SQLITE, *POSTGRES)):
            raise ValueError("sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE")
        return value

    @field_validator("broker_url")
    @classmethod
    def _check_broker(cls, value: str) -> str:
        if value and not value.startswith(BROKERS):
            raise ValueError("amqp://, amqps://, redis:// or rediss://")
        return value

    @property
    def database(self) -> str:
        """The URL of the database."""
        return self.database_url or f"{SQLITE}{self.data_dir / 'minizaps.db'}"

    @property
    def database_path(self) -> Path | None:
        """The file of the embedded database; None on Postgres."""
        if not self.database.startswith(SQLITE):
            return None
        return Path(self.database.removeprefix(SQLITE))

    @property
    def connectors_folder(self) -> Path:
        """The folder of imported APIs."""
        return self.connectors_dir or self.data_dir / "connectors"

    @property
    def loopback(self) -> bool:
        """Whether the API listens on loopback only."""
        return self.host in ("127.0.0.1", "::1", "localhost")

    @property
    def networks(self) -> tuple[str, ...]:
        """The private networks that outgoing requests may reach."""
        if "allow_networks" in self.model_fields_set:
            return self.allow_networks
        return LOOPBACK if self.loopback and not self.public_url else ()

    @property
    def base_url(self) -> str:
        """The URL under which others reach the API."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


def shown(url: str) -> str:
    """A URL without the user and the password."""
    if url.startswith(SQLITE):
        return url
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsInvalid: with each wrong variable's name and what is wrong with it.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsInvalid(
            [
                Problem("MINIZAPS_" + str(e["loc"][0]).upper() if e["loc"] else "", e["msg"])
                for e in error.errors()
            ]
        ) from None
