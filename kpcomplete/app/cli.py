"""The command ``kpcomplete``: answers at once, and loads a command only when it runs."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.resources import files
from pathlib import Path

PATHS = ("source", "source.path", "output_dir")  # settings that are a user's paths

#: Options of Hydra that take no value.
_SWITCHES = (
    "-h",
    "--help",
    "--hydra-help",
    "--version",
    "--resolve",
    "-m",
    "--multirun",
    "-r",
    "--run",
)

COMMANDS = {
    "demo": "run the whole pipeline on the bundled sample clip, and compare with its truth",
    "process": "find and complete the people of videos: process source=drive.mp4",
    "live": "watch a camera: live source=0, or a video: live source=drive.mp4 pace=true",
    "view": "look at results in 3D: view out/drive.parquet (a window; format=mp4: a video)",
    "export-model": "write completer, lifter or head as ONNX: export-model output_dir=exported",
    "export": "write results in other formats: export source=out/drive.parquet exporter=trc",
    "evaluate": "hide joints on purpose, and measure how well they are completed",
    "adapt": "fine-tune the completer on your own recordings: adapt source=my_videos/",
    "train": "train or fit the models: train experiment=completer",
    "simulate": "make training material: seated bodies in 3D (needs kpcomplete[cabin])",
    "stage": "make material for the gate: drawn drives that the detector has looked at",
    "calibrate": "find a camera's intrinsics from pictures of a board",
    "anomaly": "flag unusual stretches: anomaly recordings=out/*.parquet normal=normal/*.parquet",
    "label": "propose stretches of recordings and ask for their class: label recordings=out",
    "explore": "what an encoder knows: clusters, maps, poses between and drawn: explore data=sktdd",
    "licences": "list all packages that are needed, and their licences",
    "info": "show versions, weights, devices, and what is missing",
}

USAGE = """\
usage: kpcomplete COMMAND [key=value ...]

Finds the people in car cabin videos and completes the joints that a camera cannot see.

{commands}

Every setting is a key=value. 'kpcomplete COMMAND --help' lists a command's settings with their
defaults; 'kpcomplete COMMAND --cfg job' prints what would run. '--trust PACKAGE' lets configs of
yours name classes of a package of yours."""


def main() -> None:
    """Run the command that the first argument names."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        lines = (f"  {name:<{width}}  {text}" for name, text in COMMANDS.items())
        print(USAGE.format(commands="\n".join(lines)))
        return
    if arguments[0] in ("-V", "--version"):
        from kpcomplete import __version__

        print(__version__)
        return
    run(*arguments)


def run(name: str, *arguments: str) -> None:
    """Run one command with its arguments.

    ``--trust PACKAGE`` lets configs name classes of a package beside this one; it stands on the
    command line because a config cannot vouch for itself.
    """
    if name not in COMMANDS:
        sys.exit(f"kpcomplete: no command {name!r}; there are {', '.join(COMMANDS)}")
    rest, trusted = list(arguments), os.environ.get("KPCOMPLETE_TRUST", "")
    while "--trust" in rest[:-1]:
        place = rest.index("--trust")
        trusted = ",".join(filter(None, [trusted, rest[place + 1]]))
        del rest[place : place + 2]
    os.environ["KPCOMPLETE_TRUST"] = trusted
    sys.argv = [f"kpcomplete {name}", *map(spell_out, name_paths(rest))]
    import_module(f"kpcomplete.app.{name.replace('-', '_')}").main()


def name_paths(arguments: Sequence[str]) -> list[str]:
    """Return arguments with paths that stand alone as one ``source=``, as if it had been written.

    Example:
        >>> name_paths(["a.parquet", "seed=1"]), name_paths(["a", "b"])
        (['source=a.parquet', 'seed=1'], ["source.path=['a','b']"])
    """
    rest: list[str] = []
    paths: list[str] = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        is_value = before[:1] == "-" and "=" not in before and before not in _SWITCHES
        plain = argument[:1] not in ("-", "~", "+", "") and "=" not in argument
        (paths if plain and not is_value else rest).append(argument)
    if len(paths) > 1:
        quoted = ("'" + path.replace("'", r"\'") + "'" for path in paths)
        return [f"source.path=[{','.join(quoted)}]", *rest]
    return [*(f"source={path}" for path in paths), *rest]


def spell_out(argument: str) -> str:
    """Return an argument as Hydra wants it, so that any path can be given as it is.

    ``source=PATH`` is short for ``source.path=PATH``, unless PATH names one of ``conf/source``;
    ``gate=null`` switches the gate off, as ``gate=none`` does, and ``lifter=null`` the lifter;
    ``sink=[A, B]`` is short for ``into=[A, B]``.

    Example:
        >>> spell_out("source=my drive (1).mp4"), spell_out("source=synthetic")
        ("source.path='my drive (1).mp4'", 'source=synthetic')
    """
    if argument == "gate=null":  # Hydra wants a choice to be the name of a file
        return "gate=none"
    if argument == "lifter=null":
        return "~lifter"
    key, equals, value = argument.partition("=")
    if key == "sink" and value[:1] == "[":  # in live; Hydra takes it for choices of conf/sink
        return f"into={value}"
    if not equals or key not in PATHS:
        return argument
    if key == "source":
        if (files("kpcomplete.conf") / "source" / f"{value}.yaml").is_file():
            return argument
        key = "source.path"
    plain = value[:1] not in ("'", '"') and (value[:1] != "[" or Path(value).exists())
    if plain and value not in ("", "null"):
        value = "'" + value.replace("'", r"\'") + "'"
    return f"{key}={value}"


if __name__ == "__main__":
    main()
