"""``python -m tap_deepconverse``."""

from tap_deepconverse.tap import TapDeepConverse

if __name__ == "__main__":
    TapDeepConverse.cli()
