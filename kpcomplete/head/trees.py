"""Boosted decision trees as arrays: a head that finds borders between coordinates by itself."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor, nn

from kpcomplete.pose import Array

_FEW = 127  # nodes that a byte can number
_NEVER = -12.0  # logit of a class that nobody showed


class Trees(nn.Module):
    """Adds up what many small trees say of each class (Friedman 2001, 10.1214/aos/1013203451).

    A tree is a row of nodes, each with one number: the border of a feature, or what a leaf adds.
    The children of a leaf are itself, so that all trees are gone down equally deep.

    Args:
        classes: How many.
        trees: How many, of all classes together.
        nodes: Of the largest tree.
        depth: From a root to its farthest leaf.
    """

    feature: Tensor
    number: Tensor
    low: Tensor
    high: Tensor
    of: Tensor
    bias: Tensor

    def __init__(self, classes: int, trees: int, nodes: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        short = torch.int8 if nodes <= _FEW else torch.int16
        itself = torch.arange(nodes, dtype=short).repeat(trees, 1)
        self.register_buffer("feature", torch.zeros(trees, nodes, dtype=torch.int16))
        self.register_buffer("number", torch.zeros(trees, nodes))
        self.register_buffer("low", itself)
        self.register_buffer("high", itself.clone())
        self.register_buffer("of", torch.zeros(trees, dtype=torch.int16))
        self.register_buffer("bias", torch.zeros(classes))
        self.register_load_state_dict_pre_hook(_joined)  # type: ignore[no-untyped-call]

    @property
    def size(self) -> tuple[int, int, int]:
        """What the constructor wants besides the number of classes."""
        trees, nodes = self.feature.shape
        return trees, nodes, self.depth

    def check(self, features: int) -> None:
        """Make sure that whoever goes down a tree arrives, wherever the numbers are from.

        Args:
            features: How many there are.

        Raises:
            ValueError: If a node asks for what is not there, or leads up or nowhere.
        """
        trees, nodes = self.feature.shape
        itself = torch.arange(nodes).expand(trees, nodes)
        low, high = self.low.long(), self.high.long()
        leaf = (low == itself) & (high == itself)
        inner = (low > itself) & (high > itself) & (low < nodes) & (high < nodes)
        asked = (self.feature >= 0) & (self.feature < features)
        said = (self.of >= 0) & (self.of < len(self.bias))
        if not (bool((leaf | inner).all()) and bool(asked.all()) and bool(said.all())):
            raise ValueError(
                f"trees of {nodes} nodes must lead down to leaves, ask for one of {features} "
                f"features and speak of one of {len(self.bias)} classes, but do not"
            )

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch class"]:
        """Return logits."""
        tree = torch.arange(len(self.of), device=features.device)
        root = torch.zeros_like(features[:, :1], dtype=torch.int64)  # as many as there are windows
        place = root.expand(-1, len(tree))
        low, high, feature = self.low.long(), self.high.long(), self.feature.long()
        for _ in range(self.depth):
            value = features.gather(1, feature[tree, place])
            below = value <= self.number[tree, place]
            place = torch.where(below, low[tree, place], high[tree, place])
        mine = (self.of[:, None] == torch.arange(len(self.bias), device=features.device)).float()
        return self.bias + self.number[tree, place] @ mine


def grow(
    features: Array,
    target: Array,
    weight: Array,
    classes: int,
    *,
    rounds: int,
    leaves: int = 15,
    rate: float = 0.1,
    share: float = 0.3,
    least: int = 20,
    seed: int = 0,
) -> Trees:
    """Fit trees by scikit-learn's histogram gradient boosting (Ke et al. 2017, LightGBM).

    Thresholds and values are rounded to half precision, as they are stored.

    Args:
        features: ``[N, F]``.
        target: ``[N]`` class numbers, of two classes at least.
        weight: ``[N]``.
        classes: How many there are, shown or not.
        rounds: Trees of each class.
        leaves: Of a tree at most.
        rate: Of learning.
        share: Of the features that a border is looked for in, drawn anew for each.
        least: Windows of a leaf.
        seed: Of the draws.
    """
    fitted = HistGradientBoostingClassifier(
        max_iter=rounds, learning_rate=rate, max_leaf_nodes=leaves, l2_regularization=1.0,
        max_bins=63, max_features=share, min_samples_leaf=least, early_stopping=False,
        random_state=seed,
    ).fit(features, target, sample_weight=weight)  # fmt: skip
    return _taken(fitted, classes)


def _taken(fitted: HistGradientBoostingClassifier, classes: int) -> Trees:
    """Return the trees of a fitted model; of two classes there is one tree, for the second."""
    shown = [int(c) for c in fitted.classes_]
    own = shown if len(shown) > 2 else shown[1:]
    rounds = [[tree.nodes for tree in several] for several in fitted._predictors]
    rows = [(c, nodes) for several in rounds for c, nodes in zip(own, several, strict=True)]
    most = max(len(nodes) for _, nodes in rows)
    depth = max(int(nodes["depth"].max()) for _, nodes in rows)
    out = Trees(classes, len(rows), most, depth)
    out.bias.fill_(_NEVER)
    out.bias[shown] = 0.0
    out.bias[own] = torch.from_numpy(np.ravel(fitted._baseline_prediction)).float()
    for i, (number, nodes) in enumerate(rows):
        count, inner = len(nodes), nodes["is_leaf"] == 0
        itself = np.arange(count)
        for name, values in (
            ("feature", np.where(inner, nodes["feature_idx"], 0)),
            ("number", np.where(inner, nodes["num_threshold"], nodes["value"])),
            ("low", np.where(inner, nodes["left"], itself)),
            ("high", np.where(inner, nodes["right"], itself)),
        ):
            row = getattr(out, name)[i]
            row[:count] = torch.from_numpy(np.asarray(values, np.float64)).to(row.dtype)
        out.of[i] = number
    out.number.copy_(out.number.half().float())
    return out


def _joined(_: nn.Module, state: dict[str, Tensor], prefix: str, *__: object) -> None:
    """Give older trees, which had two numbers a node, one of them."""
    if f"{prefix}threshold" in state:
        border, value = state.pop(f"{prefix}threshold"), state.pop(f"{prefix}value")
        leaf = state[f"{prefix}low"] == torch.arange(border.shape[1])
        state[f"{prefix}number"] = torch.where(leaf, value, border)


def forest(heads: Sequence[Trees]) -> tuple[Array, ...]:
    """Return all trees of several heads together, for `kpcomplete.head.describing.summed`.

    Returns:
        ``feature``, ``number``, ``low``, ``high`` ``[T, N]``, ``of [T]``, the number of the logit
        that each tree adds to, and ``bias`` of all logits.
    """
    most = max(head.size[1] for head in heads)
    parts: list[Array] = []
    for name, kind in (
        ("feature", np.int64), ("number", np.float32), ("low", np.int64), ("high", np.int64),
    ):  # fmt: skip
        rows = [
            nn.functional.pad(getattr(head, name), (0, most - head.size[1])).numpy().astype(kind)
            for head in heads
        ]
        parts.append(np.concatenate(rows))
    starts = np.cumsum([0, *(len(head.bias) for head in heads)])
    of = [head.of.numpy().astype(np.int64) + at for head, at in zip(heads, starts, strict=False)]
    bias = np.concatenate([head.bias.numpy() for head in heads]).astype(np.float32)
    return (*parts, np.concatenate(of), bias)
