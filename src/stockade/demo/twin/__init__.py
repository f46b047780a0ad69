"""The same API, written after the guide's section 13 with stock parts: what Stockade is compared to.

Its configuration is meant to be fair. Beyond the guide's snippets it has what careful projects add: refresh tokens
rotate and are blacklisted after rotation, the throttles share one cache between all workers, passwords use Argon2 as
OWASP recommends, objects are guarded by the guide's own `IsOwner`, writing by its `IsEditor`. Nothing is left out or
weakened, and no Stockade code runs in it: only the table of articles and the seeds are shared.
"""
