"""What a batch will read, write and skip, decided before any work begins.

Where outputs go:

    colorize photo.jpg               photo.color.jpg, beside it
    colorize album                   album.color/…, the tree mirrored, names kept
    colorize photo.jpg -o new.png    new.png
    colorize photo.jpg -o out/       out/photo.jpg
    colorize album -o out            out/…, the tree mirrored
    colorize a.jpg album -o out      out/a.jpg and out/album/…; two folders of one name: error
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from colorcli.batch.inputs import Found, find, found_alone, places_of
from colorcli.batch.names import default_root, format_named, name_beside, name_for
from colorcli.batch.refusals import (
    STREAM,
    collisions,
    refuse_collisions,
    refuse_leaving,
    refuse_replacing_inputs,
    writes_over,
)
from colorcli.errors import UsageError
from colorcli.looks import is_folder, is_stream, is_too_long, why_unreadable
from colorcli.photo import FOREIGN, FORMATS, coloured_suffix, suffix_of
from colorcli.walk import EARLIER_OUTPUT, is_own_output, original_of, stem_of

OUTPUT_EXISTS = "the output exists already"

_STANDARD_OUTPUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""Its other names: symlinks, which a file must never replace."""


class Job(NamedTuple):
    """One photo of a plan.

    Attributes:
        source: the file to read, or `STREAM`.
        target: the file to write, or `STREAM`; None if nothing will be written.
        format: the format to write (a value of `FORMATS`); None: that of the source, once read.
        root: the folder the target must stay in, or None.
        found: whether it was found in a folder, rather than given by name.
        skip: why it is skipped, or None.
        error: why it cannot be done, or None.
        tip: the next step after an error, or None.
    """

    source: Path
    target: Path | None
    format: str | None = None
    root: Path | None = None
    found: bool = False
    skip: str | None = None
    error: str | None = None
    tip: str | None = None

    @property
    def is_work(self) -> bool:
        """Whether to read and colour the photo."""
        return self.skip is None and self.error is None


def make_plan(
    inputs: Sequence[str],
    *,
    output: str | None = None,
    format: str | None = None,  # noqa: A002
    force: bool = False,
    skip_existing: bool = False,
    clashes_fail: bool = False,
) -> tuple[Job, ...]:
    """Plans a batch. Looks at names and file status; opens and writes nothing.

    Args:
        inputs: files, folders (searched recursively, in sorted order), or `-` alone.
        output: a file, a folder (one that exists, ends in a slash, or receives several photos
            and has no photo's name), or `-`; None: beside the inputs.
        format: the format to write; None: by the name of the output, else that of the input.
        force: replace existing outputs.
        skip_existing: skip jobs whose output exists; one that is no file or is empty is an error.
        clashes_fail: photos that would be written to the same file fail and the others are
            planned, instead of a UsageError.

    Returns:
        The jobs in the order of `inputs`; those skipped or impossible give the reason.

    Raises:
        UsageError: an argument is invalid; or an output would be written twice, would replace an
            input or (without `force` and `skip_existing`) any other file, or would lie outside
            the output folder.
    """
    refuse_both(force=force, skip_existing=skip_existing)
    if "" in inputs or output == "":
        raise UsageError("an empty name is not a file")
    chosen = None if format is None else format_named(format)
    inputs = [_distinct(text) for text in inputs]
    output = "-" if output in _STANDARD_OUTPUT else output and _distinct(output)
    if "-" in inputs:
        jobs = [_stream_job(inputs, output, chosen)]
    else:
        jobs = list(_jobs(inputs, output, chosen))
    jobs = [_settle_name(job) for job in _leave_out_own_outputs(jobs)]
    if clashes_fail:
        jobs = _fail_clashes(jobs, format_given=chosen is not None)
    writers = _writers(jobs)
    refuse_collisions(writers, format_given=chosen is not None)
    refuse_replacing_inputs(writers)
    refuse_leaving({job.target.parent: job.root for job in jobs if job.target and job.root})
    return tuple(_settle_existing(jobs, force=force, skip_existing=skip_existing))


def refuse_both(*, force: bool, skip_existing: bool) -> None:
    """Existing outputs are either replaced or skipped.

    Raises:
        UsageError: both were asked for.
    """
    if force and skip_existing:
        raise UsageError("--force and --skip-existing contradict each other", tip="give one")


def refuse_name_of_photo(output: str) -> None:
    """Refuse a photo's name for an output folder that does not exist yet.

    Raises:
        UsageError: it has a photo's suffix.
    """
    if Path(output).suffix.lower() in FORMATS and not _names_folder(output):
        raise UsageError(
            f"-o {output}: names one photo, but there may be several",
            tip=f"{output}/ means a folder of that name",
        )


def _distinct(text: str) -> str:
    """`./-` and the like as an absolute path: `Path` would turn it into `-`, standard input."""
    return text if text == "-" or Path(text) != STREAM else str(Path.cwd() / STREAM)


def _writers(jobs: Sequence[Job]) -> dict[Path, Path]:
    return {job.source: job.target for job in jobs if job.is_work and job.target is not None}


def _fail_clashes(jobs: list[Job], *, format_given: bool) -> list[Job]:
    clashes = collisions(_writers(jobs), format_given=format_given)
    return [
        job._replace(target=None, error=str(error), tip=error.tip)
        if (error := clashes.get(job.source))
        else job
        for job in jobs
    ]


def _stream_job(inputs: Sequence[str], output: str | None, chosen: str | None) -> Job:
    if len(inputs) > 1:
        raise UsageError("- means one photo on standard input: give no other input")
    if output is None or output == "-":
        return Job(STREAM, STREAM, chosen)
    if _names_folder(output):
        raise UsageError(f"-o {output}: a photo from standard input needs a file name")
    return Job(STREAM, Path(output), _format_of_output(output, chosen))


def _jobs(inputs: Sequence[str], output: str | None, chosen: str | None) -> Iterator[Job]:
    paths = [Path(text) for text in inputs]
    folders = [path for path in paths if is_folder(path)]
    if output == "-":
        if len(paths) != 1 or folders:
            raise UsageError("-o - means one photo on standard output", tip="use -o FOLDER")
        yield _job(found_alone(paths[0]), STREAM, chosen)
        return
    if output is None:
        roots: dict[Path, Path] = {}
        for found in find(paths):
            if found.tree is None or found.inside is None:
                yield _job(found, name_beside(found.path, chosen), chosen)
                continue
            if found.tree not in roots:
                roots[found.tree] = default_root(found.tree)
            root = roots[found.tree]
            target = root / found.inside / name_for(found.path, chosen)[0]
            yield _job(found, target, chosen, root=root)
        return
    if len(paths) > 1 or folders or _names_folder(output):
        root = Path(output)
        if os.path.lexists(root) and not is_folder(root):
            raise UsageError(
                f"-o {output}: is a file, but the photos need a folder",
                tip="choose another name; a missing folder is created",
            )
        refuse_name_of_photo(output)
        for folder in folders:
            if is_folder(root) and root.samefile(folder):
                raise UsageError(f"-o {output}: the output folder is the input folder")
        # A single folder is mirrored directly into the output, several each under its own name.
        places = places_of(folders, root, alone=len(paths) == 1)
        for found in find(paths, root):
            name, form = name_for(found.path, chosen)
            place = root
            if found.tree is not None and found.inside is not None:
                place = places.get(found.tree, root) / found.inside
            yield _job(found, place / name, form, root=root)
        return
    alone = found_alone(paths[0])
    # If the photo cannot be read, its own error matters more than a bad output name.
    named = chosen if alone.error else _format_of_output(output, chosen)
    yield _job(alone, Path(output), named)


def _job(found: Found, target: Path, form: str | None, *, root: Path | None = None) -> Job:
    if target != STREAM and form is None:
        form = FORMATS.get(target.suffix.lower())
    aim = target if found.error is None and found.skip is None else None
    return Job(
        found.path,
        aim,
        form,
        root,
        found=found.tree is not None,
        skip=found.skip,
        error=found.error,
        tip=found.tip,
    )


def _names_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or is_folder(Path(output))


def _format_of_output(output: str, chosen: str | None) -> str | None:
    suffix = Path(output).suffix
    if coloured_suffix(suffix) != suffix:
        raise UsageError(
            f"-o {output}: {suffix} files cannot hold colours",
            tip=f"end the name in {coloured_suffix(suffix)}",
        )
    if suffix.lower() in FOREIGN:
        raise UsageError(
            f"-o {output}: {suffix} files cannot be written",
            tip="end the name in .png, for example",
        )
    named = FORMATS.get(suffix.lower())
    if chosen and named and chosen != named:
        raise UsageError(
            f"-o {output} and --format {chosen} contradict each other",
            tip=f"omit --format, or end the name in {suffix_of(chosen)}",
        )
    if chosen or named:
        return chosen or named
    if is_stream(Path(output)):
        return None  # `/dev/null` names no format: use the photo's own, as on standard output
    raise UsageError(
        f"-o {output}: the name does not say which format to write",
        tip=f"{output}/ means a folder, {output}.png a PNG; or give --format",
    )


def _leave_out_own_outputs(jobs: list[Job]) -> list[Job]:
    """Skips `a.color.jpg` given beside `a.jpg`: what a second `colorize *.jpg` would include."""

    def folder(job: Job) -> str:
        return os.path.dirname(os.path.abspath(job.source))  # noqa: PTH100, PTH120

    originals = {(folder(job), stem_of(job.source.name)) for job in jobs if not job.error}
    settled = []
    for job in jobs:
        name = job.source.name
        is_own = is_own_output(name) and job.is_work
        if is_own and (folder(job), original_of(name)) in originals:
            job = job._replace(target=None, skip=EARLIER_OUTPUT)
        settled.append(job)
    return settled


def _settle_name(job: Job) -> Job:
    target = job.target
    if not job.is_work or target is None or target == STREAM or not is_too_long(target):
        return job
    error = f"the name of its output is too long: {target.name}"
    return job._replace(target=None, error=error, tip="give a shorter name with -o")


def _settle_existing(jobs: list[Job], *, force: bool, skip_existing: bool) -> Iterator[Job]:
    there = [
        job for job in jobs if job.is_work and job.target is not None and writes_over(job.target)
    ]
    if there and not force and not skip_existing:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(
            f"{there[0].target}: the output exists already{others}",
            tip="--skip-existing does the others, --force replaces them"
            if len(jobs) > 1
            else "--force replaces it, -o writes another",
        )
    done = {job.source for job in there} if skip_existing else set()
    for job in jobs:
        if job.source not in done or not job.is_work or job.target is None:
            yield job
        elif (fault := _why_no_output(job.target)) is not None:
            yield job._replace(
                target=None,
                error=f"its output {job.target} exists but is not a photo: {fault}",
                tip="rename or remove it",
            )
        else:
            yield job._replace(skip=OUTPUT_EXISTS)


def _why_no_output(target: Path) -> str | None:
    """Why an existing output cannot be a finished one; None: it may be."""
    if (fault := why_unreadable(target)) is not None:
        return fault[0]
    return None if target.stat().st_size else "the file is empty"
