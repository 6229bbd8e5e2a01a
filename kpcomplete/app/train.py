"""Train or fit the models that kpcomplete ships."""

from omegaconf import DictConfig

from kpcomplete.app.command import build, command


@command("train")
def main(cfg: DictConfig) -> None:
    """Run the task of an experiment: a network, or the classical completers."""
    build(cfg.task)


if __name__ == "__main__":
    main()
