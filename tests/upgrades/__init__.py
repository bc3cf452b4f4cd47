"""The template and the job of the version before alarms, roles and `newest_event` in the ledger.

What users may have deployed, so never to be changed: `test_upgrade.py` begins with it.
"""
