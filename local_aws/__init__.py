"""An AWS that runs inside this repository: moto, extended until everything really executes."""
