"""Plays a receipt printer over ESC/POS bytes: an independent judge of what a till sends.

It is written from the command table and never imports an ESC/POS encoder: when both agree on a
receipt, that says something. What a shop's printer would not do, or what a till must not ask of it
(settings that outlive the job, muting), is an `Unknown` fact with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from device_gateway.adapters.virtual_printer import graphics
from device_gateway.adapters.virtual_printer.commands import Token, Tokenizer
from device_gateway.adapters.virtual_printer.layout import (
    ALIGNMENTS,
    LINE_SPACING,
    Format,
    Layout,
)
from device_gateway.adapters.virtual_printer.paper import (
    FONT_A,
    FONT_B,
    Asked,
    CodePage,
    Cut,
    Drawer,
    Fact,
    Image,
    Paper,
    Profile,
    Reset,
    Unknown,
)
from device_gateway.adapters.virtual_printer.status import (
    Sensors,
    identification,
    process_answer,
)
from device_gateway.adapters.virtual_printer.symbology import SymbolCommands

NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"

PULSE_UNIT_MS = 2
REAL_TIME_PULSE_UNIT_MS = 100

IGNORED = frozenset({"CR", "ESC R", "ESC U", "ESC r", "ESC =", "FS .", "FS C", "FS S", "FS !"})
"""Known and without effect on this paper: character sets of other countries, print direction."""

LASTING = {
    "ESC &": "defines characters that outlive the job",
    "FS p": "prints a picture from the printer's memory",
    "FS (": "changes what outlives the job",
    "GS *": "defines a picture that outlives the job",
    "GS g": "maintenance counters",
    "ESC c": "switches sensors or buttons",
}


class Interpreter:
    """One printer: formatting and the paper under its head live on from job to job.

    `answer` takes what the printer says to the host, `printed` each paper that was cut off
    (without rows where nothing was printed since the cut before).
    """

    def __init__(
        self,
        profile: Profile | None = None,
        *,
        sensors: Sensors | None = None,
        answer: Callable[[bytes], None] = lambda _: None,
        printed: Callable[[Paper], None] = lambda _: None,
    ) -> None:
        self.profile = profile or Profile()
        self.sensors = sensors or Sensors()
        self.answer = answer
        self.automatic_status = False
        self._printed = printed
        self._layout = Layout(self.profile)
        self._symbols = SymbolCommands(self._layout, self.profile)
        self._raw = b""
        self._muted = False

    @property
    def paper(self) -> Paper:
        """What hangs in the printer, not yet cut off."""
        return self._take(cut=False)

    def execute(self, token: Token) -> None:
        """Does one command. Never raises for any bytes: what is wrong becomes a fact."""
        self._raw += token.raw
        if self._muted and token.name != "ESC =":
            return
        if not (
            self._write(token)
            or self._format(token)
            or self._move(token)
            or self._talk(token)
            or self._draw(token)
        ):
            reason = LASTING.get(token.name, "no command of this printer")
            self._fact(Unknown(token.raw, reason))

    def reset(self) -> None:
        """Power off and on: the line in the buffer is lost, the paper stays."""
        self._layout.discard_line()
        self._layout.format = Format()
        self._symbols.reset()
        self._muted = False
        self.automatic_status = False

    def tear(self) -> Paper | None:
        """Somebody tears off what hangs out; None: nothing does."""
        self._layout.feed(0)
        if not self._layout.rows:
            return None
        paper = self._take(cut=False)
        self._clear()
        return paper

    def _fact(self, fact: Fact) -> None:
        self._layout.facts.append(fact)

    def _write(self, token: Token) -> bool:
        match token.name:
            case "text":
                self._text(token.raw)
            case "LF":
                self._layout.end_line()
            case "HT":
                self._layout.tab()
            case name if name in IGNORED and name != "ESC =":
                pass
            case "ESC t":
                self._code_page(token.arguments[0])
            case "ESC @":
                self.reset()
                self._fact(Reset())
            case "ESC =":
                self._muted = not token.arguments[0] & 1
                if self._muted:
                    self._fact(Unknown(token.raw, "mutes the printer"))
            case _:
                return False
        return True

    def _text(self, raw: bytes) -> None:
        codec = self.profile.code_pages.get(self._layout.format.code_page, "ascii")
        characters = _characters(codec)
        text = "".join(map(characters.__getitem__, raw))
        if NO_CHARACTER in text:
            for byte in raw:
                if characters[byte] == NO_CHARACTER:
                    self._fact(Unknown(bytes([byte]), f"no character in {codec}"))
        self._layout.write(text)

    def _code_page(self, number: int) -> None:
        self._layout.format.code_page = number
        name = self.profile.code_pages.get(number)
        self._fact(CodePage(number, name))
        if name is None:
            self._fact(Unknown(b"\x1bt" + bytes([number]), "the printer has no such code page"))

    def _format(self, token: Token) -> bool:
        form = self._layout.format
        number = token.arguments[0] if token.arguments else 0
        style = form.style
        match token.name:
            case "ESC !":
                style = replace(
                    style,
                    font=FONT_B if number & 0x01 else FONT_A,
                    bold=bool(number & 0x08),
                    height=2 if number & 0x10 else 1,
                    width=2 if number & 0x20 else 1,
                    underline=1 if number & 0x80 else 0,
                )
            case "ESC M":
                style = replace(style, font=FONT_B if number in (1, 49) else FONT_A)
            case "ESC E" | "ESC G":
                style = replace(style, bold=bool(number & 1))
            case "ESC -":
                style = replace(style, underline=number % 48 if number % 48 < 3 else 0)
            case "GS !":
                style = replace(style, width=(number >> 4 & 7) + 1, height=(number & 7) + 1)
            case "GS B":
                style = replace(style, reverse=bool(number & 1))
            case "ESC a":
                # At the beginning of a line only: a printer ignores it in the middle.
                if self._layout.at_line_start:
                    form.align = ALIGNMENTS.get(number, form.align)
            case "ESC {":
                form.upside_down = bool(number & 1)
            case "ESC SP" | "ESC  ":
                form.character_spacing = number
            case "GS b" | "ESC V":
                pass  # Smoothing and turned characters look the same on this paper.
            case _:
                return False
        form.style = style
        return True

    def _move(self, token: Token) -> bool:
        layout, form, arguments = self._layout, self._layout.format, token.arguments
        number = arguments[0] if arguments else 0
        match token.name:
            case "ESC d":
                layout.end_line()
                for _ in range(number - 1):
                    layout.end_line()
            case "ESC J":
                layout.feed(number)
            case "ESC 2":
                form.line_spacing = LINE_SPACING
            case "ESC 3":
                form.line_spacing = number
            case "ESC D":
                form.tabs = tuple(sorted(arguments.rstrip(b"\x00")))
            case "ESC $":
                layout.move_to(int.from_bytes(arguments, "little"))
            case "ESC \\":
                layout.move_by(int.from_bytes(arguments, "little", signed=True))
            case "GS L":
                form.left_margin = int.from_bytes(arguments, "little")
            case "GS W":
                form.area_width = int.from_bytes(arguments, "little")
            case "GS V":
                self._cut(arguments)
            case "ESC i" | "ESC m":
                self._cut(b"\x01")
            case _:
                return False
        return True

    def _cut(self, arguments: bytes) -> None:
        if len(arguments) == 2:
            self._layout.feed(arguments[1])
        self._layout.feed(0)
        self._fact(Cut(partial=arguments[0] in (1, 49, 66, 98, 104)))
        self._printed(self._take(cut=True))
        self._clear()

    def _talk(self, token: Token) -> bool:
        arguments = token.arguments
        match token.name:
            case "DLE EOT":
                self._asked(token.name, self.sensors.real_time(arguments[0]))
            case "GS r":
                self._asked(token.name, self.sensors.transmitted(arguments[0]))
            case "GS I":
                self._asked(token.name, identification(arguments[0]))
            case "GS a":
                self.automatic_status = arguments[0] != 0
                if self.automatic_status:
                    self._asked(token.name, self.sensors.automatic())
            case "GS (" if arguments[:1] == b"H" and arguments[3:5] == b"00":
                self._asked("GS ( H", process_answer(arguments[5:9]))
            case "ESC p":
                unit = PULSE_UNIT_MS
                self._fact(Drawer(_pin(arguments[0]), arguments[1] * unit, arguments[2] * unit))
            case "DLE DC4" if arguments[0] == 1:
                length = arguments[2] * REAL_TIME_PULSE_UNIT_MS
                self._fact(Drawer(_pin(arguments[1]), length, length))
            case _:
                return False
        return True

    def _asked(self, command: str, answer: bytes) -> None:
        self._fact(Asked(command))
        if answer:
            self.answer(answer)

    def _draw(self, token: Token) -> bool:
        arguments = token.arguments
        match token.name:
            case "GS v":
                width, height = _pair(arguments[2:6])
                scale = (2 if arguments[1] & 1 else 1, 2 if arguments[1] & 2 else 1)
                if arguments[:1] != b"0" or not width or not height:
                    return False
                raster = graphics.Raster(arguments[6:], width, height, scale)
                self._fact(Image(raster.width, raster.height))
                self._layout.block(raster, "[image]")
            case "ESC *":
                if arguments[0] not in (0, 1, 32, 33) or len(arguments) == 3:
                    return False
                self._layout.stripe(graphics.Columns(arguments[3:], mode=arguments[0]))
            case _:
                return self._symbols.execute(token)
        return True

    def _take(self, *, cut: bool) -> Paper:
        layout = self._layout
        return Paper(
            profile=self.profile,
            facts=tuple(layout.facts),
            lines=tuple(layout.lines),
            rows=tuple(layout.rows),
            raw=self._raw,
            cut=cut,
        )

    def _clear(self) -> None:
        self._layout.facts, self._layout.lines, self._layout.rows = [], [], []
        self._raw = b""


@lru_cache(maxsize=32)
def _characters(codec: str) -> tuple[str, ...]:
    """What each of the 256 bytes prints in a code page."""
    characters = []
    for byte in range(256):
        try:
            # 0x7F has a place in the tables of the codecs and none on paper.
            character = bytes([byte]).decode(codec) if byte != 0x7F else ""
        except UnicodeDecodeError:
            character = ""
        shown = character.isprintable() or character == "\N{NO-BREAK SPACE}"
        characters.append(character if character and shown else NO_CHARACTER)
    return tuple(characters)


def _pin(number: int) -> int:
    """The drawer connector's pin: 2 or 5."""
    return 5 if number in (1, 49) else 2


def _pair(four: bytes) -> tuple[int, int]:
    return int.from_bytes(four[:2], "little"), int.from_bytes(four[2:4], "little")


@dataclass(frozen=True, slots=True)
class Judged:
    """What bytes did to a printer."""

    papers: tuple[Paper, ...]
    """Cut papers, and as the last one what was printed but not cut."""
    facts: tuple[Fact, ...]
    """All, in order, also those of no paper (a drawer opened without printing)."""
    answers: bytes

    def of(self, *kinds: type[Fact]) -> tuple[Fact, ...]:
        """The facts of the given kinds, in order."""
        return tuple(fact for fact in self.facts if isinstance(fact, kinds))

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(line for paper in self.papers for line in paper.lines)


def judge(data: bytes, profile: Profile | None = None) -> Judged:
    """What a printer that is in order makes of `data`. Never raises for any bytes."""
    papers: list[Paper] = []
    answers: list[bytes] = []
    facts: list[Fact] = []

    def keep(paper: Paper) -> None:
        facts.extend(paper.facts)
        if paper.rows:
            papers.append(paper)

    interpreter = Interpreter(profile, answer=answers.append, printed=keep)
    tokenizer = Tokenizer()
    for token in tokenizer.feed(data):
        interpreter.execute(token)
    rest = tokenizer.unfinished
    hanging = interpreter.tear() or interpreter.paper
    facts.extend(hanging.facts)
    if hanging.rows:
        papers.append(hanging)
    if rest:
        facts.append(Unknown(rest, "a command without its end"))
    return Judged(tuple(papers), tuple(facts), b"".join(answers))
