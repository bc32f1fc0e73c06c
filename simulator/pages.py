"""The pages of the simulated consent site: plain HTML in French, without scripts, images or external resources.

Takes text and returns HTML, every inserted value escaped. Contains no logic.
"""

from collections.abc import Iterable
from html import escape

from simulator.households import Household
from simulator.known_points import DEFAULT_USAGE_POINT

_STYLE = """
:root { color-scheme: light dark; --accent: #1423dc; --line: #8885; }
@media (prefers-color-scheme: dark) { :root { --accent: #9fb0ff; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
header { border-bottom: 4px solid var(--accent); margin-bottom: 1.5rem; }
h1 { font-size: 1.4rem; margin: 0.3rem 0; }
.note { border-left: 4px solid var(--line); padding-left: 0.8rem; }
fieldset { border: 1px solid var(--line); border-radius: 0.4rem; padding: 0.6rem 1rem; margin: 1rem 0; }
.choice { display: flex; gap: 0.6rem; align-items: baseline; padding: 0.25rem 0; }
code { font-family: ui-monospace, monospace; }
input[type=text] { font: inherit; padding: 0.4rem; width: 14rem; max-width: 100%; }
.actions { display: flex; flex-wrap: wrap; gap: 0.8rem; }
button { font: inherit; padding: 0.6rem 1.2rem; border: 2px solid var(--accent); border-radius: 0.4rem; }
button.yes { background: var(--accent); color: Canvas; font-weight: 600; }
button.no { background: transparent; color: inherit; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
"""


def consent_page(
    households: Iterable[Household], action: str, fields: dict[str, str], until: str, *, several: bool
) -> str:
    """The page on which a user selects one point, or `several`, and accepts or refuses. `fields` are submitted too."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    kind = "checkbox" if several else "radio"
    choices = "".join(_choice(household, kind) for household in households)
    return _page(
        "Partager mes données d'électricité",
        f"""
<p>Une application demande à accéder à vos données de consommation et de production d'électricité
jusqu'au <strong>{escape(until)}</strong>.</p>
<p class="note">Ceci est un simulateur : les foyers sont fictifs, rien n'est transmis à Enedis.</p>
<form method="post" action="{escape(action)}">{hidden}
<fieldset><legend>Quel point de livraison (PRM) partagez-vous ?</legend>{choices}
<div class="choice"><input type="{kind}" name="usage_point_id" value="" id="other">
<label for="other">Un autre, à 14 chiffres :</label>
<input type="text" name="other_usage_point_id" inputmode="numeric" maxlength="14" autocomplete="off"
 aria-label="Autre PRM, 14 chiffres"></div>
</fieldset>
<div class="actions">
<button class="yes" type="submit" name="decision" value="approve">J'accepte le partage</button>
<button class="no" type="submit" name="decision" value="refuse">Je refuse</button>
</div></form>""",
    )


def problem_page(title: str, explanation: str) -> str:
    """A final page: nothing is returned to the application."""
    return _page(title, f'<p role="alert">{escape(explanation)}</p>')


def _choice(household: Household, kind: str) -> str:
    identity = f"prm-{household.usage_point_id}"
    checked = " checked" if household.usage_point_id == DEFAULT_USAGE_POINT else ""
    return (
        f'<div class="choice"><input type="{kind}" name="usage_point_id" id="{identity}"'
        f' value="{household.usage_point_id}"{checked}>'
        f'<label for="{identity}"><code>{household.usage_point_id}</code> {escape(household.label)}</label></div>'
    )


def _page(title: str, content: str) -> str:
    return (
        f'<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>{escape(title)} (simulateur)</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><header><p>Simulateur Enedis</p><h1>{escape(title)}</h1></header>"
        f"<main>{content}</main></body></html>"
    )
