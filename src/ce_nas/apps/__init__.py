"""The applications on top of the package: nothing else imports them.

- cli: the command ``ce-nas``
- dashboard: runs in the browser
- pilot: a decision paper for a team's own figures
"""
