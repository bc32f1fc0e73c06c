"""What can be chosen when a simulator is started: frozen settings, from arguments or `SIMULATOR_…` variables.

Nothing here is read by importing it; whoever composes the program builds one `SimulatorSettings` and passes it on.
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
    redirect_uri: str = Field(description="Where the consent page sends people back: registered, never passed.")

    per_second: int = Field(default=5, ge=1, description="Calls per API in any second; one more is refused.")
    per_hour: int = Field(default=1_000, ge=1, description="Calls per API of the 2026 generation in an hour.")
    per_hour_v5: int = Field(default=10_000, ge=1, description="Calls in an hour to all APIs of v5 together.")
    hour_window: HourWindow = Field(
        default="clock", description="`clock`: hours start at :00, as observed; `sliding`: any 3,600 seconds."
    )
    latency_seconds: float = Field(default=0.0, ge=0, description="Added to every answer of the data APIs.")
    publication_hour: int = Field(default=8, ge=0, le=23, description="Paris hour at which yesterday comes out.")
    token_ttl_seconds: int = Field(default=12_600, ge=1)
    services_delay_seconds: float = Field(
        default=0.0, ge=0, description="How long a fresh consent stays invisible to subscribed_services."
    )
    first_authorisation_id: int = Field(default=58_249, ge=1, description="Ids grow by one from here: guessable.")
    unsubscribed_apis: tuple[str, ...] = Field(
        default=(), description="APIs the application has not subscribed to: they answer 403 900908."
    )
    stopped_generations: tuple[Literal["2026", "v5"], ...] = Field(
        default=(), description="Generations that are not there any more, or not yet: their paths are unknown."
    )
    point_separator: PointSeparator = Field(
        default=";", description="Between the points that consent page v1 sends back: both have been seen."
    )
    sandbox: bool = Field(
        default=False,
        description="Behave as the sandbox: personas by the state's last character, shared from the start.",
    )
    tempo_publication_time: time = Field(
        default=time(6, 30), description="When RTE publishes the colour of tomorrow, in Paris."
    )
    ecowatt_pause_seconds: int = Field(
        default=900, ge=0, description="EcoWatt asked again sooner answers 429; 0: as often as one likes."
    )
    log_size: int = Field(default=20_000, ge=1, description="How many calls `/control/calls` remembers.")
    state_file: Path | None = Field(
        default=None, description="Where consents are kept between two runs; forgotten when unset."
    )
    now: AwareDatetime | None = Field(default=None, description="The simulated instant at the start.")
    frozen: bool = Field(default=False, description="Whether `now` stays where it is.")

    @classmethod
    def from_environment(cls) -> "SimulatorSettings":
        """The settings that the `SIMULATOR_…` variables describe.

        Raises:
            pydantic.ValidationError: a required variable is missing or a value is out of range.
        """
        return cls.model_validate({})
