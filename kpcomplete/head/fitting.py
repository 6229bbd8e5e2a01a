"""Heads fitted to features that were computed once; the encoder stays as it is."""

from collections.abc import Mapping

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from kpcomplete.data.labelled import NONE, LabelledBatch
from kpcomplete.errors import SettingError
from kpcomplete.head.figures import features as features_of
from kpcomplete.head.several import Several
from kpcomplete.head.trees import grow


def regress(network: Several, batch: LabelledBatch, components: int) -> None:
    """Fit each linear head by logistic regression on principal components of the features.

    Raises:
        SettingError: If a head is not linear, or fewer than two of its classes were shown.
    """
    features = ((features_of(network, batch) - network.middle) / network.width).numpy()
    for task, head in network.heads.items():
        if not isinstance(head, nn.Sequential) or len(head) != 1:
            raise SettingError("a regression on components needs a linear head: set hidden=[]")
        linear = head[0]
        assert isinstance(linear, nn.Linear)
        known = _known(network, task, batch.targets[task]).numpy()
        target = batch.targets[task].numpy()
        pca = PCA(min(components, int(known.sum()), features.shape[1])).fit(features)
        fitted = LogisticRegression(class_weight="balanced", max_iter=500, C=0.1)
        fitted.fit(pca.transform(features[known]), target[known])
        weight = np.zeros(linear.weight.shape, np.float32)
        bias = np.full(len(weight), -10.0, np.float32)  # classes that nobody showed
        rows, back = fitted.coef_, fitted.intercept_
        if len(fitted.classes_) == 2:
            rows, back = np.concatenate([-rows, rows]) / 2, np.concatenate([-back, back]) / 2
        weight[fitted.classes_] = rows @ pca.components_
        bias[fitted.classes_] = back - (rows @ pca.components_) @ pca.mean_
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))


def fit_heads(
    network: Several,
    features: Tensor,
    targets: Mapping[str, Tensor],
    steps: int,
    seed: int = 0,
    group: Tensor | None = None,
) -> None:
    """Fit the heads alone to features that were computed once; each class weighs the same.

    Args:
        network: Its heads start anew.
        features: ``[N, F]``, see `Several.features`.
        targets: Task to class numbers ``[N]``, `NONE` where not known.
        steps: Of AdamW, of 256 windows each.
        seed: Of the weights and the windows drawn.
        group: ``[N]`` where windows come from; a group is drawn from in proportion to the square
            root of how many of its windows have a class, or a large one would drown the others.
            None: all are of one.
    """
    torch.manual_seed(seed)
    for layer in network.heads.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    network.train()
    optimizer = torch.optim.AdamW(network.heads.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    shares = {task: _balanced(values, group) for task, values in targets.items()}
    with torch.enable_grad():
        for _ in range(steps):
            loss = torch.zeros(())
            for task, share in shares.items():
                rows = torch.multinomial(share, 256, replacement=True)
                logits = network.decide(features[rows])[task]
                loss = loss + nn.functional.cross_entropy(logits, targets[task][rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    network.eval()


def fit_trees(
    network: Several,
    features: Tensor,
    targets: Mapping[str, Tensor],
    rounds: int,
    seed: int = 0,
    group: Tensor | None = None,
) -> None:
    """Grow trees for each task on features that were computed once; arguments as `fit_heads`.

    A class counts in proportion to the square root of how often it is shown, or rare ones would
    hardly ever be found. With few labels leaves may be smaller.

    Raises:
        SettingError: If fewer than two classes of a task were shown.
    """
    network.eval()  # nothing is dropped: trees need it neither now nor later
    scaled = ((features - network.middle) / network.width).numpy()
    group = torch.zeros(len(features), dtype=torch.int64) if group is None else group
    for task, target in targets.items():
        known = _known(network, task, target)
        weight = _rarity(group[known]) * _rarity(target[known])
        network.plant(
            task,
            grow(
                scaled[known.numpy()], target[known].numpy(),
                (weight / weight.mean()).numpy(), len(network.tasks[task]),
                rounds=rounds, least=min(20, max(3, int(known.sum()) // 200)), seed=seed,
            ),
        )  # fmt: skip


def _rarity(numbers: Tensor) -> Tensor:
    """Return one over the square root of how often each of the numbers ``[N]`` is there."""
    return torch.bincount(numbers).float().rsqrt()[numbers]


def _known(network: Several, task: str, target: Tensor) -> Tensor:
    """Return which of a task's classes ``[N]`` are known.

    Raises:
        SettingError: If these are fewer than two different ones.
    """
    known = target != NONE
    if (shown := len(torch.unique(target[known]))) < 2:
        raise SettingError(
            f"{task} needs labels of two classes at least, but {shown} of "
            f"{', '.join(network.tasks[task])} are labelled in what is learned from"
        )
    return known


def _balanced(target: Tensor, group: Tensor | None) -> Tensor:
    """Return how often rows are drawn: classes of a group alike, rows without one never."""
    share = torch.zeros(len(target))
    group = torch.zeros_like(target) if group is None else group
    for where in torch.unique(group).tolist():
        mine = (group == where) & (target != NONE)
        numbers = torch.unique(target[mine]).tolist()
        for number in numbers:
            rows = mine & (target == number)
            share[rows] = float(mine.sum()) ** 0.5 / (len(numbers) * float(rows.sum()))
    return share
