"""Drafts: kept while their forms are open, and given back to their members alone."""

from msgspec.structs import replace

from bot.domain.drafts import Draft, problems_of
from bot.domain.text import text
from bot.errors import Refused
from bot.services.common.ports import Storage


class Drafts:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def keep(self, draft: Draft) -> None:
        await self._storage.write(lambda work: work.drafts.put(draft))

    async def keep_refused(self, refusal: Refused, draft: Draft) -> None:
        """Let the member fix `draft`, which was refused for these reasons, if a form can help."""
        if refusal.can_be_fixed:
            refusal.draft = replace(draft, problems=problems_of(refusal.sentences, refusal.options))
            await self.keep(refusal.draft)

    async def of(self, member_id: int, draft_id: str) -> Draft:
        """The member's draft.

        Raises:
            Refused: it is gone, or someone else's.
        """
        draft = await self._storage.reading.drafts.get(draft_id)
        if draft is None:
            raise Refused([text("I no longer have what was in this form. Please start again.")], rules=["draft_gone"])
        if draft.member_id != member_id:
            raise Refused([text("This is someone else's form.")], rules=["draft_of_another"])
        return draft
