"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colorcli.errors import ColorizeError, UsageError
from colorcli.interruption import interruptible
from colorcli.memory import keep_freed_memory
from colorcli.training.augmentation import Views, centre_views, random_views
from colorcli.training.building import (
    build_network,
    build_objective,
    restore,
    side_of_views,
    weights_are_given,
)
from colorcli.training.config import TrainConfig
from colorcli.training.degradation import degrade
from colorcli.training.emulsion import exposed
from colorcli.training.membership import Membership
from colorcli.training.networks import Colorizing
from colorcli.training.objectives import Rebalanced, bin_shares, get_objective, on_grid
from colorcli.training.optimization import build_optimizer, schedule
from colorcli.training.probe import Probe
from colorcli.training.progress import Mean, Progress
from colorcli.training.rehearsal import refuse_settings
from colorcli.training.run import Run
from colorcli.training.scenes import scene_loss, scene_names, scene_targets
from colorcli.training.sheet import plot_log
from colorcli.training.snapshots import Snapshots
from colorcli.training.store import PhotoStore
from colorcli.training.validation import Validation, accuracy
from colorcli.training.views import embed_photos, training_inputs
from colorcli.training.warm_start import fingerprint, start_from

CHECKPOINT_SECONDS = 300.0
CALIBRATION = 512
"""Photos for measuring the normalisation statistics of adopted weights."""

LOOK_EVERY = 16
"""Steps between reads of the loss from a GPU."""

ACCURACY_EVERY = 8
"""Steps between measurements of the training accuracy, which take some time."""


class Trainer:
    """A run in progress.

    Args:
        config: the settings.
        run: the folder to write to.
        photos: the training photos, on the device.
        validation: the validation photos, on the device.
        device: `cpu` or `cuda`.
        bf16: compute in bfloat16 where autocast allows.
        compile_network: compile the network (`torch.compile`).
        resume: continue from the run's checkpoint.
        init: a run or a model whose weights to start from.
        membership: which photos these are, saved with the run.

    Raises:
        UsageError: settings are invalid, weights or the checkpoint are missing or do not fit, or
            there are fewer than two training photos.
        ModelError: there is no such model to start from.
    """

    def __init__(
        self,
        config: TrainConfig,
        run: Run,
        photos: PhotoStore,
        validation: PhotoStore,
        *,
        device: torch.device,
        bf16: bool,
        compile_network: bool = False,
        resume: bool = False,
        init: str | None = None,
        membership: Membership | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        if device.type == "cpu":
            keep_freed_memory(block=1 << 30, total=(1 << 31) - 1)
        self.config, self.run = config, run
        self._membership = membership
        self.photos, self.validation = photos, validation
        self.device, self.bf16 = device, bf16
        if len(photos) < 2:
            raise UsageError(
                f"{len(photos)} photo is left to train on", tip="at least 2 are needed"
            )
        self.size = side_of_views(config)
        self.objective = build_objective(config, self._prior()).to(device)
        self._scenes = self._scene_names(resume)
        self.network = build_network(
            config,
            self.objective,
            scenes=len(self._scenes),
            restored=weights_are_given(config, resume=resume, init=init),
        )
        if not resume:
            refuse_settings(config, self.network)
        self.progress = Progress()
        if init is not None and not resume:
            start_from(self.network, init, self._calibration())
            self.progress.lot = fingerprint(self.network)
        # For the whole module: for kernels with one channel or one pixel only `Module.to` sets the
        # strides that convolutions take the layout from. Otherwise a step takes 1.7 times as long.
        self.network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        frozen = self.network.frozen()
        shared = {} if frozen is None else {id(frozen): frozen}
        self.average: Colorizing = deepcopy(self.network, shared).eval().requires_grad_(False)
        self.optimizer = build_optimizer(
            config.optimizer,
            self.network,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        if resume:
            self._restore()
        self._embeddings = embed_photos(self.network, photos)
        self._targets = scene_targets(photos.labels, self._scenes).to(device)
        entry: Callable[..., Any] = (
            self.network.forward_with_scenes if self._scenes else self.network
        )
        self._forward: Callable[..., Any] = torch.compile(entry) if compile_network else entry
        self._validation = Validation(
            self.average, self.objective, validation, size=self.size, batch=config.batch, bf16=bf16
        )
        self._norm = torch.zeros(())  # of the last step's gradient, before clipping
        self.stopped_by: int | None = None

    @property
    def fraction(self) -> float:
        """Share of the run that is done, by photos or by hours, whichever is further."""
        share = self.progress.seen / max(1.0, self.config.epochs * len(self.photos))
        if self.config.hours:
            share = max(share, self.progress.seconds / (3600 * self.config.hours))
        return share

    @property
    def _seed(self) -> int:
        return self.config.seed + self.progress.lot

    def train(
        self,
        *,
        report_every: int = 0,
        on_step: Callable[[float, Progress], None] = lambda *_: None,
        on_report: Callable[[dict[str, float]], None] = lambda _: None,
    ) -> bool:
        """Train to the end of the budget, or until interrupted.

        Args:
            report_every: photos between reports; 0 reports once per epoch.
            on_step: called with the smoothed loss: after each step on a CPU, every `LOOK_EVERY`
                steps on a GPU.
            on_report: called with each row of the log.

        Returns:
            True when the budget is used up, False when interrupted; resumable either way.

        Raises:
            ColorizeError: the loss, its gradient or a weight is not finite. The last checkpoint is
                left unchanged.
            PhotoError: a checkpoint or a report cannot be written.
        """
        interval = report_every or len(self.photos)
        self.progress.done = False
        self.run.folder.mkdir(parents=True, exist_ok=True)
        if not self.progress.steps:
            self.run.start_anew()
        self.config.save(self.run.config_path)
        if self._membership is not None:
            self._membership.save(self.run.photos_path)
        self.run.save_labels(sorted({label for label in self.photos.labels if label}))
        if self._scenes:
            self.run.save_scenes(self._scenes)
        Probe.draw(self.photos, self.validation, self.size).save(self.run.folder)
        losses, accuracies = Mean(), Mean()
        sound = torch.ones((), dtype=torch.bool, device=self.device)
        # Reading a value waits for the GPU, which could be doing the next step.
        look_every = 1 if self.device.type == "cpu" else LOOK_EVERY
        saved = begun = time.monotonic()
        first = self.progress.steps
        with interruptible(self.stop):
            for batch in self._batches():
                loss, output, ab = self._step(batch)
                sound = sound & torch.isfinite(loss + self._norm)
                losses.add(loss)
                if not accuracies.count or self.progress.steps % ACCURACY_EVERY == 0:
                    accuracies.add(self._accuracy(output, ab))
                before = self.progress.seen // interval
                self.progress.seen += len(batch)
                self.progress.steps += 1
                looks = self.progress.steps % look_every == 0
                if looks:
                    on_step(losses.recent, self.progress)
                # Between reads this times only the queueing of GPU work; the read waits for the
                # rest. The first step of a process includes compiling and warm-up: not counted.
                if self.progress.steps > first + 1:
                    self.progress.seconds += time.monotonic() - begun
                done = self.fraction >= 1
                ends = done or self.stopped_by is not None
                saves = ends or time.monotonic() - saved > CHECKPOINT_SECONDS
                reports = done or self.progress.seen // interval > before
                # The loss says nothing yet about the weights that the last step produced.
                if ((looks or saves or reports) and not sound) or (saves and self._overflows()):
                    raise self._diverged()
                # Before the report: a failure to draw a picture must not lose what was learned.
                if saves:
                    self._save()
                    saved = time.monotonic()
                if reports:
                    on_report(self._report(losses.mean, accuracies.mean))
                    losses, accuracies = Mean(), Mean()
                if done:
                    self._end()
                if ends:
                    return done
                begun = time.monotonic()
            if not self.progress.done:
                # Nothing was left to train, but the run may have been killed before its report.
                self._report_again(on_report)
                self._end()
        return True

    def _report_again(self, on_report: Callable[[dict[str, float]], None]) -> None:
        """Repeat the last report if it is incomplete."""
        seen = self.progress.seen
        rows = [row for row in self.run.read_log() if row["photos_seen"] == seen]
        if rows and self._sheet_path.exists() and Snapshots(self.run.epochs_folder).has(seen):
            return
        known = rows[-1] if rows else {}
        self.run.trim_log(seen - 1)
        loss, accuracy = (known.get(name, math.nan) for name in ("loss", "training_accuracy"))
        on_report(self._report(loss, accuracy))

    @property
    def _sheet_path(self) -> Path:
        """The contact sheet for the current number of photos seen."""
        return self.run.sheets_folder / f"{self.progress.seen:09d}.png"

    def _end(self) -> None:
        """Save that the budget is used up and reported."""
        self.progress.done = True
        self.progress.budget = (self.config.epochs, self.config.hours)
        self._save()

    def stop(self, signal_number: int) -> None:
        """Stop after the current step and save a checkpoint, because of a signal."""
        self.stopped_by = signal_number

    def _batches(self) -> Iterator[Tensor]:
        """Photo indices for each step, from the run's current position; each epoch reshuffled."""
        batch = min(self.config.batch, len(self.photos))
        steps = len(self.photos) // batch
        while self.fraction < 1:
            epoch, step = divmod(self.progress.steps, steps)
            generator = torch.Generator().manual_seed(self._seed + 7919 * epoch)
            order = torch.randperm(len(self.photos), generator=generator).to(self.device)
            for start in range(step, steps):
                yield order[start * batch : (start + 1) * batch]

    def _step(self, indices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Train one step; return its colour loss, the network's output and the true ab."""
        seed = self._seed + 104729 * self.progress.steps
        generator = torch.Generator().manual_seed(seed)
        # Seeds grain and dropout, so that a resumed run continues as if never interrupted.
        torch.manual_seed(seed)
        lab = random_views(self.photos, indices, self._views(), generator)
        L = exposed(lab, self.config.emulsion, generator)
        L = degrade(L, self.config.degrade, generator)
        constant = self.config.schedule == "constant"
        factor = schedule(self.fraction, self.config.warmup, constant=constant)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * factor
        self.network.train()
        embedding = None if self._embeddings is None else self._embeddings[indices]
        inputs = training_inputs(self.network, L, embedding)
        with self._mixed():
            result = self._forward(*inputs)
        output: Tensor = (result[0] if self._scenes else result).float()
        colour: Tensor = self.objective(output, lab[:, 1:])
        loss = colour
        if self._scenes:
            loss = colour + self.config.scene_weight * scene_loss(result[1], self._targets[indices])
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        bound = math.inf if self.config.clip is None else self.config.clip
        self._norm = nn.utils.clip_grad_norm_(self.network.parameters(), bound)
        with self._mixed():
            self.optimizer.step()
        self._update_average()
        return colour.detach(), output.detach(), lab[:, 1:]

    def _overflows(self) -> bool:
        """Whether a weight is not finite, or too large to square."""
        norms = torch._foreach_norm([p.detach() for p in self.network.parameters()])
        return not bool(torch.stack(norms).isfinite().all())

    def _diverged(self) -> ColorizeError:
        rescue = "give a lower --learning-rate, or --precision fp32"
        if self.run.checkpoint_path.exists():
            rescue += f", in another --out, with --init {self.run.folder} for the last checkpoint"
        return ColorizeError(
            f"{self.run.folder}: at step {self.progress.steps} the loss, its gradient or a "
            "weight is not finite",
            tip=rescue,
        )

    def _mixed(self) -> torch.autocast:
        """Autocast to bfloat16 if the run uses it."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    @torch.no_grad()
    def _accuracy(self, output: Tensor, ab: Tensor) -> Tensor:
        decoded = self.objective.decode(output)
        return accuracy(decoded, on_grid(ab, decoded))

    def _views(self) -> Views:
        return Views(
            self.size,
            crop=(self.config.crop_min, 1.0),
            zoom=self.config.zoom,
            shear=self.config.shear,
        )

    @torch.no_grad()
    def _update_average(self) -> None:
        # Early on the average forgets faster, or it would retain the random initial weights.
        decay = min(self.config.ema, (1 + self.progress.steps) / (10 + self.progress.steps))
        ours, theirs = self.average.state_dict(), self.network.state_dict()
        moving = [
            key
            for key, value in ours.items()
            if value.is_floating_point() and value.data_ptr() != theirs[key].data_ptr()
        ]
        torch._foreach_lerp_([ours[k] for k in moving], [theirs[k] for k in moving], 1 - decay)

    def _report(self, loss: float, training_accuracy: float) -> dict[str, float]:
        """Validate the averaged weights; write the log, plot, contact sheet and snapshot."""
        row = {
            "epoch": self.progress.seen / len(self.photos),
            "photos_seen": self.progress.seen,
            "hours": self.progress.seconds / 3600,
            "loss": loss,
            **self._validation.measure(),
            "training_accuracy": training_accuracy,
        }
        self.run.append_log(row)
        plot_log(self.run.read_log(), self.run.plot_path)
        seen = self.progress.seen
        self._validation.write_sheet(self._sheet_path)
        self._validation.snapshot(Snapshots(self.run.epochs_folder), epoch=row["epoch"], seen=seen)
        return row

    def _calibration(self) -> Iterator[tuple[Tensor, ...]]:
        """Arguments of the network for `CALIBRATION` training photos, evenly spread."""
        count = len(self.photos)
        chosen = torch.linspace(0, count - 1, min(CALIBRATION, count)).long()
        for some in torch.split(chosen.to(self.device), self.config.batch):
            L = centre_views(self.photos, some, self.size)[:, :1]
            yield training_inputs(self.network, L.cpu())

    def _scene_names(self, resume: bool) -> list[str]:
        if not self.config.scene_weight:
            return []
        return (self.run.read_scenes() if resume else []) or scene_names(self.photos.labels)

    def _prior(self) -> Tensor | None:
        kind = get_objective(self.config.objective)
        if not issubclass(kind, Rebalanced) or self.config.rebalance is None:
            return None
        generator = torch.Generator().manual_seed(self.config.seed)
        count = len(self.photos.pixels)
        chosen = torch.randint(count, (min(4_000_000, count),), generator=generator)
        lab = self.photos.pixels[chosen.to(self.photos.pixels.device)].cpu().float()
        return bin_shares(lab[:, 1:] - 128.0, kind())

    def _save(self) -> None:
        self.run.save_checkpoint(
            {
                "network": self.network.state_dict(),
                "ema": self.average.state_dict(),
                "objective": self.objective.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "progress": asdict(self.progress),
            }
        )

    def _restore(self) -> None:
        # On the CPU: AdamW's step counts must stay there, or each would be read back from the GPU.
        state: dict[str, Any] = self.run.load_checkpoint()
        restore(self.network, state["network"], self.run)
        restore(self.average, state["ema"], self.run)
        restore(self.objective, state["objective"], self.run)
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = replace(self.progress, **state["progress"])
        self.run.trim_log(self.progress.seen)
