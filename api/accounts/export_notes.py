"""What stands in an export's README: what each file is, in English and in French."""

README = """\
WHAT THIS IS. Everything that this gateway holds about your account. It is NOT encrypted: keep it as you keep your key.

account.json        the account, its API keys (without the keys themselves)
consents.json       what was allowed, when, until when, what became of it
audit.json          who did what to the account, newest first
usage_points.json   the meters, what they are called, what the provider said of them
jobs.json           what was asked for lately, and how it went
events.json         what listeners were told lately
webhooks.json       where other programs are told, and what was sent to them lately (without the secrets that sign)
readings/METER/DATASET.json, .csv
                    every stored value. start: beginning of the interval, with the offset of Paris; step: its length
                    (ISO 8601); value: in the unit of the dataset; at: the moment of a peak; registers: of an index.
                    windows (JSON only): what was asked for when, and what is missing why. "unreadable": true marks what
                    is stored but does not open with your key.
records/METER/DATASET.json
                    contract, address, identity, contact, as the provider gave them
Daily values that the gateway derives from the load curve are not stored; they are the sums of the curve.

CE QUE C'EST. Tout ce que cette passerelle détient sur votre compte. Ce fichier n'est PAS chiffré : gardez-le comme
votre clé.

account.json        le compte et ses clés d'API (sans les clés elles-mêmes)
consents.json       ce qui a été autorisé, quand, jusqu'à quand, et ce qu'il en est advenu
audit.json          qui a fait quoi sur le compte, du plus récent au plus ancien
usage_points.json   les compteurs, leurs noms, ce que le fournisseur en a dit
jobs.json           ce qui a été demandé récemment, et avec quel résultat
events.json         ce qui a été annoncé récemment
webhooks.json       où d'autres programmes sont prévenus, et ce qui leur a été envoyé récemment (sans les secrets qui
                    signent)
readings/COMPTEUR/DONNÉES.json, .csv
                    toutes les valeurs enregistrées. start : début de l'intervalle, avec le décalage de Paris ;
                    step : sa durée (ISO 8601) ; value : dans l'unité des données ; at : l'instant d'une pointe ;
                    registers : d'un index. windows (JSON seulement) : ce qui a été demandé quand, et ce qui
                    manque, pourquoi. "unreadable": true signale ce qui est enregistré mais ne s'ouvre pas avec
                    votre clé.
records/COMPTEUR/DONNÉES.json
                    contrat, adresse, identité, contact, tels que le fournisseur les a donnés
Les valeurs journalières que la passerelle déduit de la courbe de charge ne sont pas enregistrées : ce sont ses sommes.
"""
