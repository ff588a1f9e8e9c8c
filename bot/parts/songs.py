"""How members find songs again: families, the library, presets."""

from bot.chat.result.copies import PostedCopies
from bot.chat.song.sight import Sight
from bot.parts.ground import Ground
from bot.parts.part import Part
from bot.parts.pipeline import Pipeline
from bot.services.songs.families import Families
from bot.services.songs.family_pictures import FamilyPictures
from bot.services.songs.library import Library
from cogs.library import LibraryCog
from cogs.songs import SongsCog


def songs_part(ground: Ground, pipeline: Pipeline) -> Part:
    client, resend = ground.client, pipeline.resend
    library = Library(ground.storage, resend, PostedCopies(client), ground.clock)
    pictures = FamilyPictures(ground.audio, folder=ground.folder)
    return Part(
        cogs=(
            SongsCog(client, Families(ground.storage), pictures, Sight(client)),
            LibraryCog(client, library, resend),
        )
    )
