"""The command line: lazy commands, and errors turned into a message and an exit code."""

import contextlib
import errno
import importlib
import itertools
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, NamedTuple

import click

from imtrans.cli.session import Session
from imtrans.errors import ImtransError, ImtransWarning, Interrupted, PluginError, ResourceError, Terminated, printable
from imtrans.plugins.discovery import Selection

COMMANDS = {
    "run": "Train a recipe on a data set.",
    "resume": "Resume a run.",
    "rerun": "Train a run again from its folder.",
    "translate": "Translate pictures and films with a trained model.",
    "serve": "Try a trained model on a page; serve it to programs.",
    "inspect": "Show what a model's file is, without loading it.",
    "card": "Write a model's card: what it is, its figures, how to use it.",
    "push": "Put a trained model on the Hugging Face Hub.",
    "ensemble": "Make one model of several: the mean of their pictures.",
    "export": "Write a trained model as a file for other programs.",
    "import": "Import another program's weights, safely.",
    "evaluate": "Measure a trained model on its data.",
    "compare": "Show what differs between runs.",
    "bench": "Train several recipes on the same data and compare them.",
    "sweep": "Train a recipe with many values and find the best.",
    "submit": "Write a command as a job of a cluster.",
    "data": "Fetch, make and inspect data sets.",
    "plugins": "Show the plugins, check them, begin one of your own.",
    "list": "Show every component, recipe and data set.",
    "explain": "Say what a configuration key means.",
    "runs": "Show the runs of this folder, and remove some.",
    "watch": "Show the report of a run while it trains.",
    "completion": "Print the shell completion of bash, zsh or fish.",
}

# Where a command's file is not called as the command.
_MODULES = {
    "import": "import_weights",
    "data": "data.group",
    "plugins": "plugins.group",
    "sweep": "sweep.command",
    "submit": "cluster.submit",
    **{name: f"comparison.{name}" for name in ("compare", "bench")},
    **{name: f"model.{name}" for name in ("serve", "inspect", "card", "push", "ensemble")},
}
COMPLETION = "_IMTRANS_COMPLETE"  # set by the shell's completion function while it asks


class CommandLine(NamedTuple):
    """The arguments as they were given, and whether tracebacks are shown."""

    arguments: Sequence[str]
    is_debugging: bool


class Commands(click.Group):
    """Imports a command's file only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of this name, from its file. UsageError names the nearest one if there is none."""
        if cmd_name not in COMMANDS:
            from imtrans.cli.shared.mistakes import command_like

            raise click.UsageError(f"no command {cmd_name!r}{command_like(cmd_name, list(COMMANDS))}")
        module = _MODULES.get(cmd_name, cmd_name)
        command: click.Command = importlib.import_module(f"imtrans.cli.{module}").command
        if COMPLETION in os.environ:
            from imtrans.cli.shared import complete

            complete.attach(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the commands with their summaries; click's own method would import every file for them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _show_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        import imtrans

        click.echo(f"imtrans {imtrans.__version__}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, callback=_show_version, expose_value=False, is_eager=True, help="Show the version."
)
@click.option("-p", "--plugin", "files", multiple=True, metavar="FILE.py", help="Load a plugin from one file.")
@click.option("--no-plugins", is_flag=True, help="Load only what ships with imtrans.")
@click.pass_context
def cli(ctx: click.Context, files: tuple[str, ...], no_plugins: bool) -> None:
    """Image-to-image translation: train, translate, evaluate. --debug shows tracebacks; flags may stand anywhere."""
    line = ctx.obj or CommandLine((), False)
    selection = Selection.from_environment(others=not no_plugins, files=files)
    ctx.obj = Session(selection, is_debugging=line.is_debugging, arguments=line.arguments)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code."""
    plain, is_debugging = _globals_first(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a character the terminal lacks is shown as an escape
            stream.reconfigure(errors="backslashreplace")
    try:
        with _termination(), _warnings_in_words():
            code = _invoke(plain, is_debugging)
        if sys.stdout is not None:  # None: the caller closed it (>&-)
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader has gone (| head): nothing is wrong
        _silence_stdout()
        return 0
    except Terminated:
        click.echo("Terminated.", err=True)
        return 143
    except KeyboardInterrupt as stopped:
        click.echo(str(stopped) or "Interrupted.", err=True)
        return 130
    except Interrupted as stopped:  # as the user asked: no error
        click.echo(f"{stopped}", err=True)
        return stopped.exit_code
    except ImtransError as error:
        return _explain(error, is_debugging)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return _report_bug(error, is_debugging)
        _silence_stdout()
        full = ResourceError(f"{error.filename or 'standard output'}: {error.strerror}", hint="Make room for it.")
        return _explain(full, is_debugging)
    except Exception as error:  # noqa: BLE001 - the last resort: a bug, reported with the path of its traceback
        return _report_bug(error, is_debugging)


@contextlib.contextmanager
def _warnings_in_words() -> Iterator[None]:
    """Our own warnings as one line each, without the place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", ImtransWarning)
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, ImtransWarning):
                click.echo(f"Warning: {printable(str(message))}", err=True)
            else:
                shown(message, category, *place, **more)

        warnings.showwarning = show
        yield


@contextlib.contextmanager
def _termination() -> Iterator[None]:
    """SIGTERM as an exception, like Ctrl-C, so that `finally` blocks run. A handler of the host program stays."""
    # Python sets handlers in the main thread only.
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what the signal module calls
    raise Terminated


def _silence_stdout() -> None:
    """Send stdout to nowhere: the interpreter flushes at exit what could not be written, and would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _globals_first(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments with -p and --no-plugins before the command, wherever they were given; and whether --debug was."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    first, plain, words = list[str](), list[str](), iter(arguments[:end])
    for word in words:
        if word in ("-p", "--plugin"):
            first += [word, *itertools.islice(words, 1)]
        elif word == "--no-plugins" or word.startswith("--plugin="):
            first.append(word)
        elif word != "--debug":
            plain.append(word)
    is_debugging = "--debug" in arguments[:end] or os.environ.get("IMTRANS_DEBUG") == "1"
    return [*first, *plain, *arguments[end:]], is_debugging


def _invoke(arguments: list[str], is_debugging: bool) -> int:
    try:
        if COMPLETION in os.environ:
            from imtrans.cli.shared import complete

            return complete.answer(cli, COMPLETION)
        context = cli.make_context("imtrans", list(arguments), obj=CommandLine(arguments, is_debugging))
        with context:
            try:
                result: Any = cli.invoke(context)
            except Exception as error:
                if fault := _fault_of_plugin(error, context.obj):
                    raise fault from error
                raise
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.UsageError as error:
        usage = f"{error.ctx.command_path} --help" if error.ctx and error.ctx.parent else "imtrans --help"
        from imtrans.cli.shared.mistakes import explained

        click.echo(f"Error: {printable(explained(error))}\nSee: {usage}", err=True)
        return 2


def _fault_of_plugin(error: Exception, session: Any) -> PluginError | None:
    """A fault in the code of a plugin as an error that names it."""
    plugins = getattr(session, "discovered", None)
    if plugins is None or isinstance(error, ImtransError | click.ClickException | click.exceptions.Exit | OSError):
        return None
    from imtrans.plugins.blame import component_at_fault

    found = component_at_fault(error, plugins.records)
    if found is None:
        return None
    whole, kind = found
    words = str(error).strip().splitlines() or ["no message"]
    last = words[-1] if "Traceback" in str(error) else f"{type(error).__name__}: {words[0]}"
    check = f"; imtrans.testing.check_{kind} looks for such faults" if kind else ""
    return PluginError(f"{whole}: {last}", hint=f"{_kept_traceback(error)}{check}")


def _explain(error: ImtransError, is_debugging: bool) -> int:
    if is_debugging:
        traceback.print_exception(error)
    click.echo(f"Error: {error}", err=True)
    return error.exit_code


def _report_bug(error: Exception, is_debugging: bool) -> int:
    if is_debugging:
        traceback.print_exception(error)
    fault = " ".join(f"{type(error).__name__}: {error}".split())
    click.echo(f"Error: a fault in imtrans or a plugin: {printable(fault)}\n{_kept_traceback(error)}.", err=True)
    return 1


def _kept_traceback(error: Exception) -> str:
    """Where the traceback of an error is now, in words."""
    from imtrans.net.cache_dir import cache_dir

    try:
        path = cache_dir() / "error.log"
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except (ImtransError, OSError):
        return "Run it again with --debug for the traceback, and please report it"
    return f"The traceback is in {path}; please report it"
