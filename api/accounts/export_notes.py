"""The README of an export: a description of each file, in English and in French."""

README = """\
CONTENTS. All data that this gateway stores about your account. It is NOT encrypted: protect it like your API key.

account.json        the account and its API keys (without the secret keys)
consents.json       the consents, with their dates and their status
audit.json          the audit log of the account, newest first
usage_points.json   the meters, their labels, and the provider's information about them
jobs.json           recent jobs and their results
events.json         recent events
webhooks.json       the webhooks and their recent deliveries (without the signing secrets)
readings/METER/DATASET.json, .csv
                    all stored values. start: start of the interval, with the UTC offset of Paris; step: its length
                    (ISO 8601); value: in the unit of the dataset; at: the time of a peak; registers: of an index.
                    windows (JSON only): the time of each fetch, and the missing days with their reason.
                    "unreadable": true marks stored data that cannot be decrypted with your key.
records/METER/DATASET.json
                    contract, address, identity, contact, as received from the provider
Daily values that the gateway derives from the load curve are not stored; they are the sums of the curve.

CONTENU. Toutes les données que cette passerelle conserve sur votre compte. Cette archive n'est PAS chiffrée :
protégez-la comme votre clé d'API.

account.json        le compte et ses clés d'API (sans les clés secrètes)
consents.json       les consentements, avec leurs dates et leur état
audit.json          le journal d'audit du compte, du plus récent au plus ancien
usage_points.json   les compteurs, leurs libellés et les informations reçues du fournisseur
jobs.json           les tâches récentes et leurs résultats
events.json         les événements récents
webhooks.json       les webhooks et leurs envois récents (sans les secrets de signature)
readings/COMPTEUR/DONNÉES.json, .csv
                    toutes les valeurs enregistrées. start : début de l'intervalle, avec le décalage horaire de Paris ;
                    step : sa durée (ISO 8601) ; value : dans l'unité du jeu de données ; at : l'heure d'une pointe ;
                    registers : les registres d'un index. windows (JSON seulement) : la date de chaque récupération, et
                    les jours manquants avec leur motif. "unreadable": true signale des données enregistrées qui ne
                    peuvent pas être déchiffrées avec votre clé.
records/COMPTEUR/DONNÉES.json
                    contrat, adresse, identité, contact, tels que reçus du fournisseur
Les valeurs journalières calculées par la passerelle à partir de la courbe de charge ne sont pas enregistrées : elles
sont les sommes de la courbe.
"""
