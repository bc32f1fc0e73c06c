"""How fast it is, measured: `python -m bench`. Tests assert nothing about speed; here it is written down."""
