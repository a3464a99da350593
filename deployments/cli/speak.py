"""f5-flows speak: turn a script into files on this machine."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from deployments.cli import after
from deployments.cli.console import Checks, notes, open_store, refuse, use_server_for_runs, writable, writing
from deployments.cli.destinations import Destination, choose_destination
from deployments.cli.documents import cast_and_format, read_cast, read_script
from deployments.cli.lexicon import lexicon_option
from deployments.cli.progress import bar
from deployments.cli.stored import check_stored
from deployments.cli.subtitles import idle_options, presentation, request_fields
from deployments.cli.terminal import echo
from deployments.cli.values import number, one_of
from speech.choices import AudioFormat, EngineName, Quality, SampleRate, TimingMethod

if TYPE_CHECKING:
    from deployments.local.warm import Identity
    from speech.request import SpeechRequest

__all__ = ["speak"]


@click.command()
@click.argument("text", required=False)
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    help="Read the script from a text, Markdown, EPUB, DOCX, PDF, ...",
)
@cast_and_format
@click.option("--voice", help="Name of a stored voice, or an https URL. Default: the packaged voice.")
@click.option("--ref-text", help="Transcript of the voice's recording. Default: as stored, else transcribed.")
@click.option("--engine", type=click.Choice(get_args(EngineName)), help="Default: ENGINE, else auto.")
@click.option("--speed", type=number("speed"), help="Pace.  [default: 1.0]")
@click.option("--quality", type=one_of(Quality), help="fast: a quarter of F5-TTS's steps.  [default: standard]")
@click.option("--seed", type=number("seed"), help="The same seed gives the same speech. Default: random, and printed.")
@click.option(
    "--reuse-takes", is_flag=True, default=None, help="Do not speak again what was spoken before in the same way."
)
@click.option("--language", help="ISO 639-1, such as en. Default: detected.")
@lexicon_option
@click.option(
    "--timing-method",
    type=one_of(TimingMethod),
    help="The aligner to try first.  [default: whisperx]",
)
@click.option(
    "--audio-format", type=one_of(AudioFormat), help="ogg holds Opus, m4a AAC.  [default: as --out ends, else wav]"
)
@click.option("--sample-rate", type=one_of(SampleRate), help="In hertz.  [default: 22050]")
@click.option("--name", help="Name of the job, for its run in Prefect and its files. Default: the script's.")
@click.option("--storage", help="A Prefect storage block, such as s3-bucket/prod. Default: the environment's.")
@click.option("--google", help="A Prefect block google-speech/NAME. Default: the environment's account.")
@click.option(
    "--out",
    type=click.Path(),
    help="The audio file, such as talk.mp3, with the others beside it (talk.srt, ...); or a folder. "
    "Default: this folder, and names after the script that are not taken yet.",
)
@click.option("--no-timings", is_flag=True, help="Write only the audio.")
@click.option("--open", "opens", is_flag=True, help="Open the preview page when done.")
@click.option("--play", "plays", is_flag=True, help="Play the audio when done.")
@click.option("--quiet", is_flag=True, help="Print the paths of the files and nothing else.")
@click.option("--cold", is_flag=True, help="Speak in this process, not in the warm one that stays for WARM_MINUTES.")
@click.option("--json", "as_json", is_flag=True, help="Print the reply as JSON, with the paths, and nothing else.")
@presentation()
def speak(
    text: str | None,
    file: Path | None,
    cast: Path | None,
    script_format: str | None,
    voice: str | None,
    engine: str | None,
    storage: str | None,
    google: str | None,
    out: str | None,
    no_timings: bool,
    opens: bool,
    plays: bool,
    quiet: bool,
    cold: bool,
    as_json: bool,
    formats: tuple[str, ...],
    **options: Any,
) -> None:
    """Speak TEXT (or --file PATH, or - for standard input) and write the files.

    \b
    f5-flows speak "Good morning." --out greeting.mp3
    f5-flows speak --file chapter.txt --speed 0.9 --preset bbc --out chapters/
    echo "Good morning." | f5-flows speak - --format srt --json
    """
    silent, checks, player = quiet or as_json, Checks(), None
    with checks.each():
        player = after.player() if plays else None
    with checks.each():
        if opens and no_timings:
            refuse("--open: there is no page without word times; leave out --no-timings.")
    target = _target(out, options, checks)
    runner = _Runner.choose(cold, storage)
    options |= {"voice": voice, "formats": formats, "no_timings": no_timings}
    request = _request(_Script(text, file, cast, script_format), options, target, storage, silent, checks)
    reply = runner.run({"request": request, "engine": engine, "storage": storage, "google": google}, silent)
    files = _keep(reply, request.name or (file.stem if file else request.title), target, storage)
    if as_json:
        echo(json.dumps(reply | {"files": [str(path.absolute()) for path in files]}, ensure_ascii=False, indent=1))
    elif quiet:
        echo("\n".join(map(str, files)))
    else:
        _print_reply(reply, files, asked=options["timing_method"])
    if opens:
        after.show(next(path for path in files if path.suffix == ".html"))
    if player:
        after.play(player, files[0])


def _target(out: str | None, options: dict[str, Any], checks: Checks) -> Destination:
    """Return the destination that --out names, after a check, and set the audio format that it asks for."""
    target = choose_destination(None, None)
    with checks.each():
        target = choose_destination(out, options["audio_format"])
        writable(target.folder)
    options["audio_format"] = target.audio_format or options["audio_format"]
    return target


@dataclass(frozen=True, slots=True)
class _Script:
    """What is given of the script, on the command line."""

    text: str | None
    file: Path | None
    cast: Path | None
    format: str | None

    def fields(self, silent: bool, checks: Checks) -> dict[str, Any]:
        """Return the fields of a request; of a script that cannot be read there is a word to check the others with."""
        fields: dict[str, Any] = {"text": "x"}
        with checks.each():
            fields["text"], fields["script_format"] = read_script(self.text, self.file, self.format, silent)
        with checks.each():
            fields["cast"] = read_cast(self.cast)
        return {name: value for name, value in fields.items() if value is not None and value != {}}


def _request(
    script: _Script, options: dict[str, Any], target: Destination, storage: str | None, silent: bool, checks: Checks
) -> SpeechRequest:
    """Return the request; all that is wrong with it, and with what it names in the store, is reported at once."""
    from speech.request import SpeechRequest

    voice, formats, no_timings = (options.pop(name) for name in ("voice", "formats", "no_timings"))
    fields = request_fields(options, formats) | {"return_word_timings": not no_timings} | script.fields(silent, checks)
    if voice:
        fields["local_voice"] = voice
    request = None
    with checks.each():
        request = SpeechRequest.parse(fields)
        target.guard(script.file, [request.audio_format, *request.formats, "html"])
    with checks.each():
        if no_timings and formats:
            refuse("--format: there are no subtitles without word times; leave out --no-timings.")
    with checks.each():
        if options["ref_text"] and not voice:
            refuse("--ref-text: it is the transcript of a recording; name that with --voice.")
    check_stored({None: voice} | fields.get("cast", {}), fields.get("lexicon"), storage, checks)
    checks.finish()
    assert request
    if no_timings and not silent and (idle := idle_options(options)):
        echo(f"Note: {', '.join(idle)}: without word times there are no subtitles to shape.", err=True)
    return request


@dataclass(frozen=True, slots=True)
class _Runner:
    """Where the flow runs. It is chosen before a block is looked up, which points this process at a server.

    Attributes:
        warm: the identity of the warm process that runs it; None: this process.
        remote: the Prefect server, if it is not the local one.
    """

    warm: Identity | None
    remote: str | None

    @classmethod
    def choose(cls, cold: bool, storage: str | None) -> _Runner:
        from deployments.local import warm
        from speech.settings import settings

        values = settings()
        # The path in such a block may be relative, and a warm process is in another folder.
        is_here = (storage or values.storage_block or "").startswith("local-file-system/")
        is_warm = values.warm_minutes and not cold and not is_here
        return cls(warm.identify() if is_warm else None, values.prefect_api_url)

    def run(self, parameters: dict[str, Any], silent: bool) -> dict[str, Any]:
        """Run the flow, and return its reply."""
        if self.warm:
            from deployments.local import warm

            stored = parameters | {"request": parameters["request"].model_dump(mode="json", exclude_unset=True)}
            with suppress(warm.Unavailable), bar(silent) as on_progress:
                return warm.perform(self.warm, stored, on_progress, notes(silent))
        return self._run_here(parameters, silent)

    def _run_here(self, parameters: dict[str, Any], silent: bool) -> dict[str, Any]:
        import threading

        from deployments.local import warm

        warm.release()
        if parameters["request"].language is None:
            # The model that detects languages takes 0.7 s to unpack; that is done while Prefect is imported.
            threading.Thread(target=_unpack, args=(parameters["request"].text,), daemon=True).start()
        use_server_for_runs(notes(silent))
        with bar(silent) as on_progress:
            from deployments.local.run import perform

            return perform(parameters, on_progress, remote=self.remote)


def _unpack(text: str) -> None:
    """Load the model that detects languages; the run needs it too, and reports the error if it fails."""
    from speech.language import detect

    with suppress(Exception):
        detect(text)


def _keep(reply: dict[str, Any], name: str, target: Destination, storage: str | None) -> list[Path]:
    """Copy the files of a job from the store, and return their paths, the audio first."""
    from speech.naming import slug
    from speech.outputs import key
    from speech.records import kinds

    store, job = open_store(storage), reply["job_id"]
    with writing(target.folder, f"The files of job {job} are kept in the store: f5-flows result {job}"):
        return target.keep(slug(name), kinds(reply), lambda kind, path: store.get(key(job, kind), path))


def _print_reply(reply: dict[str, Any], files: list[Path], asked: str | None) -> None:
    """Print a short summary of what was made.

    Args:
        asked: the aligner requested by name; if it did not time the words, the reason is printed.
    """
    heading = click.style("Done", fg="green", bold=True)
    echo(f"{heading}: {reply['duration']:.2f} s of speech, seed {reply['seed']}, job {reply['job_id']}")
    if "timing_method" in reply:
        confidence = reply["timing_confidence"]
        echo(f"Timed {reply['word_count']} words with {reply['timing_method']}, confidence {confidence:.2f}")
    for note in _notes(reply, asked):
        echo(f"Note: {note}")
    for path in files:
        echo(f"  {path}")


def _notes(reply: dict[str, Any], asked: str | None) -> list[str]:
    """Return the warnings of a reply, with those that `doctor` explains merged into one sentence."""
    from speech.alignment.chain import CHAIN
    from speech.notes import DEMO, declined

    indices: dict[str, int] = reply.get("warning_kinds", {})
    stepped = {indices[kind] for name in CHAIN if name != asked and (kind := declined(name)) in indices}
    causes = [
        *(["the demo voice spoke"] if DEMO in indices else []),
        *([f"the {reply['timing_method']} aligner timed the words"] if stepped and "timing_method" in reply else []),
    ]
    if not causes:
        return list(reply["warnings"])
    folded = stepped | {indices[DEMO]} if DEMO in indices else stepped
    warnings = [warning for index, warning in enumerate(reply["warnings"]) if index not in folded]
    message = " and ".join(causes)
    return [f"{message[0].upper()}{message[1:]}; f5-flows doctor shows what better ones need.", *warnings]
