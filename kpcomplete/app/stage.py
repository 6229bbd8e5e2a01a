"""Command that draws simulated drives and keeps what the real detector makes of them."""

import logging

from omegaconf import DictConfig

from kpcomplete.app.command import command
from kpcomplete.staging import stage


@command("stage")
def main(cfg: DictConfig) -> None:
    """Stage as configured, and say what was written."""
    logging.getLogger("kpcomplete").setLevel(logging.INFO)
    values = {str(key): value for key, value in cfg.items()}
    size, output = tuple(values.pop("size")), values.pop("output")
    values["variety"] = dict(values["variety"])
    scenes = stage(output, size=size, rates=list(values.pop("rates")), **values)
    logging.getLogger(__name__).info("wrote %s, %d people", output, len(scenes))


if __name__ == "__main__":
    main()
