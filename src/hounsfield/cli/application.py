"""The command and its verbs."""

from typing import Annotated

import typer

from hounsfield import __version__
from hounsfield.cli import (
    analyse,
    audit,
    check,
    compare,
    convert,
    crossvalidate,
    data,
    demo,
    evaluate,
    features,
    generate,
    index,
    info,
    keeping,
    maps,
    models,
    plan,
    prepare,
    pretrain,
    quarantine,
    radiomics,
    segment,
    serve,
    similar,
    synthesise,
    train,
    tune,
    user,
)

HELP = """Medical images from a folder of scans to a finding a doctor can check.

Research software, not a medical device: every result needs a doctor's eyes.

Exit codes: 0 ok, 1 run error, 2 usage, 3 refused input, 4 partial."""


def build() -> typer.Typer:
    """Return the application with one command per verb."""
    application = typer.Typer(
        help=HELP,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    application.callback(invoke_without_command=True)(_root)
    on_images = (
        analyse.analyse,
        check.check,
        convert.convert,
        index.index,
        prepare.prepare,
        radiomics.radiomics,
        segment.segment,
        similar.similar,
        maps.maps,
    )
    for verb in (
        *on_images,
        data.data,
        plan.plan,
        train.train,
        crossvalidate.crossvalidate,
        pretrain.pretrain,
        tune.tune,
        synthesise.synthesise,
        generate.generate,
        features.features,
        evaluate.evaluate,
        compare.compare,
        models.models,
        serve.serve,
        keeping.verify,
        keeping.backup,
        keeping.restore,
        quarantine.quarantine,
        user.user,
        audit.audit,
        info.info,
        demo.demo,
    ):
        application.command()(verb)
    return application


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit
