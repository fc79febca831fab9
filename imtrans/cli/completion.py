"""imtrans completion"""

import click

from imtrans.cli.session import Session


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(session: Session, shell: str) -> None:  # noqa: ARG001 - every command gets the session
    """Print what makes SHELL complete commands, options, recipes, data sets, runs and keys.

    \b
    bash: add to ~/.bashrc: eval "$(imtrans completion bash)"
    zsh:  add to ~/.zshrc, below compinit: eval "$(imtrans completion zsh)"
    fish: imtrans completion fish > ~/.config/fish/completions/imtrans.fish
    """
    from click.shell_completion import get_completion_class

    from imtrans.cli.main import COMPLETION, cli

    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(cli, {}, "imtrans", COMPLETION)
    # Not `made.source()`: for bash that starts a bash to look at its version.
    script = made.source_template % made.source_vars()
    # After "key=" comes its value, without a space; elsewhere this line stands nowhere.
    click.echo(
        script.replace("    return 0\n", "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n    return 0\n")
    )
