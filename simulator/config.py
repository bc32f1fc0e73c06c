"""The startup settings of a simulator: frozen, from arguments or `SIMULATOR_…` variables.

Importing this module reads nothing; the application setup creates one `SimulatorSettings` and passes it on.
"""

from datetime import time
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

HourWindow = Literal["clock", "sliding"]
PointSeparator = Literal[";", ","]


class SimulatorSettings(BaseSettings):
    """Settings of one simulated Enedis. `SimulatorSettings.from_environment()` reads them from the environment."""

    model_config = SettingsConfigDict(env_prefix="SIMULATOR_", frozen=True, extra="ignore")

    client_id: str = Field(min_length=1, description="The application's identifier, as given by DataHub.")
    client_secret: SecretStr = Field(description="The application's secret.")
    redirect_uri: str = Field(description="Redirect URI of the consent page: registered, never a parameter.")

    per_second: int = Field(default=5, ge=1, description="Calls per API in any second; further calls are refused.")
    per_hour: int = Field(default=1_000, ge=1, description="Calls per API of the 2026 generation per hour.")
    per_hour_v5: int = Field(default=10_000, ge=1, description="Calls per hour to all v5 APIs together.")
    hour_window: HourWindow = Field(
        default="clock", description="`clock`: hours start at :00, as observed; `sliding`: any 3,600 seconds."
    )
    latency_seconds: float = Field(default=0.0, ge=0, description="Added to every response of the data APIs.")
    publication_hour: int = Field(default=8, ge=0, le=23, description="Paris hour of publication of yesterday's data.")
    token_ttl_seconds: int = Field(default=12_600, ge=1)
    services_delay_seconds: float = Field(
        default=0.0, ge=0, description="How long a fresh consent stays invisible to subscribed_services."
    )
    first_authorisation_id: int = Field(default=58_249, ge=1, description="Ids increase by one from here: guessable.")
    unsubscribed_apis: tuple[str, ...] = Field(
        default=(), description="APIs the application has not subscribed to: they return 403 900908."
    )
    stopped_generations: tuple[Literal["2026", "v5"], ...] = Field(
        default=(), description="Generations that are retired, or not available yet: their paths are unknown."
    )
    point_separator: PointSeparator = Field(
        default=";", description="Separator of the points that consent page v1 returns: both have been observed."
    )
    sandbox: bool = Field(
        default=False,
        description="Behave as the sandbox: personas by the state's last character, shared from the start.",
    )
    tempo_publication_time: time = Field(
        default=time(6, 30), description="Paris time at which RTE publishes tomorrow's colour."
    )
    ecowatt_pause_seconds: int = Field(
        default=900, ge=0, description="Earlier repeated EcoWatt calls return 429; 0: no limit."
    )
    log_size: int = Field(default=20_000, ge=1, description="The number of calls that `/control/calls` keeps.")
    state_file: Path | None = Field(
        default=None, description="File that stores consents between runs; not stored when unset."
    )
    now: AwareDatetime | None = Field(default=None, description="The simulated instant at the start.")
    frozen: bool = Field(default=False, description="Whether `now` does not advance.")

    @classmethod
    def from_environment(cls) -> "SimulatorSettings":
        """The settings from the `SIMULATOR_…` variables.

        Raises:
            pydantic.ValidationError: a required variable is missing or a value is out of range.
        """
        return cls.model_validate({})
