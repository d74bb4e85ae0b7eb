"""``python -m tap_devrev``."""

from tap_devrev.tap import TapDevRev

if __name__ == "__main__":
    TapDevRev.cli()
