"""The sandbox as a chat page: a skin over the stand-in's user side, served on 127.0.0.1.

The stand-in does all the work and keeps all its checks. docs/sandbox-page.md says what the page shows.
"""
